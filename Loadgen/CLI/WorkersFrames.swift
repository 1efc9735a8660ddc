internal import Engine
internal import Glibc
internal import Synchronization

/// What a worker tells its parent: a byte, a length of four bytes big endian, the content.
enum WorkerFrame: UInt8 {
    /// It has read the scenario and waits for the start; content: what it understood.
    case ready = 82
    /// The figures of an interval.
    case progress = 80
    /// The result; nothing follows.
    case done = 68
    /// Why there is none: a byte for the kind of fault, then a text.
    case failed = 69

    /// Greatest content, bytes: a result of a day's run with its series.
    static let lengthMax = 1 << 30
    static let headLength = 5
}

/// Standard output of a worker.
struct WorkerOutput {
    private static let codes: [LoadError.Code] = [.configuration, .connection, .system]

    func send(_ frame: WorkerFrame, _ content: [UInt8]) throws(LoadError) {
        let length = UInt32(content.count)
        var bytes = [frame.rawValue]
        for shift in [24, 16, 8, 0] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: length >> shift)) }
        bytes += content
        var start = 0
        while start < bytes.count {
            let count = unsafe bytes[start...].withUnsafeBytes { unsafe write(1, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw LoadError(.system, "the process that started this one is gone") }
            start += count
        }
    }

    /// Says why there is no result; to nobody where the parent is gone.
    func fail(_ error: LoadError) {
        let code = UInt8(Self.codes.firstIndex(of: error.code) ?? 2)
        try? send(.failed, [code] + Array(error.message.utf8))
    }

    /// The error in the content of a `failed` frame.
    static func error(_ content: [UInt8]) -> LoadError {
        let code = content.first.flatMap { codes.indices.contains(Int($0)) ? codes[Int($0)] : nil } ?? .system
        return LoadError(code, String(decoding: content.dropFirst(), as: UTF8.self))
    }
}

/// Sends the figures of each interval; lives on the engine's thread.
final class WorkerProgress {
    private let plan: LoadPlan
    private let output = WorkerOutput()

    init(_ plan: LoadPlan) { self.plan = plan }

    /// A parent that is gone is noticed by the control pipe, not here.
    func send(_ progress: LoadProgress) { try? output.send(.progress, WorkerFigures(progress).bytes) }
}

/// The figures of one interval of one worker, or of all together.
struct WorkerFigures {
    var elapsed: Double
    var connections: Int
    /// Totals as the only row, the interval as the only entry of the series, with index 0 so that it can be merged.
    var result: RunResult
    var scenarios: [LiveFigures.Scenario]

    private static let phases: [ScenarioProgress.Phase] = [.waiting, .running, .finishing, .ended]

    init(_ progress: LoadProgress) {
        elapsed = progress.elapsed
        connections = progress.connections
        result = RunResult()
        result.rows = [progress.totals]
        result.series = [progress.interval]
        result.series[0].index = 0
        result.offered = progress.offered
        result.sent = progress.sent
        result.wallSeconds = progress.elapsed
        scenarios = progress.scenarios.map {
            LiveFigures.Scenario($0.phase, users: $0.users, rate: $0.rate, step: $0.step)
        }
    }

    /// The figures in the content of a frame; nil for a malformed one.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 17, bytes.count >= 17 + Int(bytes[16]) * 24,
            let result = try? RunResultCodec.decode(Array(bytes[(17 + Int(bytes[16]) * 24)...])),
            result.rows.count == 1, result.series.count == 1
        else { return nil }
        func word(_ at: Int) -> UInt64 { bytes[at..<at + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        self.result = result
        elapsed = Double(bitPattern: word(0))
        connections = Int(truncatingIfNeeded: word(8))
        scenarios = (0..<Int(bytes[16])).map { index in
            let at = 17 + index * 24
            let (phase, step) = (Int(bytes[at]), Int(truncatingIfNeeded: word(at + 16)))
            return LiveFigures.Scenario(
                Self.phases[min(phase, Self.phases.count - 1)], users: Int(word(at) & 0xFF_FFFF_FFFF),
                rate: Double(bitPattern: word(at + 8)), step: step < 0 ? nil : step)
        }
    }

    /// The content of a frame: elapsed, connections, number of scenarios, 24 bytes of each, and the coded figures.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        func put(_ word: UInt64) {
            for shift in stride(from: 56 as UInt64, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        put(elapsed.bitPattern)
        put(UInt64(connections))
        bytes.append(UInt8(clamping: scenarios.count))
        for scenario in scenarios {
            let phase = UInt64(Self.phases.firstIndex(of: scenario.phase) ?? 0)
            put(phase << 56 | UInt64(scenario.users))
            put(scenario.rate.bitPattern)
            put(UInt64(bitPattern: Int64(scenario.step ?? -1)))
        }
        return bytes + RunResultCodec.encode(result)
    }

    /// Adds the figures of another worker.
    mutating func add(_ other: WorkerFigures) {
        elapsed = max(elapsed, other.elapsed)
        connections += other.connections
        result.merge(other.result)
        for (index, scenario) in other.scenarios.enumerated() where scenarios.indices.contains(index) {
            scenarios[index].users += scenario.users
            scenarios[index].rate = max(scenarios[index].rate, scenario.rate)
        }
    }

    /// As the live view takes them; conditions about all requests are judged, others are not known before the end.
    func live(_ plan: LoadPlan) -> LiveFigures {
        var figures = LiveFigures(
            elapsed: elapsed, length: plan.seconds, interval: result.series[0], connections: connections)
        figures.sent = result.sent
        figures.totals = result.rows[0]
        figures.scenarios = scenarios
        figures.thresholds = plan.thresholds.filter { $0.scenario == nil && $0.operation == nil }
            .map { $0.evaluate(result, plan: plan) }
        return figures
    }
}
