/// The lowest and highest price of a day, inclusive.
@frozen
public struct PriceBand: Hashable, Sendable {
    /// Limit down.
    public var down: Price
    /// Limit up.
    public var up: Price

    /// A band from `down` to `up`.
    @inlinable
    public init(down: Price, up: Price) {
        self.down = down
        self.up = up
    }

    /// Whether `price` lies inside.
    @inlinable
    public func contains(_ price: Price) -> Bool { down <= price && price <= up }
}

extension Price {
    /// The greatest price that arithmetic here accepts: 1 billion yuan.
    public static let milliMax: Int64 = 1_000_000_000_000

    /// `percent` percent of this price, rounded half up to a multiple of `tick`; nil outside 1...`milliMax`.
    ///
    /// In ticks: floor(price x percent / (100 x tick) + 1/2), computed as an integer quotient.
    public func scaled(percent: Int, tick: Price) -> Price? {
        guard (1...Self.milliMax).contains(milli), (1...Self.milliMax).contains(tick.milli) else { return nil }
        guard (1...1000).contains(percent) else { return nil }
        let step = 100 * tick.milli
        return Price(milli: (milli * Int64(percent) + step / 2) / step * tick.milli)
    }
}
