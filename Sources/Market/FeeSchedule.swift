/// The rates of one trading day, and the one rounding rule: half up to the cent, on an order's cumulative value.
///
/// Each fill is charged the increase of the fee of everything the order has filled so far. So many small fills cost
/// exactly what one large fill costs, and a hold for the worst case can never be too small.
///
/// Rates are integers in hundredths of a basis point (1/1,000,000 of the value): 2.5 bp is 250.
@frozen
public struct FeeSchedule: Hashable, Sendable {
    /// The highest rate: the whole value.
    public static let rateMax: Int32 = 1_000_000
    /// The greatest value fees are computed on, in milli-yuan: 100 trillion yuan.
    public static let valueMax = Money(milli: 100_000_000_000_000_000)
    /// A broker's usual commission: 2.5 bp.
    public static let usualCommission: Int32 = 250

    /// Commission of either side, hundredths of a basis point.
    public let commission: Int32
    /// Transfer fee of either side, hundredths of a basis point.
    public let transferFee: Int32
    /// Stamp duty of the seller, hundredths of a basis point.
    public let stampDuty: Int32

    /// A schedule of these rates; nil where one lies outside 0...`rateMax`.
    public init?(commission: Int32, transferFee: Int32, stampDuty: Int32) {
        let rates = 0...Self.rateMax
        guard rates.contains(commission), rates.contains(transferFee), rates.contains(stampDuty) else { return nil }
        self.commission = commission
        self.transferFee = transferFee
        self.stampDuty = stampDuty
    }

    /// The schedule in force on `date` with a broker's own commission; nil before the table begins (2015-08-01).
    ///
    /// The statutory rates are looked up in `statutory`, newest row first.
    public static func schedule(on date: TradingDate, commission: Int32 = usualCommission) -> FeeSchedule? {
        guard let row = statutory.last(where: { Int32(truncatingIfNeeded: $0.effectiveFrom) <= date.rawValue }) else {
            return nil
        }
        return FeeSchedule(commission: commission, transferFee: row.transferFee, stampDuty: row.stampDuty)
    }

    /// The statutory rates by the day (yyyymmdd) they came into force, ascending.
    ///
    /// Stamp duty of sellers: 0.1 %, halved to 0.05 % on 2023-08-28. Transfer fee of both sides: 0.002 %, halved to
    /// 0.001 % on 2022-04-29 (the date of the transfer fee is from memory).
    public static let statutory: [(effectiveFrom: Int, transferFee: Int32, stampDuty: Int32)] = [
        (20_150_801, 20, 1000),
        (20_220_429, 10, 1000),
        (20_230_828, 10, 500),
    ]

    /// The fees of one side on `value` in all, 0...`valueMax`: each item rounded half up to the cent.
    @inlinable
    public func fees(on value: Money, side: Side) -> Fees {
        precondition(value >= .zero && value <= Self.valueMax, "fees are computed on values up to valueMax")
        return Fees(
            commission: Self.fee(on: value, rate: commission), transferFee: Self.fee(on: value, rate: transferFee),
            stampDuty: side == .sell ? Self.fee(on: value, rate: stampDuty) : .zero)
    }

    /// What a buyer must have for `quantity` more at `price` or better, after fills worth `filled`: value and fees.
    ///
    /// - Returns: nil where price or quantity is negative or the value passes `valueMax`.
    @inlinable
    public func buyRequirement(price: Price, quantity: Quantity, filled: Money = .zero) -> Money? {
        guard price >= .zero, quantity >= .zero, filled >= .zero, filled <= Self.valueMax else { return nil }
        guard let value = Money.value(price, quantity), value <= Self.valueMax - filled else { return nil }
        let charged = fees(on: filled, side: .buy).total
        return value + fees(on: filled + value, side: .buy).total - charged
    }

    /// value x rate / 1,000,000 in milli-yuan, rounded half up to 10 milli-yuan.
    ///
    /// The value is split at 10^7 so that the product needs no 128 bits: high x rate and low x rate / 10^7 are cents.
    @inlinable
    static func fee(on value: Money, rate: Int32) -> Money {
        let divisor: Int64 = 10_000_000
        let high = value.milli / divisor
        let low = value.milli % divisor
        return Money(milli: (high * Int64(rate) + (low * Int64(rate) + divisor / 2) / divisor) * 10)
    }
}
