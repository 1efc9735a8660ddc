import Foundation
import HistoryChecker

import struct HistoryChecker.Operation

/// Everything a run leaves behind: the calls of all processes, and what L3 held in each epoch.
struct Evidence {
    /// All calls, a write once.
    private(set) var calls: [RecordedCall] = []
    /// Errors that clients got, by class.
    private(set) var errors: [String: Int] = [:]
    private(set) var eras: [Era] = []

    /// One epoch, with the part of L3's history that was true in it.
    struct Era {
        var epoch: UInt32
        var cut: Int64
        var over: Int64
        var dump: Dump
        /// The last ticket that the epochs before it left behind, and its own last one.
        var first: UInt64
        var last: UInt64
    }

    /// Reads the call files of `directory`; a line cut off by a SIGKILL is not counted.
    mutating func readCalls(_ directory: String) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
            .filter { $0.hasPrefix("calls-") }.sorted()
        for name in names {
            let text = try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)
            var found: [RecordedCall] = []
            for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
                if line.hasPrefix("!") {
                    errors[String(line.dropFirst()), default: 0] += 1
                } else if let call = RecordedCall(line: line) {
                    found.append(call)
                } else if line.endIndex != text.endIndex {
                    throw BenchError("\(name) has a line that is no call: \(line.prefix(200))")
                }
            }
            // A write is noted before and after; the later note counts.
            var last: [UInt64: Int] = [:]
            for (index, call) in found.enumerated() where call.operation.kind == .write {
                last[call.operation.attempt] = index
            }
            for (index, call) in found.enumerated() {
                if call.operation.kind != .write || last[call.operation.attempt] == index {
                    calls.append(call)
                }
            }
        }
    }

    /// Splits what L3 held by its epochs; `final` is what it holds in the end.
    mutating func readEpochs(_ ended: [EndedEpoch], final: Dump) {
        for (index, epoch) in ended.enumerated() {
            let dump = ended[index...].lazy.compactMap(\.dump).first ?? final
            add(epoch.epoch, epoch.cut, epoch.over, dump)
        }
        let newest = max(final.epochs.last?.epoch ?? 1, (ended.last?.epoch ?? 0) + 1)
        add(newest, .max, .max, final)
        resolveDuplicates()
    }

    private mutating func add(_ epoch: UInt32, _ cut: Int64, _ over: Int64, _ dump: Dump) {
        let first = epoch == 0 ? 0 : dump.last(epoch - 1)
        eras.append(
            Era(
                epoch: epoch, cut: cut, over: over, dump: dump, first: first,
                last: max(first, dump.last(epoch))))
    }

    /// A duplicate's answer names no epoch: it is the first whose L3 holds the attempt at that ticket, else the last.
    private mutating func resolveDuplicates() {
        var holders: [UInt64: [(ticket: UInt64, epoch: UInt32)]] = [:]
        for era in eras {
            for attempt in era.dump.attempts
            where attempt.ticket > era.first && attempt.ticket <= era.last {
                holders[attempt.attempt, default: []].append((attempt.ticket, era.epoch))
            }
        }
        for index in calls.indices
        where calls[index].epoch == 0 && calls[index].operation.outcome == .ok {
            let operation = calls[index].operation
            let holder = holders[operation.attempt]?.first { $0.ticket == operation.ticket }
            calls[index].epoch = holder?.epoch ?? eras.last?.epoch ?? 0
        }
    }

    // MARK: One epoch's history

    /// The history of one epoch as its clients may judge it: their calls in it, and what it inherited.
    func history(_ era: Era) -> History {
        var history = History()
        for call in calls {
            guard let operation = Self.view(call, in: era) else { continue }
            history.append(operation, call.observed, writes: call.writes)
        }
        history.versions = era.dump.versions.filter { $0.ticket <= era.last }
        history.attempts = era.dump.attempts.filter { $0.ticket <= era.last }
        return history
    }

    /// A call as an epoch sees it; nil where it has no part in it.
    private static func view(_ call: RecordedCall, in era: Era) -> Operation? {
        var operation = call.operation
        guard operation.kind == .write else {
            // Reads that failed owe nothing.
            return call.epoch == era.epoch ? operation : nil
        }
        func doubtful() -> Operation? {
            guard operation.begin < era.over else { return nil }
            operation.outcome = .inDoubt
            operation.end = Operation.never
            operation.ticket = 0
            return operation
        }
        switch operation.outcome {
        case .ok:
            if call.epoch == era.epoch { return operation }
            // An earlier sending may have taken effect before history was lost.
            if call.epoch > era.epoch { return doubtful() }
            // What was committed after the copy was taken is lost.
            guard operation.ticket <= era.dump.last(call.epoch) else { return nil }
            operation.session = Operation.nobody
            operation.process = Operation.nobody
            return operation
        case .conflict, .failed:
            guard operation.begin < era.over else { return nil }
            return operation.end > era.cut ? doubtful() : operation
        case .inDoubt: return doubtful()
        }
    }

    /// Calls that returned values of an epoch nobody knows, or of a lost one for longer than they allowed.
    var faultsOfEpochs: [String] {
        var faults: [String] = []
        for call in calls where call.operation.outcome == .ok && call.operation.kind != .write {
            let operation = call.operation
            guard let era = eras.first(where: { $0.epoch == call.epoch }) else {
                faults.append("a \(operation.kind.rawValue) read returned values of epoch \(call.epoch)")
                continue
            }
            guard era.over != .max, !operation.isStale, operation.begin - era.over > operation.maxAge
            else { continue }
            let late = (operation.begin - era.over) / 1_000_000
            faults.append(
                "a \(operation.kind.rawValue) read that began \(late) ms after the end of epoch \(call.epoch) returned "
                    + "its values, \(operation.maxAge / 1_000_000) ms allowed")
        }
        return faults
    }
}
