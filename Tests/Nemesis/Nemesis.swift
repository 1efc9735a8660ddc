import CacheStack
import TestData

/// Injects the faults of a plan one after another and keeps what became of each.
///
/// Every fault heals what it broke before it returns, so that the end of a schedule is a whole system.
struct Nemesis {
    /// One injection that was carried out.
    struct Record {
        var fault: Fault
        /// Monotonic times of its beginning and of its healing.
        var begin: Int64
        var end: Int64
        /// What the fault touched, in its own measure; 0 where nobody and nothing noticed it.
        var effect: Int
    }

    let servers: Servers
    let workers: Workers
    /// Where calls of the injected transactions are noted.
    let recorder: Recorder
    private var plan: FaultPlan
    private(set) var records: [Record] = []
    /// Injections that failed, with the reason: they count as none.
    private(set) var failures: [String] = []
    /// Steps of the plan that were taken.
    private(set) var steps = 0

    init(_ servers: Servers, _ workers: Workers, _ recorder: Recorder, plan: FaultPlan) {
        self.servers = servers
        self.workers = workers
        self.recorder = recorder
        self.plan = plan
    }

    /// Injects faults until `end`; calls `progress` before each.
    mutating func run(until end: ContinuousClock.Instant, _ progress: (String) -> Void) async {
        while ContinuousClock.now < end, let step = plan.next() {
            steps += 1
            progress("\(step)")
            async let first = Self.inject(step.fault, injection(step.seeds.0))
            if let second = step.second {
                note(second, await Self.inject(second, injection(step.seeds.1)))
            }
            note(step.fault, await first)
            try? await Task.sleep(for: .milliseconds(step.pause))
        }
    }

    private func injection(_ seed: UInt64) -> Injection {
        Injection(servers: servers, workers: workers, recorder: recorder, seed: seed)
    }

    private static func inject(_ fault: Fault, _ prepared: Injection) async -> Result<
        Record, any Error
    > {
        var injection = prepared
        let begin = Clock.now
        do {
            let effect = try await injection.inject(fault)
            return .success(Record(fault: fault, begin: begin, end: Clock.now, effect: effect))
        } catch {
            return .failure(error)
        }
    }

    private mutating func note(_ fault: Fault, _ result: Result<Record, any Error>) {
        switch result {
        case .success(let record): records.append(record)
        case .failure(let error): failures.append("\(fault.rawValue): \(error)")
        }
    }
}
