/// A price in milli-yuan (0.001 CNY), the unit of the exchange's own Level-2 files.
///
/// Whether a price lies on an instrument's tick is a rule of that instrument (`Instrument.tick`), not of this type.
@frozen
public struct Price: Hashable, Comparable, Sendable {
    /// Milli-yuan.
    public var milli: Int64

    /// A price of `milli` thousandths of a yuan.
    @inlinable
    public init(milli: Int64) { self.milli = milli }

    /// No price: market orders carry it.
    public static let zero = Price(milli: 0)

    @inlinable
    public static func < (a: Price, b: Price) -> Bool { a.milli < b.milli }
}

/// A number of shares.
@frozen
public struct Quantity: Hashable, Comparable, Sendable {
    /// Shares.
    public var shares: Int64

    /// `shares` shares.
    @inlinable
    public init(_ shares: Int64) { self.shares = shares }

    /// No shares.
    public static let zero = Quantity(0)

    @inlinable
    public static func < (a: Quantity, b: Quantity) -> Bool { a.shares < b.shares }
    @inlinable
    public static func + (a: Quantity, b: Quantity) -> Quantity { Quantity(a.shares + b.shares) }
    @inlinable
    public static func - (a: Quantity, b: Quantity) -> Quantity { Quantity(a.shares - b.shares) }
    @inlinable
    public static func += (a: inout Quantity, b: Quantity) { a.shares += b.shares }
    @inlinable
    public static func -= (a: inout Quantity, b: Quantity) { a.shares -= b.shares }
}

/// An amount of money in milli-yuan (0.001 CNY): exact, signed, trapping on overflow.
@frozen
public struct Money: Hashable, Comparable, Sendable {
    /// Milli-yuan.
    public var milli: Int64

    /// `milli` thousandths of a yuan.
    @inlinable
    public init(milli: Int64) { self.milli = milli }

    /// Nothing.
    public static let zero = Money(milli: 0)

    /// `price` x `quantity`, or nil where the product does not fit 64 bits (risk rule 16).
    @inlinable
    public static func value(_ price: Price, _ quantity: Quantity) -> Money? {
        let (product, overflow) = price.milli.multipliedReportingOverflow(by: quantity.shares)
        return overflow ? nil : Money(milli: product)
    }

    @inlinable
    public static func < (a: Money, b: Money) -> Bool { a.milli < b.milli }
    @inlinable
    public static func + (a: Money, b: Money) -> Money { Money(milli: a.milli + b.milli) }
    @inlinable
    public static func - (a: Money, b: Money) -> Money { Money(milli: a.milli - b.milli) }
    @inlinable
    public static func += (a: inout Money, b: Money) { a.milli += b.milli }
    @inlinable
    public static func -= (a: inout Money, b: Money) { a.milli -= b.milli }
}
