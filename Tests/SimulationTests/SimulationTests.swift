import Foundation
import Simulation
import Testing

/// Whole cache stacks over fake tiers in virtual time, every read compared with the truth.
///
/// Larger runs: `SPRINGTIDE_SIM_SEEDS` (runs, 200), `SPRINGTIDE_SIM_READS` (values to compare, 10,000,000) and
/// `SPRINGTIDE_SIM_FIRST` (the first seed, 0).
@Suite(.serialized) struct SimulationTests {
    private static func number(_ name: String, default standard: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? standard
    }

    @Test("No read is wrong under any mix of faults, and everything converges once they end")
    func soak() async {
        let (seeds, reads) = (
            Self.number("SPRINGTIDE_SIM_SEEDS", default: 200),
            Self.number("SPRINGTIDE_SIM_READS", default: 10_000_000)
        )
        let first = UInt64(Self.number("SPRINGTIDE_SIM_FIRST", default: 0))
        let campaign = await OwnThread.run {
            Campaign(from: first, seeds: seeds, checked: reads) { campaign in
                if campaign.seeds % 1_000 == 0 { print("simulation: \(campaign)") }
            }
        }
        print("simulation: \(campaign)")
        #expect(campaign.failure == nil, "\(campaign)")
        #expect(campaign.seeds >= seeds)
        #expect(campaign.checked >= reads)
    }

    @Test("Every kind of fault happens") func everyFault() async {
        let campaign = await OwnThread.run { Campaign(from: 500_000, seeds: 60, checked: 0) }
        #expect(campaign.failure == nil, "\(campaign)")
        for fault in Fault.allCases where fault != .drift {
            #expect(campaign.fired[fault, default: 0] > 0, "\(fault) never happened")
        }
    }

    @Test("One seed is one run, step by step", arguments: [0, 7, 21, 130] as [UInt64])
    func determinism(seed: UInt64) async {
        let (a, b) = await OwnThread.run {
            (Simulation.run(FaultPlan(seed: seed)), Simulation.run(FaultPlan(seed: seed)))
        }
        #expect(a.trace == b.trace)
        #expect(a.steps == b.steps && a.checked == b.checked && a.simulated == b.simulated)
        #expect(a.steps > 1_000)
        let other = await OwnThread.run { Simulation.run(FaultPlan(seed: seed + 1)) }
        #expect(other.trace != a.trace)
    }

    @Test("Every mutant is caught within 500 seeds", arguments: Mutant.allCases)
    func mutants(_ mutant: Mutant) async throws {
        let campaign = await OwnThread.run {
            Campaign(from: 0, seeds: 500, checked: 0, mutant: mutant, seedsMax: 500)
        }
        let failure = try #require(campaign.failure, "\(mutant) was not caught")
        print("simulation: \(mutant) caught by run \(campaign.seeds): \(failure.violation ?? "")")
    }

    @Test("What goes wrong is shrunk to a smaller plan that still goes wrong")
    func shrinking() async throws {
        let (large, small) = await OwnThread.run { () -> (RunReport, RunReport) in
            var seed: UInt64 = 0
            while true {
                let report = Simulation.run(FaultPlan(seed: seed, mutant: .deleteOnWrite))
                if report.violation != nil { return (report, Shrinking.shrink(report, runsMax: 60)) }
                seed += 1
            }
        }
        #expect(small.violation != nil)
        #expect(small.plan.rates.count <= large.plan.rates.count)
        #expect(small.plan.duration < large.plan.duration)
        #expect(small.plan.processes <= large.plan.processes)
        let again = await OwnThread.run { Simulation.run(small.plan) }
        #expect(again.violation == small.violation)
        #expect(again.trace == small.trace)
    }
}

/// Runs long computations on a thread of their own, so that they keep none of the cooperative pool.
enum OwnThread {
    static func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            let thread = Thread { continuation.resume(returning: body()) }
            thread.stackSize = 8 << 20
            thread.start()
        }
    }
}
