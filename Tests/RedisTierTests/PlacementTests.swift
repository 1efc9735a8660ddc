import RedisTier
import Testing

private func slice(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

@Suite struct KeySlotTests {
    @Test("CRC16 and slots equal the vectors of the cluster specification")
    func vectors() {
        #expect(KeySlot.crc16(slice("123456789")) == 0x31C3)
        #expect(KeySlot.of(slice("foo")) == 12_182)
        #expect(KeySlot.of(slice("user1000")) == 3_443)
        #expect(KeySlot.of(slice("")) == 0)
    }

    /// The examples under "Hash tags" of the cluster specification.
    @Test("Only a tag with a byte in it decides the slot")
    func hashTags() {
        #expect(KeySlot.of(slice("{user1000}.following")) == KeySlot.of(slice("user1000")))
        #expect(KeySlot.of(slice("foo{}{bar}")) == KeySlot.crc16(slice("foo{}{bar}")) % 16_384)
        #expect(KeySlot.of(slice("foo{{bar}}zap")) == KeySlot.of(slice("{bar")))
        #expect(KeySlot.of(slice("foo{bar}{zap}")) == KeySlot.of(slice("bar")))
        #expect(KeySlot.of(slice("foo{bar")) == KeySlot.crc16(slice("foo{bar")) % 16_384)
    }
}

@Suite struct RendezvousRingTests {
    private let keys = (0..<50_000).map { slice("acct:\($0)") }

    private func ring(_ count: Int) -> RendezvousRing {
        RendezvousRing((0..<count).map { RendezvousRing.Shard("shard\($0)") })
    }

    private func counts(_ ring: RendezvousRing) -> [Int] {
        var counts = [Int](repeating: 0, count: ring.shards.count)
        for key in keys { counts[ring.owner(of: key)] += 1 }
        return counts
    }

    /// Standard deviation of a share: sqrt(50000/n) keys, below 0.4 % of all; 4 of them are allowed for.
    @Test("Every shard gets its share", arguments: [2, 3, 6, 10])
    func balance(count: Int) {
        let counts = counts(ring(count))
        let ideal = 50_000 / Double(count)
        for found in counts { #expect(abs(Double(found) - ideal) < 4 * ideal.squareRoot()) }
    }

    @Test("An added shard takes keys only for itself, and at most 1.1 times its share", arguments: [3, 10])
    func adding(count: Int) {
        let (before, after) = (ring(count), ring(count + 1))
        var moved = 0
        for key in keys {
            let (old, new) = (before.owner(of: key), after.owner(of: key))
            guard old != new else { continue }
            moved += 1
            #expect(new == count, "a key moved between old shards")
        }
        #expect(Double(moved) <= 1.1 * 50_000 / Double(count + 1))
        #expect(moved > 0)
    }

    @Test("The order of the shards does not matter")
    func order() {
        let names = ["a", "b", "c", "d"]
        let forward = RendezvousRing(names.map { RendezvousRing.Shard($0) })
        let backward = RendezvousRing(names.reversed().map { RendezvousRing.Shard($0) })
        for key in keys.prefix(1_000) {
            #expect(forward.shards[forward.owner(of: key)] == backward.shards[backward.owner(of: key)])
        }
    }

    /// Weights 1, 1, 2: shares 12500, 12500, 25000; the largest deviation is sqrt(25000 * 0.5) = 112, times 4.
    @Test("A shard of double weight gets double the keys, and equal weights take nothing from it")
    func weights() {
        let counts = counts(RendezvousRing([.init("a"), .init("b"), .init("c", weight: 2)]))
        #expect(abs(counts[0] - 12_500) < 450 && abs(counts[1] - 12_500) < 450 && abs(counts[2] - 25_000) < 450)
    }

    @Test("Keys of one hash tag stay together")
    func hashTag() {
        let ring = ring(10)
        let owners = Set((0..<100).map { ring.owner(of: slice("{acct:42}:\($0)")) })
        #expect(owners.count == 1)
    }
}

@Suite struct RedisAddressTests {
    @Test(
        "Addresses are read back from their text",
        arguments: [
            "127.0.0.1:6379", "[::1]:7000", "redis.example:1", "unix:/run/redis.sock",
        ])
    func roundTrip(text: String) throws {
        let address = try #require(RedisAddress(text))
        #expect("\(address)" == text)
    }

    @Test("A bare IPv6 address, as MOVED prints it, is understood")
    func bareIPv6() throws {
        let address = try #require(RedisAddress("2001:db8::1:6379"))
        #expect(address == RedisAddress(host: "2001:db8::1", port: 6_379))
    }

    @Test(
        "Malformed addresses are refused",
        arguments: [
            "", "6379", ":6379", "host:", "host:0", "host:65536", "host:-1", "unix:relative", "unix:",
            "unix:/" + String(repeating: "x", count: 108),
        ])
    func malformed(text: String) { #expect(RedisAddress(text) == nil) }
}
