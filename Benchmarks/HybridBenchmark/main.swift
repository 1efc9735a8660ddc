// Prints what the hybrid genetic and reinforcement scheduler is worth beside its parts, hill climbing and the rules.
//
// 1. Ablation at equal evaluations: F of the best plan for ten loads of the trading chain with quotas and priorities on
//    busy nodes, cold and warm starts, each over the seeds, beside the best plan that any search found.
// 2. Processor time of a decision of the policy for eight services.
// 3. Trading days behind the shield: violations, replica-hours and reversals beside HPA and the calibrated rule, with
//    forecasts fitted on other days.
//
// Arguments: seeds of the ablation (default 10), trading days of each kind (default 3; 0 leaves part 3 out).

import Autoscaling
import Foundation
import Glibc
import Learning

func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func padded(_ text: String, _ width: Int) -> String { text.padding(toLength: width, withPad: " ", startingAt: 0) }

/// A load of the chain as a problem for the searches.
struct Instance {
    let space: PlanSpace
    let fitness: PlanFitness
    let rates: [Double]
    let rule: [Int]

    init(rate: Double) throws {
        var profile = ChainProfile.tradingChain
        profile.processorBudget = 110
        space = try PlanSpace(profile, priorities: [0.25, 0.5, 0.75, 1])
        fitness = PlanFitness(profile)
        rates = profile.services.indices.map { rate * profile.visits(of: $0) }
        rule = space.genome(
            replicas: profile.services.indices.map { profile.replicas(of: $0, rate: rate, utilisation: 0.7) })
    }

    func model() -> SteadyState { SteadyState(space, rates: rates, contention: 1, nodeProcessors: 60) }
}

/// One way to search: the best fitness found, and the better and tried proposals of the network.
struct Searcher {
    let name: String
    let find: (Instance, _ seed: UInt64, _ isWarm: Bool) throws -> (Fitness, better: Int, tried: Int)
}

let evaluations = 2_500

func hybrid(_ name: String, _ change: @escaping (inout HybridScheduler.Configuration) -> Void) -> Searcher {
    Searcher(name: name) { instance, seed, isWarm in
        var configuration = HybridScheduler.Configuration()
        configuration.search.seed = seed
        configuration.search.evaluationsMax = evaluations
        configuration.search.patience = 100_000
        change(&configuration)
        var scheduler = HybridScheduler(services: 8, configuration: configuration)
        var model = instance.model()
        let outcome = try scheduler.plan(
            instance.space, instance.fitness, seeds: isWarm ? [instance.rule] : [], rates: instance.rates,
            evaluate: { model.outcome($0) })
        return (outcome.fitness, outcome.proposals.better, outcome.proposals.tried)
    }
}

func plain(_ configuration: inout HybridScheduler.Configuration) {
    configuration.search.isScreened = false
    configuration.search.populationRange = nil
    configuration.learns = false
    configuration.localTrials = 0
}

/// The searches that are compared: the genetic algorithm with and without its parts, and its yardsticks.
func makeSearchers() -> [Searcher] {
    [
        hybrid("GA alone (Algorithm 1 without policy)", plain),
        hybrid("GA + policy (Algorithm 1)") {
            plain(&$0)
            $0.learns = true
        },
        hybrid("GA + random moves in the policy's place") {
            plain(&$0)
            $0.localTrials = 1
        },
        hybrid("GA + screening + adaptive population") {
            plain(&$0)
            $0.search.isScreened = true
            $0.search.populationRange = 30...80
        },
        hybrid("hybrid (all parts, adopted)") { _ in },
        hybrid("hybrid, 4 proposals an elite") { $0.proposals = 4 },
        hybrid("hybrid, 4 random moves, no policy") {
            $0.learns = false
            $0.localTrials = 5
        },
        Searcher(name: "hill climbing with restarts") { instance, seed, isWarm in
            var climber = HillClimber(evaluationsMax: evaluations, seed: seed)
            var model = instance.model()
            let found = climber.plan(
                instance.space, instance.fitness, seeds: isWarm ? [instance.rule] : [], rates: instance.rates,
                evaluate: { model.outcome($0) })
            return (found.fitness, 0, 0)
        },
        Searcher(name: "random plans, repaired") { instance, seed, isWarm in
            var random = Xoshiro256StarStar(seed: seed)
            var model = instance.model()
            var best: Fitness?
            for index in 0..<evaluations {
                var genome = isWarm && index == 0 ? instance.rule : instance.space.variation.makeRandom(using: &random)
                instance.space.repair(&genome, rates: instance.rates)
                let worth = instance.fitness.fitness(model.outcome(genome))
                if best.map({ worth.isBetter(than: $0) }) ?? true { best = worth }
            }
            return (best ?? Fitness(0), 0, 0)
        },
    ]
}

func ablate(seeds: Int) throws {
    let searchers = makeSearchers()
    let instances = try (0..<10).map { try Instance(rate: 2_000 + 1_200 * Double($0)) }
    for isWarm in [false, true] {
        print("\nablation, \(evaluations) evaluations, 10 loads x \(seeds) seeds, \(isWarm ? "warm" : "cold") start")
        var values = [[[Fitness]]]()
        var moves = [(better: Int, tried: Int)]()
        for searcher in searchers {
            var better = 0
            var tried = 0
            values.append(
                try instances.map { instance in
                    try (1...seeds).map { seed in
                        let found = try searcher.find(instance, UInt64(seed), isWarm)
                        better += found.better
                        tried += found.tried
                        return found.0
                    }
                })
            moves.append((better, tried))
        }
        let best = instances.indices.map { instance in
            values.flatMap { $0[instance] }.filter { $0.violation == 0 }.map(\.value).max() ?? 0
        }
        for (index, searcher) in searchers.enumerated() {
            let gaps = instances.indices.flatMap { instance in
                values[index][instance].map { best[instance] - ($0.violation == 0 ? $0.value : 0) }
            }
            let mean = gaps.reduce(0, +) / Double(gaps.count)
            let deviation = (gaps.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(gaps.count)).squareRoot()
            let infeasible = values[index].joined().count { $0.violation > 0 }
            let text = String(
                format: "gap to best known F %.5f (sd %.5f, largest %.5f), infeasible %d", mean, deviation,
                gaps.max() ?? 0, infeasible)
            let learned =
                moves[index].tried > 0 ? ", proposals better \(moves[index].better) of \(moves[index].tried)" : ""
            print("  \(padded(searcher.name, 40)) \(text)\(learned)")
        }
    }
}

func timeDecisions(_ name: String, _ configuration: HybridPolicy.Configuration, _ profile: ChainProfile) throws {
    let policy = try HybridPolicy(profile, configuration)
    let load = try TradingDayLoad.bursty.load(seed: 99)
    var options = SimulatorOptions(seed: 1)
    options.forecaster = PerfectForecast(logError: 0.2)
    var simulator = try ChainSimulator(profile, load.window(0..<10_000), options)
    var times: [Double] = []
    var evaluations = 0
    while !simulator.isOver {
        let observation = simulator.observation
        let start = processorSeconds()
        guard let decision = try? policy.decide(observation) else {
            _ = simulator.step(Decision(services: simulator.targets.map { ServiceDecision(replicas: $0) }))
            continue
        }
        times.append(processorSeconds() - start)
        evaluations = max(evaluations, policy.last?.evaluations ?? 0)
        _ = simulator.step(decision)
        policy.applied(decision, at: observation.time)
    }
    let sorted = times.sorted()
    print(
        "  \(padded(name, 40)) "
            + String(
                format: "median %.2f ms, p99 %.2f ms, most %.2f ms of processor time, %d decisions, <= %d evaluations",
                sorted[sorted.count / 2] * 1e3, sorted[sorted.count * 99 / 100] * 1e3, (sorted.last ?? 0) * 1e3,
                sorted.count, evaluations))
}

func runDays(_ count: Int) throws {
    let profile = ChainProfile.tradingChain
    for (kind, days) in [("mild", TradingDayLoad.mild), ("bursty", TradingDayLoad.bursty)] {
        let forecaster = try TrainedForecast(days: (0..<12).map { try days.load(seed: 1_000 + UInt64($0)) })
        var quotas = HybridPolicy.Configuration()
        quotas.quotas = [0.5, 0.75, 1]
        let makers: [(String, () throws -> any ScalingPolicy)] = [
            ("HPA, CPU 70 %", { try HPAPolicy(profile, HPAConfiguration(metrics: [.cpu(percent: 70)])) }),
            ("forecast rule", { try ForecastRule(profile) }),
            ("hybrid", { try HybridPolicy(profile) }),
            ("hybrid with quotas", { try HybridPolicy(profile, quotas) }),
        ]
        print("\n\(kind) days, \(count), ridge forecast fitted on 12 others, behind the shield but for HPA")
        for (name, make) in makers {
            var sums = (requests: 0.0, violations: 0.0, hours: 0.0, reversals: 0.0, p95: 0.0, faults: 0)
            for day in 0..<count {
                var options = SimulatorOptions(seed: UInt64(day) + 1)
                options.forecaster = forecaster
                let run = try PolicyRun(
                    make(), profile, days.load(seed: UInt64(day) + 1), options,
                    shield: name.hasPrefix("HPA") ? nil : Shield(profile))
                sums.requests += run.score.requests
                sums.violations += run.score.violations
                sums.hours += run.score.replicaHours / Double(count)
                sums.reversals += run.score.reversalsPerHour / Double(count)
                sums.p95 += run.score.p95 / Double(count)
                sums.faults += run.faults
            }
            print(
                "  \(padded(name, 24)) "
                    + String(
                        format: "violations %.3f %%, replica-hours %.1f, reversals/h %.1f, mean p95 %.1f ms, faults %d",
                        100 * sums.violations / sums.requests, sums.hours, sums.reversals, sums.p95 * 1e3, sums.faults))
        }
    }
}

let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
print("processor time of a decision, bursty day, 8 services, 1 to 24 replicas each")
try timeDecisions("policy, defaults", HybridPolicy.Configuration(), .tradingChain)
var advising = HybridPolicy.Configuration()
advising.quotas = [0.5, 0.75, 1]
advising.contention = 1
var crowded = ChainProfile.tradingChain
crowded.processorBudget = 110
try timeDecisions("policy, quotas, priorities, busy nodes", advising, crowded)
try ablate(seeds: arguments.first ?? 10)
let days = arguments.dropFirst().first ?? 3
if days > 0 { try runDays(days) }
