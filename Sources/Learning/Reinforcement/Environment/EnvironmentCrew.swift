/// Environments that a learner acts in side by side, each with a stream of episodes of its own.
struct EnvironmentCrew<World: Environment> {
    let space: DecisionSpace
    /// Episodes that have ended, in all.
    private(set) var episodes = 0
    private var worlds: [World] = []
    private let streams: [Xoshiro256StarStar]
    private var started: [Int]
    private var running: [Double]
    private var recent = RecentReturns()

    var count: Int { worlds.count }
    /// Mean return of the last 100 episodes; nil before the first has ended.
    var meanReturn: Double? { recent.mean }

    /// Makes `count` environments of one space and starts their first episodes.
    init(count: Int, random: Xoshiro256StarStar, make: (Int) throws -> World) rethrows {
        precondition(count > 0, "no environment")
        for index in 0..<count { worlds.append(try make(index)) }
        space = worlds[0].space
        for world in worlds { precondition(world.space == space, "environments of different spaces") }
        streams = (0..<count).map { random.split("environment \($0)") }
        started = [Int](repeating: 0, count: count)
        running = [Double](repeating: 0, count: count)
        for index in 0..<count { reset(index) }
    }

    func world(_ index: Int) -> World { worlds[index] }

    func observe(_ index: Int, _ view: ObservationView) {
        view.clear()
        worlds[index].observe(view)
    }

    /// Acts on `choices[decision]` and counts the reward; a reward that is not a number is the environment's fault and traps.
    mutating func step(_ index: Int, _ choices: [Int], _ decision: Range<Int>) -> Transition {
        let transition = worlds[index].step(choices.span.extracting(decision))
        precondition(transition.reward.isFinite, "a reward that is not finite")
        running[index] += Double(transition.reward)
        if transition.isOver {
            recent.add(running[index])
            running[index] = 0
            episodes += 1
        }
        return transition
    }

    /// Begins the next episode.
    mutating func reset(_ index: Int) {
        worlds[index].reset(Episode(index: started[index], of: streams[index]))
        started[index] += 1
    }
}

/// The returns of the last 100 episodes.
struct RecentReturns {
    private var ring = [Double](repeating: 0, count: 100)
    private var count = 0

    mutating func add(_ value: Double) {
        ring[count % ring.count] = value
        count += 1
    }

    var mean: Double? {
        let filled = min(count, ring.count)
        return filled == 0 ? nil : ring[0..<filled].reduce(0, +) / Double(filled)
    }
}
