public import Market

/// One settlement posting: the whole of what a member and the central counterparty owe each other in one asset.
///
/// (date, account, asset) is its key in the store, so that running the job again posts nothing twice.
public struct SettlementTransfer: Hashable, Sendable {
    /// The trading day.
    public var date: TradingDate
    /// Member, asset and amount.
    public var obligation: Obligation

    /// The settlement of `obligation` for `date`.
    public init(date: TradingDate, obligation: Obligation) {
        self.date = date
        self.obligation = obligation
    }
}

/// The settlement of one day: takes each transfer once, whoever offers it how often, and keeps the counterparty's books.
///
/// A job that was killed starts again: feed the transfers found in the store, then all transfers of the day; those that
/// were there are answered `alreadyPosted`. When all are in, the counterparty must be flat in every asset.
public struct Settlement: Sendable {
    /// What became of a transfer.
    public enum Outcome: Hashable, Sendable {
        /// New: write it.
        case posted
        /// There already with the same amount: nothing to do.
        case alreadyPosted
        /// Of another day, or there already with another amount: somebody is wrong, stop.
        case refused(LedgerRefusal)
    }

    /// The day.
    public let date: TradingDate
    private var posted: [SettlementKey: Int64] = [:]
    private var counterparty: [UInt32: Int64] = [:]

    /// The settlement of a day with nothing posted.
    public init(date: TradingDate) { self.date = date }

    /// The transfers of a day's netting, in the order of its obligations.
    public static func transfers(of netting: Netting, date: TradingDate) -> [SettlementTransfer] {
        netting.obligations().map { SettlementTransfer(date: date, obligation: $0) }
    }

    /// Posts a transfer against the counterparty.
    public mutating func post(_ transfer: SettlementTransfer) -> Outcome {
        guard transfer.date == date else { return .refused(.settlementConflict) }
        let obligation = transfer.obligation
        let key = SettlementKey(account: obligation.account, asset: obligation.asset.code)
        if let amount = posted[key] {
            return amount == obligation.amount ? .alreadyPosted : .refused(.settlementConflict)
        }
        let (balance, overflow) = counterpartyBalance(obligation.asset).subtractingReportingOverflow(obligation.amount)
        guard !overflow else { return .refused(.totalTooLarge) }
        posted[key] = obligation.amount
        counterparty[obligation.asset.code] = balance == 0 ? nil : balance
        return .posted
    }

    /// What the counterparty holds of an asset: zero before the first and after the last transfer of the day.
    public func counterpartyBalance(_ asset: Asset) -> Int64 { counterparty[asset.code] ?? 0 }

    /// Whether the counterparty is flat in every asset: true of a whole day, and also between two assets of it.
    public var isFlat: Bool { counterparty.isEmpty }

    /// Transfers posted.
    public var count: Int { posted.count }
}

/// The key of a settlement posting within its day.
private struct SettlementKey: Hashable {
    let account: AccountID
    let asset: UInt32
}
