/// How a key type becomes the 64-bit id of a row.
public enum KeyShape: Sendable, Hashable {
    /// The number itself, in one bigint column.
    case number
    /// Two 32-bit numbers, in two integer columns.
    case pair
    /// A keyed hash of the text in one bigint column, and the text itself in a column that is compared on each read.
    case text
}

/// A type whose values name rows: whole numbers, pairs of 32-bit numbers, text, and enumerations or wrappers of them.
///
/// Numbers and pairs map one to one. Signed numbers keep their bits, so that the SQL column shows the same number;
/// unsigned ones above the signed maximum show as negative there. Text is hashed to 64 bits (`TextHash`), and since two
/// texts may share a hash, the row keeps the text: a row of another text is a `RowError.keyCollision`, never a value.
/// So a write under a text key first reads the row, and expects its version, even where the closure did not.
///
/// A wrapper needs one line: `extension AccountID: CacheableKey {}` where `AccountID` is `RawRepresentable`.
public protocol CacheableKey: Hashable, Sendable {
    /// How ids of this type look.
    static var keyShape: KeyShape { get }
    /// The row's id.
    var cacheID: UInt64 { get }
    /// The text to compare, for keys of shape `text` only.
    var cacheText: String? { get }
}

extension CacheableKey {
    /// None: numbers are their own identity.
    public var cacheText: String? { nil }
}

extension CacheableKey where Self: FixedWidthInteger {
    /// The number itself.
    public static var keyShape: KeyShape { .number }
    /// The number, sign extended.
    public var cacheID: UInt64 { UInt64(truncatingIfNeeded: self) }
}

extension UInt64: CacheableKey {}
extension UInt32: CacheableKey {}
extension UInt16: CacheableKey {}
extension Int: CacheableKey {}
extension Int64: CacheableKey {}
extension Int32: CacheableKey {}

extension RawRepresentable where Self: CacheableKey, RawValue: CacheableKey {
    /// That of the raw value.
    public static var keyShape: KeyShape { RawValue.keyShape }
    /// That of the raw value.
    public var cacheID: UInt64 { rawValue.cacheID }
    /// That of the raw value.
    public var cacheText: String? { rawValue.cacheText }
}

extension String: CacheableKey {
    /// Hashed, and compared on each read.
    public static var keyShape: KeyShape { .text }
    /// The keyed hash of its UTF-8 bytes.
    public var cacheID: UInt64 { TextHash.hash(self) }
    /// The text itself.
    public var cacheText: String? { self }
}

/// Two numbers of 32 bits that name a row together, as account and instrument do.
public struct KeyPair<First: HalfKey, Second: HalfKey>: CacheableKey {
    public let first: First
    public let second: Second

    /// The pair of those two.
    @inlinable
    public init(_ first: First, _ second: Second) {
        self.first = first
        self.second = second
    }

    /// Two integer columns.
    public static var keyShape: KeyShape { .pair }
    /// The first in the high 32 bits, the second in the low ones.
    public var cacheID: UInt64 { UInt64(first.cacheHalf) << 32 | UInt64(second.cacheHalf) }
}

/// A number of 32 bits: half of a `KeyPair`.
public protocol HalfKey: Hashable, Sendable {
    /// Its bits.
    var cacheHalf: UInt32 { get }
}

extension UInt32: HalfKey {
    /// The number.
    public var cacheHalf: UInt32 { self }
}

extension Int32: HalfKey {
    /// Its bits.
    public var cacheHalf: UInt32 { UInt32(bitPattern: self) }
}

extension RawRepresentable where Self: HalfKey, RawValue: HalfKey {
    /// Those of the raw value.
    public var cacheHalf: UInt32 { rawValue.cacheHalf }
}

/// SipHash-2-4 of text under one key of this library (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
///
/// The ids are durable, so the key is fixed: the hash spreads, and collisions by chance come at about 5 x 10^9 texts
/// (the square root of 2^64); whoever knows the key can search for one. That costs a typed error, never a wrong row.
public enum TextHash {
    /// The key all text ids are made with.
    static let key: (UInt64, UInt64) = (0x7370_7269_6E67_7469, 0x6465_2D63_6163_6865)

    /// The id of a text.
    public static func hash(_ text: String) -> UInt64 { hash(Array(text.utf8), key: key) }

    /// SipHash-2-4 of `bytes`.
    public static func hash(_ bytes: [UInt8], key: (UInt64, UInt64)) -> UInt64 {
        var state = State(key)
        var index = 0
        while index + 8 <= bytes.count {
            state.absorb(word(bytes, index, 8))
            index += 8
        }
        state.absorb(word(bytes, index, bytes.count - index) | UInt64(bytes.count & 0xFF) << 56)
        return state.finish()
    }

    private static func word(_ bytes: [UInt8], _ start: Int, _ count: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in 0..<count { word |= UInt64(bytes[start + index]) << UInt64(8 * index) }
        return word
    }

    private struct State {
        var (v0, v1): (UInt64, UInt64)
        var (v2, v3): (UInt64, UInt64)

        init(_ key: (UInt64, UInt64)) {
            v0 = key.0 ^ 0x736F_6D65_7073_6575
            v1 = key.1 ^ 0x646F_7261_6E64_6F6D
            v2 = key.0 ^ 0x6C79_6765_6E65_7261
            v3 = key.1 ^ 0x7465_6462_7974_6573
        }

        mutating func absorb(_ word: UInt64) {
            v3 ^= word
            for _ in 0..<2 { round() }
            v0 ^= word
        }

        mutating func finish() -> UInt64 {
            v2 ^= 0xFF
            for _ in 0..<4 { round() }
            return v0 ^ v1 ^ v2 ^ v3
        }

        private mutating func round() {
            v0 &+= v1
            v1 = rotate(v1, 13) ^ v0
            v0 = rotate(v0, 32)
            v2 &+= v3
            v3 = rotate(v3, 16) ^ v2
            v0 &+= v3
            v3 = rotate(v3, 21) ^ v0
            v2 &+= v1
            v1 = rotate(v1, 17) ^ v2
            v2 = rotate(v2, 32)
        }

        private func rotate(_ word: UInt64, _ bits: UInt64) -> UInt64 { word << bits | word >> (64 - bits) }
    }
}
