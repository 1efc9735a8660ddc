import Foundation
import Learning
import Testing

/// Deployed policies: decisions, batches, files, imitation.
@Suite struct PolicyTests {
    static let space = DecisionSpace(width: 5, heads: [3, 2], agents: 2, stateWidth: 3)

    private func policies() -> [DiscretePolicy] {
        var normaliser = ObservationNormaliser(Self.space, limit: 5)
        var random = Xoshiro256StarStar(seed: 2)
        for _ in 0..<50 {
            let memory = observations(1, &random)
            withExtendedLifetime(memory) { normaliser.update(memory.view) }
        }
        return [
            DiscretePolicy(
                ActorCriticNetwork(Self.space, .init(policyLayers: [8, 6], valueLayers: [7], value: .state), seed: 1),
                normaliser),
            DiscretePolicy(ActorCriticNetwork(Self.space, .init(activation: .relu, value: .shared), seed: 1), nil),
            DiscretePolicy(ActionValueNetwork(Self.space, .init(layers: [9], streams: 4), seed: 1), normaliser),
            DiscretePolicy(ActionValueNetwork(Self.space, .init(layers: [], isDueling: false), seed: 1), nil),
        ]
    }

    private func observations(_ count: Int, _ random: inout Xoshiro256StarStar) -> ObservationMemory {
        let memory = ObservationMemory(Self.space, count: count)
        for row in 0..<memory.rows.rows {
            for column in 0..<5 { memory.rows[row, column] = random.uniform(-3, 5) }
            memory.allowed[row, random.below(3)] = 0
            memory.allowed[row, 3 + random.below(2)] = 0
        }
        for row in 0..<count { for column in 0..<3 { memory.state[row, column] = random.uniform(-1, 9) } }
        return memory
    }

    @Test("A policy read from its file decides, scores and values the same", arguments: 0..<4) func file(_ form: Int)
        throws
    {
        let policy = policies()[form]
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("policy-\(UUID()).safetensors").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try policy.write(to: path)
        let again = try DiscretePolicy.read(path)
        #expect(again.kind == policy.kind && again.space == policy.space && again.parameters == policy.parameters)
        var random = Xoshiro256StarStar(seed: 9)
        let (a, b) = ([Int](repeating: 0, count: 4), [Int](repeating: 0, count: 4))
        var choices = (a, b)
        for _ in 0..<50 {
            let memory = observations(1, &random)
            policy.decide(memory.view, into: &choices.0)
            again.decide(memory.view, into: &choices.1)
            #expect(choices.0 == choices.1 && policy.value == again.value)
            for agent in 0..<2 {
                for action in 0..<5 {
                    #expect(policy.score(agent: agent, action: action) == again.score(agent: agent, action: action))
                    let isForbidden = memory.allowed[agent, action] == 0
                    #expect((policy.score(agent: agent, action: action) == -.infinity) == isForbidden)
                }
                for (head, start) in [0, 3].enumerated() {
                    #expect(memory.allowed[agent, start + choices.0[agent * 2 + head]] != 0)
                }
            }
        }
        #expect(policy.copy().tensorFile().bytes == again.tensorFile().bytes)
    }

    @Test("A batch decides as its moments one by one", arguments: 0..<4) func batch(_ form: Int) {
        let policy = policies()[form]
        var random = Xoshiro256StarStar(seed: 10)
        let memory = observations(40, &random)
        var all = [Int](repeating: 0, count: 160)
        policy.decide(count: 40, memory, into: &all)
        var one = [Int](repeating: 0, count: 4)
        for moment in 0..<40 {
            policy.decide(memory[moment], into: &one)
            #expect(Array(all[moment * 4..<moment * 4 + 4]) == one)
        }
    }

    @Test("A file that does not fit is an error that says why") func badFiles() throws {
        let good = policies()[0].tensorFile()
        func fault(_ change: (inout TensorFile) -> Void) -> LearningError? {
            var file = good
            change(&file)
            do throws(LearningError) {
                _ = try DiscretePolicy(file)
                return nil
            } catch { return error }
        }
        #expect(fault { _ in } == nil)
        for key in good.metadata.keys where !["format", "normaliser.limit"].contains(key) {
            #expect(fault { $0.metadata[key] = nil }?.code == .malformed, "\(key)")
            #expect(fault { $0.metadata[key] = "x 0" }?.code == .malformed, "\(key)")
        }
        #expect(fault { $0.metadata["normaliser.limit"] = "-1" }?.code == .malformed)
        #expect(fault { $0.metadata["space.width"] = "6" }?.code == .wrongShape)
        #expect(fault { $0.metadata["space.width"] = "65536" }?.code == .malformed)
        #expect(fault { $0.metadata["network.layers"] = "65536 65536" }?.code == .malformed)
        #expect(fault { $0.metadata["space.state_width"] = "0" }?.code == .malformed)
        #expect(fault { $0.tensors["actor.weight"] = nil }?.code == .missingTensor)
        #expect(fault { $0.tensors["normaliser.rows.mean"] = nil }?.code == .missingTensor)
        #expect(fault { $0.tensors["normaliser.rows.mean"] = .init(shape: [1], .float64([0])) }?.code == .wrongShape)
        #expect(
            fault { $0.tensors["normaliser.state.variance"] = .init(shape: [3], .float64([1, -1, 1])) }?.code
                == .notFinite)
        let width = try #require(good.tensors["critic.bias"]?.shape)
        #expect(fault { $0.tensors["critic.bias"] = .init(shape: width, .float32([.nan])) }?.code == .notFinite)
    }

    @Test("A policy imitates a rule and its known returns") func imitation() throws {
        var world = MatchingWorld(agents: 2, heads: [3, 2], stepsMax: 40)
        let demonstrations = try Demonstrations.record(&world, episodes: 50, seed: 3, gamma: 0.5, capacity: 1_000) {
            $1 = $0.wanted
        }
        #expect(demonstrations.count == 1_000)
        var settings = PPOConfiguration()
        settings.normalisesObservations = true
        let learner = PPO(settings) { _ in MatchingWorld(agents: 2, heads: [3, 2]) }
        let before = learner.evaluate()
        var imitation = Imitation.Configuration()
        imitation.epochs = 30
        imitation.batch = 64
        let outcome = learner.imitate(demonstrations, imitation)
        #expect(outcome.agreement > 0.99 && outcome.crossEntropy < 0.1, "\(outcome)")
        // Always right: Σ 0.5^k = 2.
        #expect(outcome.valueLoss < 0.02, "\(outcome)")
        #expect(learner.evaluate() > 15.8 && before < 12)
    }

    @Test("Demonstrations of forbidden or impossible choices, or of NaN, are refused; a full memory says so")
    func badDemonstrations() throws {
        let space = DecisionSpace(width: 1, heads: [2])
        let demonstrations = Demonstrations(space, capacity: 1)
        let memory = ObservationMemory(space)
        memory.view.allowed[0, 1] = 0
        for choices in [[1], [2], [-1], [], [0, 0]] {
            #expect(throws: LearningError.self) { try demonstrations.append(memory.view, choices: choices) }
        }
        memory.view.rows[0, 0] = .nan
        #expect(throws: LearningError.self) { try demonstrations.append(memory.view, choices: [0]) }
        memory.view.rows[0, 0] = 1
        #expect(try demonstrations.append(memory.view, choices: [0]))
        #expect(try !demonstrations.append(memory.view, choices: [0]))
    }

    @Test("An evaluation is the same each time, and does not depend on how many run side by side")
    func evaluation() {
        let policy = DiscretePolicy(ActorCriticNetwork(CartPole().space, .init(), seed: 4), nil)
        func returns(_ parallel: Int) -> [Double] {
            GreedyEvaluation.returns(of: policy, .init(episodes: 13, parallel: parallel), seed: 6) { _ in CartPole() }
        }
        let first = returns(5)
        #expect(first.count == 13 && first == returns(5))
        #expect(first == returns(13) && first == returns(50))
        let cut = GreedyEvaluation.returns(
            of: policy, .init(episodes: 3, parallel: 2, stepsMax: 4), seed: 6
        ) { _ in CartPole() }
        #expect(cut == [4, 4, 4])
    }
}
