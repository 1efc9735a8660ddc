import Market
import Services
import TestData
import Testing

@Suite struct AssignmentTests {
    private static func assignment(_ names: [String], _ partitions: Int = 1_024) -> ReplicaAssignment {
        ReplicaAssignment(epoch: 1, members: names, partitions: partitions)
    }

    @Test("A member that joins takes partitions and moves no other; one that leaves moves its own only")
    func minimalMovement() {
        var random = SplitMix64(seed: 11)
        for _ in 0..<200 {
            let count = 1 + random.below(16)
            let names = (0..<count).map { _ in "risk-\(random.below(1_000))" }
            let members = Set(names).sorted()
            let joined = "risk-\(1_000 + random.below(1_000))"
            let before = Self.assignment(members, 256)
            let after = Self.assignment(members + [joined], 256)
            for partition in 0..<256 {
                let (old, new) = (before.owner(of: partition), after.owner(of: partition))
                // Read backwards this is the leaving of `joined`.
                #expect(new == old || new == joined, "members \(members), partition \(partition)")
            }
        }
    }

    @Test("Every partition has one owner, whatever the order of the names, and shares are even", arguments: [2, 5, 8])
    func shares(count: Int) {
        let names = (1...count).map { "risk-\($0)" }
        let one = Self.assignment(names)
        let other = Self.assignment(names.reversed())
        #expect(one == other)
        let parts = names.map { one.partitions(of: $0) }
        #expect(parts.joined().sorted() == Array(0..<1_024))
        // Binomial: the mean is 1,024 / count, the standard deviation below its root; five of them.
        let mean = 1_024 / Double(count)
        for part in parts { #expect(abs(Double(part.count) - mean) < 5 * mean.squareRoot()) }
        for (name, part) in zip(names, parts) { #expect(part.allSatisfy { one.owner(of: $0) == name }) }
    }

    @Test("Without members nobody owns anything; a stranger owns nothing")
    func empty() {
        #expect(Self.assignment([]).owner(of: 0) == nil)
        #expect(Self.assignment(["a"]).partitions(of: "b").isEmpty)
        #expect(Self.assignment(["a"]).partitions(of: "a").count == 1_024)
    }

    @Test("Accounts spread over partitions evenly and for good")
    func accounts() {
        var counts = [Int](repeating: 0, count: 32)
        for account in 16..<(16 + 32_000 as UInt32) {
            counts[ReplicaAssignment.partition(of: AccountID(account), count: 32)] += 1
        }
        // Mean 1,000, standard deviation 31.
        for count in counts { #expect(abs(count - 1_000) < 5 * 32) }
        // Computed by a program of its own after Schemas/streams.md: a change of these moves accounts.
        let found = [16, 17, 1_000_000].map { ReplicaAssignment.partition(of: AccountID($0), count: 32) }
        #expect(found == [26, 7, 22])
        let three = ReplicaAssignment(epoch: 1, members: ["risk-1", "risk-2", "risk-3"], partitions: 8)
        let owners = (0..<8).map { three.owner(of: $0)?.last }
        #expect(owners == Array("13133313"))
    }
}
