extension Evidence {
    /// Rules 114-121.
    func checkRates(_ limits: RiskLimits, _ checks: inout RuleChecks) {
        checks.require(.sessionMessageRate, hasSessionToken)
        checks.require(.accountMessageRate, Int64(account.window.total) + 1 <= limits[.accountMessageRate].threshold)
        checks.require(.accountDailyMessages, Int64(account.messages) + 1 <= limits[.accountDailyMessages].threshold)
        checks.require(.firmMessageRate, hasFirmToken)
        checks.require(.instrumentMessageRate, hasInstrumentToken)
        checks.require(.duplicateOrder, repeatHasRoom && repeats + 1 <= limits[.duplicateOrder].threshold)
    }
}
