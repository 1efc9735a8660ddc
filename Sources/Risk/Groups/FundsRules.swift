import Market

extension Evidence {
    /// Rules 81-83.
    ///
    /// Margin lifts only 83: borrowed shares are sellable shares to 82.
    func checkFunds(_ context: RiskContext, _ checks: inout RuleChecks) {
        let need = saturatingSum(value, max(0, context.feeBound.milli))
        checks.require(.cashSufficient, !isBuy || need <= context.availableCash.milli)
        checks.require(.sellableShares, isBuy || working <= context.sellableShares.shares)
        checks.require(.shortSaleBan, isBuy || flags.contains(.marginAccount) || working <= context.position.shares)
    }
}
