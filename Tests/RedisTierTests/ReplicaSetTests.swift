import RedisTier
import TestData
import Testing

/// The choice among replicas, without sockets and clocks.
@Suite struct ReplicaSetTests {
    private func node(_ port: UInt16) -> RedisAddress { RedisAddress(host: "127.0.0.1", port: port) }

    private func set(_ members: (port: UInt16, primary: Int)...) -> ReplicaSet {
        var set = ReplicaSet()
        _ = set.adopt(members.map { (node($0.port), $0.primary) })
        return set
    }

    private func taken(_ set: ReplicaSet, _ primary: Int, turns: Int = 12) -> Set<Int?> {
        Set((0..<turns).map { set.member(for: primary, turn: $0) })
    }

    @Test("A replica is used from its first good probe until it fails, and again from the next one on")
    func probes() {
        var set = set((1, 0))
        #expect(taken(set, 0) == [nil])
        set.probed(0, latency: .microseconds(300), isLinked: false)
        #expect(taken(set, 0) == [nil], "it does not hear from its primary")
        set.probed(0, latency: .microseconds(300), isLinked: true)
        #expect(taken(set, 0) == [0])
        #expect(taken(set, 1) == [nil])
        set.suspend(0)
        #expect(taken(set, 0) == [nil])
        set.probed(0, latency: .microseconds(300), isLinked: true)
        #expect(taken(set, 0) == [0])
    }

    /// The limit is half of the best latency more, and 200 us: 100 us allows up to 350 us.
    @Test("Replicas near the best take turns; one that is slow gets none until its average has come down")
    func latency() {
        var set = set((1, 0), (2, 0), (3, 0))
        set.probed(0, latency: .microseconds(100), isLinked: true)
        set.probed(1, latency: .microseconds(350), isLinked: true)
        set.probed(2, latency: .microseconds(351), isLinked: true)
        #expect((0..<4).map { set.member(for: 0, turn: $0) } == [0, 1, 0, 1])
        // 0.7 of 351 and 0.3 of 100 us are 275.7 us.
        set.probed(2, latency: .microseconds(100), isLinked: true)
        #expect(set.members[2].latency == .nanoseconds(275_700))
        #expect(taken(set, 0) == [0, 1, 2])
        // One probe of 10 ms makes the first one the slow one: 3.07 ms.
        set.probed(0, latency: .milliseconds(10), isLinked: true)
        #expect(taken(set, 0) == [1, 2])
        set.suspend(1)
        set.suspend(2)
        #expect(taken(set, 0) == [0], "a slow one is better than none")
    }

    @Test("Replicas follow the view: new ones are connected, missing ones retired, and indices stay")
    func views() {
        var set = ReplicaSet()
        #expect(set.adopt([(node(1), 0), (node(2), 1), (node(2), 1)]) == [.connect(0), .connect(1)])
        for index in 0..<2 { set.probed(index, latency: .microseconds(100), isLinked: true) }
        #expect(set.adopt([(node(1), 0), (node(2), 1)]) == [])
        #expect(taken(set, 1) == [1])
        // The second changes its primary, the first becomes one, a third appears.
        #expect(set.adopt([(node(2), 0), (node(3), 1)]) == [.connect(2), .retire(0)])
        #expect(taken(set, 0) == [1])
        #expect(taken(set, 1) == [nil])
        set.probed(0, latency: .microseconds(100), isLinked: true)
        #expect(taken(set, 0) == [1], "the late probe of a retired one counts nothing")
        #expect(set.adopt([(node(1), 1)]) == [.connect(0), .retire(1), .retire(2)])
        #expect(set.members.map(\.address) == [node(1), node(2), node(3)])
    }

    @Test("The cap on replicas holds, and one past it is not known")
    func cap() {
        var set = ReplicaSet()
        let all = (1...UInt16(ReplicaSet.membersMax + 1)).map { (node($0), 0) }
        #expect(set.adopt(all).count == ReplicaSet.membersMax)
        #expect(set.members.count == ReplicaSet.membersMax)
        #expect(set.adopt(all) == [])
    }

    @Test("After random events the choice equals the definition", arguments: [1, 2, 3] as [UInt64])
    func random(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var set = ReplicaSet()
        for step in 0..<2_000 {
            let index = Int.random(in: 0..<8, using: &generator)
            switch Int.random(in: 0..<10, using: &generator) {
            case 0:
                let named = (0..<8).filter { _ in Bool.random(using: &generator) }
                _ = set.adopt(named.map { (node(UInt16($0 + 1)), $0 % 3) })
            case 1 where index < set.members.count: set.suspend(index)
            case 2... where index < set.members.count:
                set.probed(
                    index, latency: .microseconds(Int.random(in: 50...2_000, using: &generator)),
                    isLinked: Int.random(in: 0..<8, using: &generator) > 0)
            default: break
            }
            for primary in 0..<3 {
                let serving = set.members.indices.filter {
                    set.members[$0].primary == primary && set.members[$0].isServing
                }
                let best = serving.compactMap { set.members[$0].latency }.min() ?? .zero
                let near = serving.filter { index in
                    set.members[index].latency.map { ReplicaSet.isNear($0, best: best) } ?? false
                }
                let expected = near.isEmpty ? nil : near[step % near.count]
                #expect(set.member(for: primary, turn: step) == expected, "seed \(seed), step \(step)")
            }
        }
    }
}
