/// Group H, rules 114-121: too many, too fast, too alike. Cancels count, but only rule 114 can refuse one.
///
/// 114, 118 and 119 are token buckets that every evaluated request draws from: tokens a second, and the most a bucket
/// holds. 115, 116 and 121 count accepted requests, by event time.
extension RiskRule {
    static let rateRows: [RiskRule] = [
        RiskRule(
            .sessionMessageRate, .session, .perSecond, 20_000, second: 20_000, .messages, reason: 3, kinds: .all,
            "session sends too fast"),
        // The programme-trading rules call 300 a second high frequency, hence at most 299.
        RiskRule(.accountMessageRate, .account, .count, 299, reason: 3, "account sends too fast"),
        RiskRule(.accountDailyMessages, .account, .count, 19_999, reason: 3, "account's messages of the day used up"),
        RiskRule(
            .firmMessageRate, .firm, .perSecond, 200_000, second: 200_000, .messages, reason: 3, "firm sends too fast"),
        RiskRule(
            .instrumentMessageRate, .instrument, .perSecond, 100_000, second: 100_000, .messages, reason: 3,
            "too many messages for this instrument"),
        // So many equal orders (account, instrument, side, price, quantity) within the window, this one included.
        RiskRule(
            .duplicateOrder, .accountInstrument, .count, 10, second: 1_000_000, .microseconds, reason: 3, kinds: .new,
            "too many equal orders"),
    ]
}
