/// A trading account: a dense number from 1, printed in decimal in FIX tag 1 and in SQL.
///
/// Accounts below `firstClient` belong to the house (`HouseAccount`).
@frozen
public struct AccountID: Hashable, Comparable, Sendable {
    /// The account's number.
    public let rawValue: UInt32

    /// The account of that number; any number is well formed, risk rule 23 says whether it exists.
    @inlinable
    public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// The first number that a client's account can have; the ones below are the house's.
    public static let firstClient = AccountID(16)

    @inlinable
    public static func < (a: AccountID, b: AccountID) -> Bool { a.rawValue < b.rawValue }
}

/// An instrument: a dense number from 0, the index of the partition's books. The symbol is in `Instrument`.
@frozen
public struct InstrumentID: Hashable, Comparable, Sendable {
    /// The instrument's index.
    public let rawValue: UInt32

    /// The instrument of that index.
    @inlinable
    public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    @inlinable
    public static func < (a: InstrumentID, b: InstrumentID) -> Bool { a.rawValue < b.rawValue }
}

/// The position of a command in a partition's total order; numbers are dense and start at 1.
public typealias SequenceNumber = UInt64

/// An order's number: the sequence number of the request that entered it (FIX tag 37).
public typealias OrderID = UInt64

/// A trade's number, dense from 1 within a partition.
public typealias TradeID = UInt64

/// A report's number, dense from 1 within a partition (FIX tag 17).
public typealias ExecutionID = UInt64

/// A FIX session's number (one counterparty's CompID), dense from 1.
public typealias SessionID = UInt32

/// A client's own order id (FIX tag 11): 1 to 20 printable ASCII characters, stored inline.
@frozen
public struct ClientOrderID: Hashable, Sendable, CustomStringConvertible {
    /// The longest id, in bytes (risk rule 13).
    public static let lengthMax = 20

    /// Bytes 0-7, 8-15 and 16-19, little endian, zero padded; the length is in the top byte of `tail`.
    public let head: UInt64
    public let middle: UInt64
    public let tail: UInt64

    /// The id in `bytes`, or nil where it is empty, longer than 20 bytes or holds anything but printable ASCII.
    @inlinable
    public init?(_ bytes: some Collection<UInt8>) {
        var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        var count: UInt64 = 0
        for byte in bytes {
            guard count < 20, byte > 0x20, byte < 0x7F else { return nil }
            let shift = (count & 7) &* 8
            switch count >> 3 {
            case 0: words.0 |= UInt64(byte) << shift
            case 1: words.1 |= UInt64(byte) << shift
            default: words.2 |= UInt64(byte) << shift
            }
            count += 1
        }
        guard count > 0 else { return nil }
        head = words.0
        middle = words.1
        tail = words.2 | count << 56
    }

    /// The id in a string; see `init(_:)` over bytes.
    public init?(_ text: String) { self.init(Array(text.utf8)) }

    /// The number of bytes, 1...20.
    @inlinable
    public var count: Int { Int(tail >> 56) }

    /// The byte at `index`, 0..<count.
    @inlinable
    public subscript(index: Int) -> UInt8 {
        let word = index < 8 ? head : index < 16 ? middle : tail
        return UInt8(truncatingIfNeeded: word >> UInt64((index & 7) * 8))
    }

    public var description: String {
        String(decoding: (0..<count).map { self[$0] }, as: UTF8.self)
    }
}
