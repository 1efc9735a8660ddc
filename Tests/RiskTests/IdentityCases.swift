import Market
import Risk

extension RuleCase {
    static let identity: [RuleCase] = [
        RuleCase(.sessionActive) { $0.context.isSessionActive = false },
        RuleCase(.accountActive) { $0.context.account?.isActive = false },
        RuleCase(.accountActive) { $0.context.account = nil },
        RuleCase(
            .accountActive,
            holds: {
                $0.context.request.account = .firstClient
                $0.context.account?.id = .firstClient
            }
        ) {
            $0.context.request.account = AccountID(15)
            $0.context.account?.id = AccountID(15)
        },
        RuleCase(.accountNotBlocked) { $0.context.account?.isBlocked = true },
        RuleCase(
            .sessionMayTradeAccount,
            holds: {
                $0.context.account?.group = 5; $0.context.sessionGroups = 1 << 5
            }
        ) {
            $0.context.account?.group = 6
            $0.context.sessionGroups = 1 << 5
        },
        RuleCase(.sessionMayTradeAccount, holds: { $0.context.account?.group = 63 }) {
            $0.context.account?.group = 64
        },
        RuleCase(.traderAuthorised) { $0.context.sessionRoles = .cancel },
        RuleCase(.boardPermitted, holds: { $0.context.account?.boards = 1 << Board.main.rawValue }) {
            $0.context.account?.boards = ~(1 << Board.main.rawValue)
        },
        RuleCase(
            .suitability,
            holds: {
                $0.context.account?.riskLevel = 3
                $0.context.instrument?.riskLevel = 3
            }
        ) {
            $0.context.account?.riskLevel = 3
            $0.context.instrument?.riskLevel = 4
        },
        RuleCase(.restrictedList) { $0.context.flags = .restricted },
        RuleCase(
            .restrictedList,
            holds: {
                $0.before.append {
                    $0.state.setFlags(.restricted, account: AccountID(101), instrument: RiskScenario.instrument)
                }
            }
        ) {
            $0.before.append {
                $0.state.setFlags(.restricted, account: RiskScenario.account, instrument: RiskScenario.instrument)
            }
        },
        RuleCase(.insiderWindow) { $0.context.flags = .insiderWindow },
        RuleCase(.foreignAccess) { $0.context.flags = .foreignBarred },
        RuleCase(.algorithmRegistered) { $0.context.flags = .algorithmUnregistered },
        RuleCase(.limitsPresent) { $0.context.account?.version = 0 },
        // Accounts 0 ..< 101 fit, then 0 ..< 100.
        RuleCase(.limitsPresent, holds: { $0.capacity.accountsMax = 101 }) { $0.capacity.accountsMax = 100 },
        RuleCase(.limitsPresent, holds: { $0.capacity.instrumentsMax = 8 }) { $0.capacity.instrumentsMax = 7 },
        RuleCase(.limitsFresh, holds: { $0.context.profileAge = 60_000_000 }) { $0.context.profileAge = 60_000_001 },
        RuleCase(
            .limitsFresh,
            holds: {
                $0.context.profileAge = .max; $0.context.flags = .profileCurrent
            }
        ) {
            $0.context.profileAge = .max
        },
        RuleCase(.accountKillSwitch) { $0.context.account?.isKilled = true },
        RuleCase(
            .accountKillSwitch,
            holds: { $0.before.append { $0.state.setFlags(.accountKilled, account: AccountID(101)) } }
        ) { $0.before.append { $0.state.setFlags(.accountKilled, account: RiskScenario.account) } },
        RuleCase(.strategyKillSwitch) { $0.context.flags = .strategyKilled },
        RuleCase(
            .instrumentKillSwitch,
            holds: { $0.before.append { $0.state.setFlags(.instrumentKilled, instrument: InstrumentID(8)) } }
        ) { $0.before.append { $0.state.setFlags(.instrumentKilled, instrument: RiskScenario.instrument) } },
        RuleCase(.marketKillSwitch) { $0.before.append { $0.state.firmFlags = .marketKilled } },
        // Short 1,001: buying 1,000 leaves 1; buying 1,000 on a long position grows it.
        RuleCase(
            .reducingOnly,
            holds: {
                $0.context.account?.isReducing = true; $0.context.position = Quantity(-1_001)
            }
        ) {
            $0.context.account?.isReducing = true
            $0.context.position = Quantity(1_001)
        },
        // Selling 1,000 of 501 turns +501 into -499: nearer to zero. Of 500 into -500: not nearer.
        RuleCase(
            .reducingOnly,
            holds: {
                $0.context.flags = .reducingOnly
                $0.sell()
                $0.context.position = Quantity(501)
            }
        ) {
            $0.context.flags = .reducingOnly
            $0.sell()
            $0.context.position = Quantity(500)
        },
    ]

    static let phase: [RuleCase] = [
        RuleCase(.tradingDay) { $0.context.flags = .notTradingDay },
        RuleCase(.phaseAcceptsEntry, holds: { $0.context.phase = .openingCallNoCancel }) { $0.context.phase = .quiet },
        RuleCase(.phaseAcceptsEntry, holds: { $0.context.phase = .closingCall }) { $0.context.phase = .ended },
        RuleCase(
            .phaseAcceptsCancel,
            holds: {
                $0.cancel(); $0.context.phase = .openingCall
            }
        ) {
            $0.cancel()
            $0.context.phase = .openingCallNoCancel
        },
        RuleCase(.phaseAcceptsCancel, holds: { $0.replace() }) {
            $0.replace()
            $0.context.phase = .closingCall
        },
        RuleCase(.marketOrderPhase, holds: { $0.market() }) {
            $0.market()
            $0.context.phase = .openingCall
        },
        RuleCase(.instrumentTradable) { $0.context.instrument?.isTradable = false },
        RuleCase(.instrumentTradable) { $0.context.instrument = nil },
        RuleCase(
            .volatilityHalt,
            holds: { $0.before.append { $0.state.halt(RiskScenario.instrument, until: RiskScenario.start) } }
        ) { $0.before.append { $0.state.halt(RiskScenario.instrument, until: RiskScenario.start + 1) } },
        RuleCase(.marketOrderReference, holds: { $0.market() }) {
            $0.market()
            $0.context.instrument?.limitUp = .zero
        },
        RuleCase(.priceBaseAdjusted) { $0.context.flags = .priceBaseUnadjusted },
        // 300,000 bought, 199,000 open, 1,000 more: 500,000.
        RuleCase(
            .riskWarningDailyBuy,
            holds: {
                $0.context.instrument?.board = .riskWarning
                $0.accepted(1, quantity: 199_000)
                $0.before.append {
                    $0.state.restored(
                        account: RiskScenario.account, instrument: RiskScenario.instrument, side: .buy,
                        quantity: Quantity(300_000), value: .zero)
                }
            }
        ) {
            $0.context.instrument?.board = .riskWarning
            $0.accepted(1, quantity: 499_001)
        },
    ]
}
