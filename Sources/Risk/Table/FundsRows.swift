/// Group F, rules 81-83: is the money, are the shares there. They protect the ledger and cannot be made warnings.
extension RiskRule {
    static let fundsRows: [RiskRule] = [
        RiskRule(.cashSufficient, .account, mandatory: true, reason: 0, cancelReason: 2, "not enough cash"),
        RiskRule(
            .sellableShares, .accountInstrument, mandatory: true, reason: 0, cancelReason: 2,
            "not enough sellable shares"),
        RiskRule(.shortSaleBan, .accountInstrument, reason: 0, cancelReason: 2, "short sales are not allowed"),
    ]
}
