// Prints what a get and a put of L1 cost, beside Caffeine on the same sequence of keys: 65,536 entries of 64 bytes, all
// held, keys by Zipf's law with exponent 0.99. Get copies the 64 bytes out here and hands out a shared reference there,
// and both then add up all 64 bytes; put copies 64 bytes in here and stores one of the key's two ready-made arrays
// there. A batch prefetches 16 keys here and is `getAllPresent` there. The Java process is warmed up, and runs
// of both alternate; each rate is the best of three medians of five runs. Processor time is that of the whole process
// over all runs, so the peer's housekeeping on a thread pool is in it. Then allocations per hit.
//
// On a machine with other load the processor time is the steadier figure; the load average is printed for that.
// With --rounds N: N medians instead of three.
import CacheStack
import Foundation
import Glibc
import MallocCount

@main
enum CacheBenchmark {
    static let entries = 65_536
    static let exponent = 0.99
    /// Of Springtide: the exact order, whose hits are recorded, and the one whose hits are marks.
    static let policies: [PolicyName] = [.lru, .s3fifo]
    static let operations = 1_000_000
    static let loads = [
        Load(threads: 1), Load(threads: 2), Load(isMixed: true, threads: 1), Load(isMixed: true, threads: 2),
        Load(isBatched: true, threads: 1), Load(isBatched: true, threads: 2),
    ]

    static func main() throws {
        let arguments = CommandLine.arguments
        let rounds = arguments.firstIndex(of: "--rounds").flatMap { Int(arguments[$0 + 1]) } ?? 3
        let sequences = (1...2).map { KeySequence(entries: entries, exponent: exponent, seed: UInt64($0)) }
        let locals = policies.map { LocalLoad($0, entries: entries, sequences: sequences) }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("cache-benchmark-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var peer: CaffeinePeer?
        do {
            peer = try CaffeinePeer(entries: entries, sequences: sequences, folder: folder)
        } catch let missing as PeerMissing { print("Caffeine: not run, \(missing.reason)") }
        print("\(entries) entries of 64 B, Zipf \(exponent), seeds 1 and 2, \(operations) operations a thread and run")
        var load = [0.0]
        getloadavg(&load, 1)
        print(String(format: "load average %.1f on %d processors", load[0], ProcessInfo.processInfo.processorCount))
        for load in loads {
            for _ in 0..<(peer == nil ? 0 : 5) { _ = try peer?.run(load, operations: operations) }
            for local in locals { _ = local.run(load, operations: operations) }
        }
        for load in loads { try compare(load, locals, peer, rounds: max(1, rounds)) }
        peer?.stop()
        for local in locals { printAllocations(local) }
    }

    static func compare(_ load: Load, _ locals: [LocalLoad], _ peer: CaffeinePeer?, rounds: Int) throws {
        var own = locals.map { _ in Series() }
        var other = Series()
        for _ in 0..<rounds {
            for _ in 0..<5 {
                for (index, local) in locals.enumerated() {
                    own[index].append(local.run(load, operations: operations))
                }
                if let run = try peer?.run(load, operations: operations) { other.append(run) }
            }
            for index in own.indices { own[index].endRound() }
            other.endRound()
        }
        print(load.name)
        if let peer { print(line(peer.name, other)) }
        for (local, series) in zip(locals, own) {
            let (speed, cost) = (series.bestPerSecond / other.bestPerSecond, series.cpuEach / other.cpuEach)
            let ratio = String(format: "   %.2f times the rate, %.2f times the processor time", speed, cost)
            print(line("L1 \(local.policy)", series) + (peer == nil ? "" : ratio))
        }
    }

    static func line(_ name: String, _ series: Series) -> String {
        "  " + name.padding(toLength: 18, withPad: " ", startingAt: 0)
            + String(format: "%7.2f M/s %7.1f ns CPU each", series.bestPerSecond / 1e6, series.cpuEach)
            + (series.misses == 0 ? "" : "   \(series.misses) MISSES")
    }

    static func printAllocations(_ local: LocalLoad) {
        let before = malloc_count()
        let boxes = (1...1_000).map { ContiguousArray(repeating: $0, count: 10) }
        guard malloc_count() - before >= UInt(boxes.count) else {
            print("allocations: not counted, this program's malloc is not in use")
            return
        }
        let calls = [1_000, 1_001_000].map { operations in
            let start = malloc_count()
            let misses = local.loop(thread: 0, isMixed: false, operations: operations)
            return (allocations: malloc_count() - start, misses: misses)
        }
        let more = Int(calls[1].allocations) - Int(calls[0].allocations)
        print(
            "L1 \(local.policy): \(more) allocations by 1000000 hits (\(calls[1].misses) misses), \(Double(more) / 1e6) a hit"
        )
    }
}
