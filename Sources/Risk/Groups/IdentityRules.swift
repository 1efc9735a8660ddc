import Market

extension Evidence {
    /// Rules 22-39.
    func checkIdentity(_ context: RiskContext, _ limits: RiskLimits, _ checks: inout RuleChecks) {
        let isClient = hasAccount && profile.id == context.request.account && profile.id >= AccountID.firstClient
        let isGrouped = profile.group < 64 && context.sessionGroups >> UInt64(profile.group & 63) & 1 == 1
        let roles: RiskRoles = isCancel ? [.trade, .cancel] : .trade
        checks.require(.sessionActive, context.isSessionActive)
        checks.require(.accountActive, isClient && (profile.isActive || isCancel))
        checks.require(.accountNotBlocked, !profile.isBlocked)
        checks.require(.sessionMayTradeAccount, isGrouped)
        checks.require(.traderAuthorised, !context.sessionRoles.isDisjoint(with: roles))
        checks.require(
            .boardPermitted, !hasInstrument || profile.boards >> instrument.board.rawValue & 1 == 1)
        checks.require(.suitability, profile.riskLevel >= instrument.riskLevel || !hasInstrument)
        checks.require(.restrictedList, !flags.contains(.restricted))
        checks.require(.insiderWindow, !flags.contains(.insiderWindow))
        checks.require(.foreignAccess, !flags.contains(.foreignBarred))
        checks.require(.algorithmRegistered, !flags.contains(.algorithmUnregistered))
        checks.require(.limitsPresent, hasAccount && profile.version > 0 && isWithinCapacity)
        checks.require(
            .limitsFresh, flags.contains(.profileCurrent) || context.profileAge <= limits[.limitsFresh].threshold)
        checks.require(.accountKillSwitch, !profile.isKilled && !flags.contains(.accountKilled))
        checks.require(.strategyKillSwitch, !flags.contains(.strategyKilled))
        checks.require(.instrumentKillSwitch, !flags.contains(.instrumentKilled))
        checks.require(.marketKillSwitch, !flags.contains(.marketKilled))
        checks.require(.reducingOnly, !isReducingOnly || reduces(context.position.shares))
    }

    private var isReducingOnly: Bool { profile.isReducing || flags.contains(.reducingOnly) }

    /// Whether the whole order, filled, leaves a position nearer to zero.
    private func reduces(_ position: Int64) -> Bool {
        let before = min(max(position, -Self.boundMax), Self.boundMax)
        return abs(isBuy ? before + working : before - working) < abs(before)
    }
}
