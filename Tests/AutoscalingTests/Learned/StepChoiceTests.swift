import Autoscaling
import Foundation
import Testing

@Suite("What a learned policy says of its choices") struct StepChoiceTests {
    private static let models = Result {
        try [
            ScalingTrainingTests.small(.ppo, steps: 4_096).run().model,
            ScalingTrainingTests.small(.dqn, steps: 4_096).run().model,
            ScalingTrainingTests.small(.ppo, form: .single, steps: 4_096).run().model,
        ]
    }

    @Test("Masks, scores and the step chosen say what was decided, period by period, and read back from the journal")
    func everyPeriod() throws {
        let profile = ChainProfile.tradingChain
        let (load, options) = try ScalingTrainingTests.evening(.bursty, seed: 4)
        for model in try Self.models.get() {
            var policy = try LearnedPolicy(model, profile)
            var simulator = try ChainSimulator(profile, load.window(0..<1_200), options)
            var masked = 0
            while !simulator.isOver {
                let observation = simulator.observation
                guard let decision = try? policy.decide(observation) else {
                    #expect(policy.choices.isEmpty)
                    _ = simulator.step(Decision(services: simulator.targets.map { ServiceDecision(replicas: $0) }))
                    continue
                }
                #expect(policy.choices.count == (model.form == .shared ? profile.services.count : 1))
                for choice in policy.choices { masked += check(choice, observation, decision, profile) }
                let proposal = Proposal(
                    policy: policy.name, role: .rung, level: .learned, answer: .decision(decision),
                    choices: policy.choices)
                try roundTrip(proposal, observation)
                policy.applied(decision, at: observation.time)
                _ = simulator.step(decision)
            }
            #expect(masked > 0)
        }
    }

    /// Checks a choice against what was decided; the number of steps forbidden.
    private func check(
        _ choice: StepChoice, _ observation: Observation, _ decision: Decision, _ profile: ChainProfile
    ) -> Int {
        let allowed = choice.steps.filter { $0.mask == nil }
        #expect(choice.steps.allSatisfy { ($0.mask == nil) == ($0.score != nil) })
        #expect(choice.steps.count == (choice.service == nil ? 1 + 4 * profile.services.count : 7))
        let best = allowed.compactMap(\.score).max()
        #expect(allowed.first { $0.score == best }?.word == choice.chosen, "the largest score is chosen")
        if choice.measure == .probability {
            let sum = allowed.compactMap(\.score).reduce(0, +)
            #expect(abs(sum - 1) < 1e-4, "probabilities of the allowed steps")
        }
        if let service = choice.service, let step = ReplicaAction.allCases.first(where: { $0.word == choice.chosen }) {
            let wanted = step.replicas(from: observation.services[service].ordered)
            let bounds = profile.services[service].bounds
            let bounded = min(max(wanted, bounds.lowerBound), bounds.upperBound)
            #expect(decision.services[service].replicas == bounded)
            let reasons = decision.services[service].reasons.map(\.code)
            #expect(choice.steps.compactMap(\.mask).allSatisfy(reasons.contains))
        }
        return choice.steps.count - allowed.count
    }

    private func roundTrip(_ proposal: Proposal, _ observation: Observation) throws {
        let round = LadderRound(
            observation: observation, level: .learned, acting: .learned, decider: proposal.policy, isBlind: false,
            proposals: [proposal], changes: [], decision: Decision(services: []), events: [])
        let line = JournalLine.decision(
            JournalDecision(
                id: "r-1", at: 1, epoch: 1, isActing: true, isModelDisabled: false, configurationHash: "c",
                modelHash: nil, round: round))
        #expect(try JournalLine(line.text) == line)
    }

    @Test("A line of before, without choices and notes, is read and written as it was") func olderLine() throws {
        let text = """
            {"v":1,"kind":"decision","id":"a-1","at":5.0,"epoch":1,"acting":true,"level":"forecast","acted":"forecast",\
            "decider":"forecast","blind":false,"model_disabled":false,"config_hash":"c","observation":{"time":5.0,\
            "forecast":[{"ahead":10.0,"q50":1.0,"q90":2.0}],"services":[{"ready":2,"age":0.0}]},"proposals":[{\
            "policy":"ppo","role":"rung","level":"learned","services":[{"replicas":2,"reasons":[]}],\
            "masked":[[{"code":"TooFewReplicas"}]]}],"changes":[],"applied":[{"replicas":2,"reasons":[]}],"events":[]}
            """
        guard case .decision(let decision) = try JournalLine(text) else {
            Issue.record("no decision")
            return
        }
        #expect(decision.round.proposals[0].choices.isEmpty && decision.round.observation.forecastNote == nil)
        #expect(decision.round.decision.replicas == [2] && decision.round.observation.forecast?.points.count == 1)
        #expect(!JournalLine.decision(decision).text.contains("choices"))
    }
}
