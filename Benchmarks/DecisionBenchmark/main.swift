// Prints what a decision costs: processor time of each policy and of a whole period of the safety ladder, for the eight
// services of the trading chain, over bursty days in the simulator. The goal is 5 ms at the 99th percentile.
//
// 1. Each policy alone: static, hpa, keda, autopilot, forecast rule, PPO, DQN, hybrid.
// 2. The hybrid scheduler over ten seeds: its largest number of evaluations, and the 99th percentile of each seed.
// 3. A period of the ladder: observation in, decision and its line in the journal out; as `autoscaler run` has it by
//    default (learned, forecast and reactive rule, hpa beside), and with every policy beside.
//
// Weights of PPO and DQN are those of a training of seconds: their time does not depend on them. Argument: seeds of part
// 2 (default 10). Processor time of the thread, not the wall's.

import Autoscaling
import Foundation
import Glibc

func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Processor seconds of decisions.
struct Times {
    var seconds: [Double] = []

    func share(_ share: Double) -> Double {
        let sorted = seconds.sorted()
        return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    func print(_ label: String, _ more: String = "") {
        let padded = label.padding(toLength: 44, withPad: " ", startingAt: 0)
        let text = String(
            format: "p50 %8.1f us, p99 %8.1f us, most %8.1f us", share(0.5) * 1e6, share(0.99) * 1e6,
            (seconds.max() ?? 0) * 1e6)
        Swift.print("  \(padded) \(text), \(seconds.count) decisions\(more)")
    }
}

let profile = ChainProfile.tradingChain
let day = try TradingDayLoad.bursty.load(seed: 99)

/// Lets `decide` run the chain from a quarter of an hour before the open on; the times of its decisions.
func times(
    seed: UInt64 = 1, _ decide: (Observation) -> Decision?, applied: (Decision, Double) -> Void
) throws -> Times {
    var options = SimulatorOptions(seed: seed)
    options.forecaster = PerfectForecast(logError: 0.2)
    var simulator = try ChainSimulator(profile, day.window(0..<10_000), options)
    var times = Times()
    while !simulator.isOver {
        let observation = simulator.observation
        let start = processorSeconds()
        let decision = decide(observation)
        times.seconds.append(processorSeconds() - start)
        let taken = decision ?? Decision(services: simulator.targets.map { ServiceDecision(replicas: $0) })
        _ = simulator.step(taken)
        applied(taken, observation.time)
    }
    return times
}

func times(of policy: any ScalingPolicy, seed: UInt64 = 1) throws -> Times {
    var policy = policy
    return try times(seed: seed) {
        try? policy.decide($0)
    } applied: {
        policy.applied($0, at: $1)
    }
}

/// A model whose training took seconds.
func model(_ algorithm: ScalingTraining.Algorithm) throws -> ScalingModel {
    var training = ScalingTraining(profile)
    training.algorithm = algorithm
    training.steps = 4_096
    training.judgedEvery = 4_096
    training.days = 1
    training.kinds = [.mild]
    training.validationKinds = [.mild]
    return try training.run().model
}

/// The ladder of a run with policies beside it, with the text of each period for the journal.
func ladderTimes(_ model: ScalingModel, beside: [any ScalingPolicy]) throws -> (Times, bytes: Int) {
    let settings = LadderSettings()
    var ladder = try SafetyLadder(
        profile, settings, learned: LearnedPolicy(model, profile), forecast: ForecastRule(profile),
        reactive: ReactiveRule(profile), shield: Shield(profile), shadows: beside,
        counterfactuals: [try HPAPolicy(profile, HPAConfiguration(metrics: [.cpu(percent: 70)]))])
    var bytes = 0
    let found = try times { observation in
        let round = ladder.decide(observation)
        let line = JournalLine.decision(
            JournalDecision(
                id: "run-1", at: observation.time, epoch: 1, isActing: true, isModelDisabled: false,
                configurationHash: "0", modelHash: nil, round: round))
        bytes += line.text.utf8.count
        return round.decision
    } applied: { _, _ in
    }
    return (found, bytes / found.seconds.count)
}

let seeds = CommandLine.arguments.count > 1 ? max(1, Int(CommandLine.arguments[1]) ?? 10) : 10
let ppo = try model(.ppo)
let dqn = try model(.dqn)

print("processor time of a decision for 8 services, bursty day; the goal is a p99 of 5000 us")
for entry in PolicyCatalogue(models: [ppo, dqn]).entries
where !["oracle", "hpa50"].contains(entry.name) && !entry.name.hasSuffix(" alone") {
    try times(of: entry.make(profile, day, 1)).print(entry.name)
}

print("hybrid, \(seeds) seeds")
var all = Times()
var worst = 0.0
var evaluations = 0
for seed in 1...UInt64(seeds) {
    let policy = try HybridPolicy(profile, .init(seed: seed))
    var most = 0
    let found = try times(seed: seed) { observation in
        defer { most = max(most, policy.last?.evaluations ?? 0) }
        return try? policy.decide(observation)
    } applied: {
        policy.applied($0, at: $1)
    }
    all.seconds += found.seconds
    worst = max(worst, found.share(0.99))
    evaluations = max(evaluations, most)
}
all.print("all seeds", String(format: ", <= %d evaluations; p99 of the worst seed %.1f us", evaluations, worst * 1e6))

print("a period of the ladder: judge, ask, shield, decide, write the journal's line")
let plain = try ladderTimes(ppo, beside: [])
plain.0.print("learned, rules, hpa beside", ", \(plain.bytes) bytes a line")
let full = try ladderTimes(
    ppo,
    beside: [
        try StaticPolicy(profile, peak: day.peak), try KEDAPolicy(profile), try AutopilotPolicy(profile),
        try LearnedPolicy(dqn, profile), try HybridPolicy(profile),
    ])
full.0.print("every policy beside, hybrid too", ", \(full.bytes) bytes a line")
