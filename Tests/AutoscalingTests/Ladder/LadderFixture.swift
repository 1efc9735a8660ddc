import Autoscaling
import TestData

/// What a scripted policy answers next; shared with the test that changes it.
final class Script {
    var answer: (Observation) -> Proposal.Answer

    init(_ answer: @escaping (Observation) -> Proposal.Answer) { self.answer = answer }

    /// Always so many replicas of each service.
    convenience init(_ replicas: Int...) { self.init { _ in .decision(LadderFixture.decision(replicas)) } }

    func fail(_ code: String) { answer = { _ in .fault(PolicyFault(code, "scripted")) } }

    func say(_ replicas: Int...) { answer = { _ in .decision(LadderFixture.decision(replicas)) } }
}

/// A policy that answers what its script says, and remembers what it was told.
struct ScriptedPolicy: ScalingPolicy {
    let name: String
    let script: Script
    private(set) var applied: [[Int]] = []

    init(_ name: String, _ script: Script) {
        self.name = name
        self.script = script
    }

    mutating func decide(_ observation: Observation) throws(PolicyFault) -> Decision {
        switch script.answer(observation) {
        case .decision(let decision): return decision
        case .fault(let fault): throw fault
        }
    }

    mutating func applied(_ decision: Decision, at time: Double) { applied.append(decision.replicas) }
}

/// Two services, 1...20 and 1...10 replicas, and observations of them.
enum LadderFixture {
    static let profile = ChainProfile(services: [
        ServiceProfile(name: "risk", bounds: 1...20, serviceTime: 0.01, latencyBudget: 0.02),
        ServiceProfile(name: "match", bounds: 1...10, serviceTime: 0.01, latencyBudget: 0.02),
    ])

    static let forecast = RateForecast(points: [
        .init(ahead: 10, q50: 100, q90: 120), .init(ahead: 60, q50: 100, q90: 130),
    ])

    static func decision(_ replicas: [Int]) -> Decision {
        Decision(services: replicas.map { ServiceDecision(replicas: $0) })
    }

    /// All numbers there, 5 s old, with `replicas` in force.
    static func observation(
        at time: Double, _ replicas: [Int] = [5, 5], p95: Double? = 0.02, forecast: RateForecast? = forecast
    ) -> Observation {
        Observation(
            time: time, rate: 100, p95: p95, errorRatio: 0, forecast: forecast,
            services: replicas.map {
                ServiceObservation(ready: $0, rate: 100, utilisation: 0.5, queue: 0, p95: 0.01, age: 5)
            })
    }

    /// Nothing but replicas.
    static func blind(at time: Double, _ replicas: [Int] = [5, 5]) -> Observation {
        Observation(time: time, services: replicas.map { ServiceObservation(ready: $0, age: .infinity) })
    }
}

/// A ladder with a script for each rung, run period by period with replicas that follow every decision.
struct LadderBench {
    var ladder: SafetyLadder
    let learned = Script(5, 5)
    let forecast = Script(5, 5)
    let reactive = Script(5, 5)
    var time = 0.0
    var replicas = [5, 5]

    init(
        _ settings: LadderSettings = LadderSettings(), profile: ChainProfile = LadderFixture.profile,
        shield: Shield? = nil, hasModel: Bool = true, counterfactuals: [any ScalingPolicy] = []
    ) throws {
        ladder = try SafetyLadder(
            profile, settings, learned: hasModel ? ScriptedPolicy("dqn", learned) : nil,
            forecast: ScriptedPolicy("forecast", forecast), reactive: ScriptedPolicy("reactive", reactive),
            shield: shield, counterfactuals: counterfactuals)
    }

    /// One period with everything known.
    @discardableResult
    mutating func round(
        p95: Double? = 0.02, forecast: RateForecast? = LadderFixture.forecast,
        _ change: (inout Observation) -> Void = { _ in }
    ) -> LadderRound {
        time += 10
        var observation = LadderFixture.observation(at: time, replicas, p95: p95, forecast: forecast)
        change(&observation)
        let round = ladder.decide(observation)
        replicas = round.decision.replicas
        return round
    }

    /// One period with nothing known.
    @discardableResult
    mutating func blindRound() -> LadderRound {
        time += 10
        let round = ladder.decide(LadderFixture.blind(at: time, replicas))
        replicas = round.decision.replicas
        return round
    }

    /// Clean periods; the last round.
    @discardableResult
    mutating func run(_ rounds: Int) -> LadderRound {
        var last = round()
        for _ in 1..<rounds { last = round() }
        return last
    }
}

extension LadderRound {
    var codes: [String] { events.map(\.code) }
}
