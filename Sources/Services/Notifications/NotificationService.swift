public import Market
internal import Synchronization

/// Something an account's owner should know: a fill, a rejection, an expiry.
public struct Notice: Sendable, Hashable {
    /// Dense from 1 in a process: what a reader has seen is one number.
    public var number: UInt64
    public var account: AccountID
    /// Event time, microseconds since 1970 UTC.
    public var time: Int64
    public var order: OrderID
    public var text: String
}

/// Notifications: notices per account, of durable events only.
///
/// Keeps the newest `perAccountMax` of each account and at most `accountsMax` accounts, the least recently notified
/// go first; what was dropped is counted, so that a reader knows it missed something. Fills are not among
/// them: FIX reports those.
public final class NotificationService: Sendable {
    /// Notices kept of one account.
    public static let perAccountMax = 50
    /// Accounts with notices.
    public static let accountsMax = 10_000

    fileprivate struct State {
        var notices: [AccountID: [Notice]] = [:]
        var lastNumber: UInt64 = 0
        var dropped: UInt64 = 0
    }

    private let state = Mutex(State())
    private let symbol: @Sendable (InstrumentID) -> UInt32

    /// A service that names instruments by `symbol`.
    public init(symbol: @escaping @Sendable (InstrumentID) -> UInt32) { self.symbol = symbol }

    /// Adds the notices of a durable batch: rejections by risk and expiries; fills are reported by FIX.
    public func update(_ output: NodeOutput) {
        let news = output.reports.filter { $0.type == .rejected || $0.type == .expired }
        guard !news.isEmpty else { return }
        state.withLock { state in
            for report in news { state.add(report, text: text(report)) }
        }
    }

    /// An account's notices after `number`, oldest first.
    public func notices(of account: AccountID, after number: UInt64 = 0) -> [Notice] {
        state.withLock { ($0.notices[account] ?? []).filter { $0.number > number } }
    }

    /// Notices dropped for lack of room.
    public var dropped: UInt64 { state.withLock(\.dropped) }

    private func text(_ report: ExecutionReport) -> String {
        let name = symbol(report.instrument)
        return report.type == .expired
            ? "order \(report.order) for \(name) expired with \(report.cumulative.shares) shares filled"
            : "order \(report.clientOrderID) for \(name) was rejected by risk rule \(report.rule)"
    }
}

extension NotificationService.State {
    fileprivate mutating func add(_ report: ExecutionReport, text: String) {
        if notices[report.account] == nil, notices.count >= NotificationService.accountsMax {
            dropOldest()
        }
        lastNumber += 1
        var list = notices.removeValue(forKey: report.account) ?? []
        list.append(
            Notice(number: lastNumber, account: report.account, time: report.time, order: report.order, text: text))
        if list.count > NotificationService.perAccountMax {
            list.removeFirst()
            dropped += 1
        }
        notices[report.account] = list
    }

    /// Forgets the quarter of the accounts whose newest notices are the oldest.
    private mutating func dropOldest() {
        let newest = notices.values.map { $0.last?.number ?? 0 }.sorted()
        let limit = newest[newest.count / 4]
        for (account, list) in notices where (list.last?.number ?? 0) <= limit {
            dropped += UInt64(list.count)
            notices[account] = nil
        }
    }
}
