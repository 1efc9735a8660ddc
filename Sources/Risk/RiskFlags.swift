/// Yes-or-no facts that rules read; an empty set is an ordinary request.
///
/// They come from two places and are united: the caller's facts about this request (`RiskContext.flags`), and the
/// standing ones that control events set for the firm, an account, an instrument or a pair (`RiskState`).
@frozen
public struct RiskFlags: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt32

    /// The set with these bits.
    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// (session, ClOrdID) was used by another request today (rule 12).
    public static let duplicateID = RiskFlags(rawValue: 1 << 0)
    /// The pair is on a restricted list (29).
    public static let restricted = RiskFlags(rawValue: 1 << 1)
    /// The account is an insider or large holder of the instrument in a closed window (30).
    public static let insiderWindow = RiskFlags(rawValue: 1 << 2)
    /// The account's jurisdiction may not trade the instrument (31).
    public static let foreignBarred = RiskFlags(rawValue: 1 << 3)
    /// The order names an algorithm that is not registered (32).
    public static let algorithmUnregistered = RiskFlags(rawValue: 1 << 4)
    /// The profile is known to be the current version, whatever its age (34).
    public static let profileCurrent = RiskFlags(rawValue: 1 << 5)
    /// Kill switch of the account (35), beside the profile's own.
    public static let accountKilled = RiskFlags(rawValue: 1 << 6)
    /// Kill switch of the strategy (36).
    public static let strategyKilled = RiskFlags(rawValue: 1 << 7)
    /// Kill switch of the instrument (37).
    public static let instrumentKilled = RiskFlags(rawValue: 1 << 8)
    /// Kill switch of the firm or the market (38).
    public static let marketKilled = RiskFlags(rawValue: 1 << 9)
    /// Only orders that reduce the position (39), beside the profile's own.
    public static let reducingOnly = RiskFlags(rawValue: 1 << 10)
    /// Today is not a trading day (40).
    public static let notTradingDay = RiskFlags(rawValue: 1 << 11)
    /// A corporate action is due and the previous close is not adjusted for it (47).
    public static let priceBaseUnadjusted = RiskFlags(rawValue: 1 << 12)
    /// The account may sell short (83).
    public static let marginAccount = RiskFlags(rawValue: 1 << 13)
}

/// What the user behind a session may do (rule 26).
@frozen
public struct RiskRoles: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt8

    /// The set with these bits.
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// May enter, replace and cancel orders.
    public static let trade = RiskRoles(rawValue: 1 << 0)
    /// May cancel orders.
    public static let cancel = RiskRoles(rawValue: 1 << 1)
}
