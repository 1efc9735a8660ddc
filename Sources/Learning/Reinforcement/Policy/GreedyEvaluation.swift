/// Judges policies by greedy episodes that are the same each time.
public enum GreedyEvaluation {
    /// When and how checkpoints are judged.
    public struct Configuration: Sendable, Equatable {
        /// Steps of training between two judgements.
        public var everySteps: Int
        /// Episodes of a judgement; the same streams of random numbers every time.
        public var episodes: Int
        /// Environments that run side by side; part of the arithmetic only by the size of the products.
        public var parallel: Int
        /// Steps after which an episode is cut off.
        public var stepsMax: Int

        /// 20 episodes every 10,000 steps.
        public init(everySteps: Int = 10_000, episodes: Int = 20, parallel: Int = 8, stepsMax: Int = 100_000) {
            self.everySteps = everySteps
            self.episodes = episodes
            self.parallel = parallel
            self.stepsMax = stepsMax
        }

        func check() {
            precondition(everySteps > 0 && episodes > 0 && parallel > 0 && stepsMax > 0, "an evaluation of nothing")
        }
    }

    /// Returns of `episodes` greedy episodes, the streams drawn from `seed`.
    public static func returns<World: Environment>(
        of policy: DiscretePolicy, _ configuration: Configuration, seed: UInt64, make: (Int) throws -> World
    ) rethrows -> [Double] {
        configuration.check()
        var judge = try Judge(
            configuration, space: policy.space, random: Xoshiro256StarStar(seed: seed).split("evaluation"), make: make)
        return judge.returns(of: policy)
    }

    /// Mean of a non-empty list.
    public static func mean(_ returns: [Double]) -> Double { returns.reduce(0, +) / Double(max(returns.count, 1)) }

    /// Environments and memory of judgements.
    struct Judge<World: Environment> {
        private let configuration: Configuration
        private let random: Xoshiro256StarStar
        private var worlds: [World]
        private let memory: ObservationMemory

        init(
            _ configuration: Configuration, space: DecisionSpace, random: Xoshiro256StarStar,
            make: (Int) throws -> World
        ) rethrows {
            self.configuration = configuration
            self.random = random
            let parallel = min(configuration.parallel, configuration.episodes)
            var worlds: [World] = []
            for index in 0..<parallel { worlds.append(try make(index)) }
            for world in worlds { precondition(world.space == space, "environments of different spaces") }
            self.worlds = worlds
            memory = ObservationMemory(space, count: parallel)
        }

        /// Return of each episode, in the order of the episodes; an environment takes the next one when its last ended.
        mutating func returns(of policy: DiscretePolicy) -> [Double] {
            var returns = [Double](repeating: 0, count: configuration.episodes)
            var lengths = [Int](repeating: 0, count: configuration.episodes)
            var episodes = Array(0..<worlds.count)
            var next = worlds.count
            for index in worlds.indices { worlds[index].reset(Episode(index: index, of: random)) }
            let space = memory.space
            var choices = [Int](repeating: 0, count: worlds.count * space.choices)
            while !episodes.isEmpty {
                for slot in episodes.indices {
                    memory[slot].clear()
                    worlds[slot].observe(memory[slot])
                }
                policy.decide(count: episodes.count, memory, into: &choices)
                var slot = 0
                var from = 0
                while slot < episodes.count {
                    let transition = worlds[slot].step(
                        choices.span.extracting(from * space.choices..<(from + 1) * space.choices))
                    from += 1
                    let episode = episodes[slot]
                    returns[episode] += Double(transition.reward)
                    lengths[episode] += 1
                    guard transition.isOver || lengths[episode] >= configuration.stepsMax else {
                        slot += 1
                        continue
                    }
                    if next < configuration.episodes {
                        episodes[slot] = next
                        worlds[slot].reset(Episode(index: next, of: random))
                        next += 1
                        slot += 1
                    } else {
                        // The rest moves up: slots stay dense for the product of matrices.
                        let ended = worlds.remove(at: slot)
                        worlds.append(ended)
                        episodes.remove(at: slot)
                    }
                }
            }
            return returns
        }
    }
}
