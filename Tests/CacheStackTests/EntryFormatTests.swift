import CacheStack
import Testing

@Suite("Entry format")
struct EntryFormatTests {
    static let key = CacheKey(SpaceID(rawValue: 3), 42)
    static let hash: UInt64 = 0xBF81_133B_644B_01A7
    static let time: Int64 = 1_767_225_600_123_456
    static let golden =
        "563030303030303030303030303030303730303030303030303030303030303039313736373232353630303132333435360100000001000000"
        + "a7014b643b1381bf0500000068656c6c6f8590010f"
    static let goldenAbsent =
        "563030303030303030303030303030303030303030303030303030303030303039313736373232353630303132333435360101000001000000"
        + "a7014b643b1381bf00000000675fc684"

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    static func entry(version: UInt64, payload: [UInt8]?) -> CertifiedEntry {
        let certificate = Certificate(version: Ticket(version), asOf: Ticket(9), asOfTime: time, epoch: 1)
        return CertifiedEntry(key: key, certificate: certificate, payload: payload)
    }

    @Test("The published check values of CRC32C and FNV-1a hold")
    func checkValues() {
        #expect(CRC32C.checksum(Array("123456789".utf8).span) == 0xE306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32).span) == 0x8A91_36AA)  // RFC 3720 B.4
        #expect(CRC32C.checksum((0..<32).map { UInt8($0) }.span) == 0x46DD_794E)  // RFC 3720 B.4
        #expect(EntryFormat.fnv1a("{acct:42}:bal") == Self.hash)
    }

    /// Lengths around the steps of eight bytes, at every alignment.
    @Test("The checksum is the same by instruction and by tables")
    func checksumWays() {
        let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }
        for start in 0..<9 {
            for end in start..<bytes.count {
                let part = bytes.span.extracting(start..<end)
                let (fast, slow) = (CRC32C.checksum(part), CRC32C.checksumByTables(part))
                #expect(fast == slow)
            }
        }
        #expect(CRC32C.checksumByTables(Array("123456789".utf8).span) == 0xE306_9283)
    }

    @Test(
        "A ticket is 16 digits, and nothing else is one",
        arguments: [0, 7, 99_999_999, 100_000_000, 9_999_999_999_999_999])
    func tickets(number: UInt64) {
        let digits = EntryFormat.digits(Ticket(number))
        #expect(EntryFormat.ticket(digits, at: 0) == Ticket(number))
        for index in digits.indices {
            for other in UInt8.min...UInt8.max {
                var changed = digits
                changed[index] = other
                // The reference: Swift's own parser of decimal numbers, which also takes a sign.
                let isNumber = (48...57).contains(other)
                let expected = isNumber ? UInt64(String(decoding: changed, as: UTF8.self)) : nil
                #expect(EntryFormat.ticket(changed, at: 0)?.rawValue == expected)
            }
        }
    }

    @Test("The golden entries are produced byte for byte and read back")
    func goldenVectors() {
        let value = Self.entry(version: 7, payload: Array("hello".utf8))
        let absent = Self.entry(version: 0, payload: nil)
        #expect(Self.hex(EntryFormat.encode(value, keyHash: Self.hash)) == Self.golden)
        #expect(Self.hex(EntryFormat.encode(absent, keyHash: Self.hash)) == Self.goldenAbsent)
        for entry in [value, absent] {
            let bytes = EntryFormat.encode(entry, keyHash: Self.hash)
            #expect(EntryFormat.decode(bytes, key: Self.key, keyHash: Self.hash) == .success(entry))
            #expect(EntryFormat.ticket(bytes, at: 1) == entry.certificate.version)
        }
    }

    @Test("The name in L2 is decimal and carries the epoch")
    func names() {
        #expect(Self.key.l2Name(epoch: 7) == "st:7:3:42")
        #expect(Self.key.l2Hash(epoch: 7) == EntryFormat.fnv1a("st:7:3:42"))
    }

    @Test("Every single changed byte and every cut is poison")
    func damage() {
        let bytes = EntryFormat.encode(Self.entry(version: 7, payload: Array("hello".utf8)), keyHash: Self.hash)
        for index in bytes.indices {
            for change: UInt8 in [1, 0x80] {
                var bad = bytes
                bad[index] ^= change
                let result = EntryFormat.decode(bad, key: Self.key, keyHash: Self.hash)
                #expect(throws: EntryFormat.Poison.self) { try result.get() }
            }
            let cut = EntryFormat.decode(Array(bytes[..<index]), key: Self.key, keyHash: Self.hash)
            #expect(cut == .failure(.length))
        }
        #expect(EntryFormat.decode(bytes + [0], key: Self.key, keyHash: Self.hash) == .failure(.length))
    }

    @Test("An intact entry of another key, or one above its own snapshot, is poison")
    func intactPoison() {
        let bytes = EntryFormat.encode(Self.entry(version: 7, payload: []), keyHash: Self.hash)
        #expect(EntryFormat.decode(bytes, key: Self.key, keyHash: Self.hash ^ 1) == .failure(.foreignKey))
        let untrue = EntryFormat.encode(Self.entry(version: 10, payload: []), keyHash: Self.hash)
        #expect(EntryFormat.decode(untrue, key: Self.key, keyHash: Self.hash) == .failure(.untrueCertificate))
    }

    @Test("Tickets are 16 digits, and the largest survives")
    func digits() {
        #expect(EntryFormat.digits(Ticket(42)) == Array("0000000000000042".utf8))
        let largest = Ticket(9_999_999_999_999_999)
        #expect(EntryFormat.ticket(EntryFormat.digits(largest), at: 0) == largest)
        #expect(EntryFormat.ticket(Array("000000000000004x".utf8), at: 0) == nil)
        #expect(EntryFormat.ticket(Array("0000000000000042".utf8), at: 1) == nil)
    }
}
