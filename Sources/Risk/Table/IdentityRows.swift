/// Group B, rules 22-39: who asks, and may they. Cancels pass blocks and kill switches: they only reduce risk.
extension RiskRule {
    static let identityRows: [RiskRule] = [
        RiskRule(.sessionActive, .session, mandatory: true, reason: 99, kinds: .all, "session is not active"),
        RiskRule(
            .accountActive, .account, mandatory: true, reason: 15, kinds: .all, "unknown or inactive account"),
        RiskRule(.accountNotBlocked, .account, reason: 15, "account is blocked"),
        RiskRule(.sessionMayTradeAccount, .session, reason: 15, kinds: .all, "session may not trade this account"),
        RiskRule(.traderAuthorised, .session, reason: 15, kinds: .all, "session lacks the role for this request"),
        RiskRule(.boardPermitted, .account, reason: 15, "board not permitted for this account"),
        RiskRule(.suitability, .accountInstrument, reason: 15, "instrument too risky for this account"),
        RiskRule(.restrictedList, .accountInstrument, reason: 15, "instrument on the restricted list"),
        RiskRule(.insiderWindow, .accountInstrument, reason: 15, "insider or large holder in a closed window"),
        RiskRule(.foreignAccess, .accountInstrument, reason: 15, "instrument not open to this jurisdiction"),
        RiskRule(.algorithmRegistered, .strategy, reason: 15, "algorithm is not registered"),
        RiskRule(.limitsPresent, .account, mandatory: true, reason: 15, "no limits are on record"),
        RiskRule(.limitsFresh, .account, .microseconds, 60_000_000, reason: 99, "limits on record are too old"),
        RiskRule(.accountKillSwitch, .account, reason: 99, "kill switch: account"),
        RiskRule(.strategyKillSwitch, .strategy, reason: 99, "kill switch: strategy"),
        RiskRule(.instrumentKillSwitch, .instrument, reason: 99, "kill switch: instrument"),
        RiskRule(.marketKillSwitch, .market, reason: 99, "kill switch: firm or market"),
        RiskRule(.reducingOnly, .account, reason: 3, "only orders that reduce the position are taken"),
    ]
}
