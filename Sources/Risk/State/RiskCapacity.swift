/// How much state is kept at most; requests that would need more are refused (rules 33, 79, 80, 114, 121).
///
/// Memory is taken as it is needed. At 5,000,000 accounts that are all active the account columns take 400 MB
/// (80 bytes each), a million pairs about 120 MB, a million price levels about 40 MB.
public struct RiskCapacity: Hashable, Sendable {
    /// One more than the greatest account number.
    public var accountsMax: Int
    /// One more than the greatest instrument number.
    public var instrumentsMax: Int
    /// One more than the greatest session number.
    public var sessionsMax: Int
    /// (account, instrument) pairs of one day.
    public var pairsMax: Int
    /// (account, instrument, side, price) levels with an open order.
    public var levelsMax: Int
    /// Distinct orders within the window of rule 121.
    public var repeatsMax: Int

    /// The given limits; the defaults fit 5,000,000 accounts and a day at 15,000 orders a second for minutes.
    ///
    /// - Precondition: all are positive.
    public init(
        accountsMax: Int = 8_388_608, instrumentsMax: Int = 65_536, sessionsMax: Int = 65_536,
        pairsMax: Int = 16_777_216, levelsMax: Int = 16_777_216, repeatsMax: Int = 4_194_304
    ) {
        precondition(
            min(accountsMax, instrumentsMax, sessionsMax, pairsMax, levelsMax, repeatsMax) > 0,
            "a capacity must be positive")
        self.accountsMax = accountsMax
        self.instrumentsMax = instrumentsMax
        self.sessionsMax = sessionsMax
        self.pairsMax = pairsMax
        self.levelsMax = levelsMax
        self.repeatsMax = repeatsMax
    }
}
