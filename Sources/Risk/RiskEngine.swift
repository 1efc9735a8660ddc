import Market

/// Evaluates every risk indicator on every request, in a microsecond, without a branch between them.
///
/// **Design.** The sequencer fills a `RiskContext` and calls `evaluate`. The engine turns it into an `Evidence` of
/// clamped integers, adds what `RiskState` remembers, and runs the groups A-F and H straight through: each rule puts
/// its bit into the mask of evaluated rules and, where it does not hold, into the mask of failed ones. No rule is
/// skipped, so the journal can prove that a request met all of them (invariant I17). Two masks of the table then
/// decide what a failure means: which rules apply to the kind of request, and which refuse. The lowest refusing
/// number names the refusal, whatever else failed, so that replays and tests agree.
///
/// **What applies to what.** Cancels only reduce risk: they pass blocks, kill switches, credit, size and all rates but
/// the session's. Rules that compare with a book (51, 52, 58, 65, 71) hold in calls, where the book is no reference.
/// Rules whose reference does not exist yet hold; those that demand presence (23, 33, 44, 62) do not.
///
/// **State.** `evaluate` changes only what counts messages: token buckets for every request, windows, day counts and
/// repetitions for accepted ones. What orders do to sums comes by the events of `state`, after the ledger has agreed:
///
///     let verdict = engine.evaluate(context)
///     guard verdict.isAccepted else { return reject(verdict.rule, verdict.reason) }
///     let order = RiskOrder(account: ..., instrument: ..., side: ..., price: verdict.valuation)
///     engine.state.accepted(order, quantity: request.quantity)
///     engine.state.filled(order, price: ..., quantity: ..., leaves: ..., time: ...)   // per fill of either side
///     engine.state.traded(instrument, price: ..., quantity: ..., time: ...)           // per trade
///     engine.state.closed(order, leaves: ...)                                         // cancel, expiry
///
/// **Time.** Event time only. The engine reads no clock, draws no chance, does no I/O; one thread owns it.
///
/// **Cost.** About 90 comparisons, and up to six cache misses: account, pair, level, repetition, instrument, session.
public struct RiskEngine: ~Copyable {
    /// What the rules remember; send it the events.
    public var state: RiskState
    /// The counters of each rule.
    public private(set) var counters = RiskCounters()
    /// Thresholds and severities in force.
    public private(set) var limits: RiskLimits

    private let all = RiskRule.all
    private var rejecting: RiskMask
    private let forNew = Self.rules(for: .new)
    private let forCancel = Self.rules(for: .cancel)
    private let forReplace = Self.rules(for: .replace)

    /// An engine with empty state.
    public init(limits: RiskLimits = RiskLimits(), capacity: RiskCapacity = RiskCapacity()) {
        self.limits = limits
        rejecting = limits.rejecting
        state = RiskState(capacity: capacity, limits: limits)
    }

    /// Puts other limits in force; the lengths of the windows of rules 56 and 121 stay as they were at the start.
    ///
    /// A control event: it has its place in the sequence, or a replay would see other limits.
    public mutating func apply(_ limits: RiskLimits) {
        self.limits = limits
        rejecting = limits.rejecting
    }

    /// Runs every rule on one request.
    ///
    /// O(1); allocates only where state grows (`RiskState`).
    public mutating func evaluate(_ context: RiskContext) -> RiskVerdict {
        let evidence = state.evidence(for: context, limits)
        var checks = RuleChecks()
        evidence.checkValidity(context, limits, &checks)
        evidence.checkIdentity(context, limits, &checks)
        evidence.checkPhase(context, limits, &checks)
        evidence.checkPrice(context, limits, &checks)
        evidence.checkSize(context, limits, &checks)
        evidence.checkFunds(context, &checks)
        evidence.checkRates(limits, &checks)
        let verdict = judge(checks, context, evidence.price)
        if verdict.isAccepted { state.count(context.request, evidence) }
        counters.record(verdict, all: all)
        return verdict
    }

    private func judge(_ checks: RuleChecks, _ context: RiskContext, _ price: Int64) -> RiskVerdict {
        let applicable = applicable(to: context.request.kind)
        let failed = checks.failed & applicable
        let refusing = failed & rejecting
        var verdict = RiskVerdict(
            evaluated: checks.evaluated, failed: refusing, warned: failed & rejecting.complement, rule: 0, reason: 0,
            valuation: Price(milli: price))
        if let rule = refusing.lowest {
            verdict.rule = rule
            verdict.reason = Self.reason(rule, context)
        }
        return verdict
    }

    private func applicable(to kind: RequestKind) -> RiskMask {
        switch kind {
        case .new: forNew
        case .cancel: forCancel
        case .replace: forReplace
        }
    }

    /// Tag 103 or 102 of a refusal by `rule`; the three refinements are documented at `RiskVerdict`.
    private static func reason(_ rule: UInt8, _ context: RiskContext) -> UInt8 {
        guard let row = RiskRule.row(rule) else { return 99 }
        let isNew = context.request.kind == .new
        switch row.indicator {
        case .targetOpen where context.target.isFound && context.target.account == context.request.account: return 0
        case .phaseAcceptsEntry where isNew && context.phase == .ended: return 4
        case .instrumentTradable where isNew && context.instrument == nil: return 1
        default: return isNew ? row.rejectReason : row.cancelReason
        }
    }

    private static func rules(for kind: RequestKind) -> RiskMask {
        RiskMask(RiskRule.table.filter { $0.kinds.contains(kind: kind) }.map(\.indicator))
    }
}
