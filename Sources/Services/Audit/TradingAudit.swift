public import CacheStack
internal import Ledger
public import Market
internal import Risk

/// What every account owned before the first order, where that is known: then balances are checked one by one.
public struct OpeningBalances: Sendable {
    /// Cash of an account, and its shares of an instrument, before the day.
    public var cash: @Sendable (AccountID) -> Money
    public var shares: @Sendable (AccountID, InstrumentID) -> Quantity

    /// Balances given by two rules.
    public init(
        cash: @escaping @Sendable (AccountID) -> Money,
        shares: @escaping @Sendable (AccountID, InstrumentID) -> Quantity
    ) {
        self.cash = cash
        self.shares = shares
    }
}

/// The invariants of the trading day, judged from the rows in L3 alone: an auditor that trusts no process.
///
/// Reads every row of one snapshot and checks the list I1 to I17; the replay of I8, I15 and I16 shares no code with
/// the matching engine. Memory and time are linear in the day's rows: about 4 seconds a million orders.
public struct TradingAudit: Sendable {
    private let durable: any DurableTier
    private let opening: OpeningBalances?
    private let fees: FeeSchedule

    /// An audit of the rows in `durable`, of a day with the given fees.
    public init(durable: any DurableTier, fees: FeeSchedule, opening: OpeningBalances? = nil) {
        self.durable = durable
        self.fees = fees
        self.opening = opening
    }

    /// Every order in L3, of one snapshot.
    public static func orders(in durable: any DurableTier) async throws(TierError) -> [OrderRow] {
        let orders = RowCollector<OrderRow>()
        _ = try await durable.scan([TradingSpaces.orders.space], until: .now + .seconds(300)) { orders.append($0) }
        return orders.rows
    }

    /// All findings, in the order of their numbers.
    public func run() async throws(TierError) -> AuditReport {
        let cash = RowCollector<CashRow>()
        let positions = RowCollector<PositionRow>()
        let orders = RowCollector<OrderRow>()
        let trades = RowCollector<TradeRow>()
        let instruments = RowCollector<Instrument>()
        let partitions = RowCollector<PartitionRow>()
        let spaces = [
            TradingSpaces.cash, TradingSpaces.positions, TradingSpaces.orders, TradingSpaces.trades,
            TradingSpaces.instruments, TradingSpaces.partitions,
        ].map(\.space)
        let ticket = try await durable.scan(spaces, until: .now + .seconds(300)) { chunk in
            switch chunk.space {
            case TradingSpaces.cash.space: cash.append(chunk)
            case TradingSpaces.positions.space: positions.append(chunk)
            case TradingSpaces.orders.space: orders.append(chunk)
            case TradingSpaces.trades.space: trades.append(chunk)
            case TradingSpaces.instruments.space: instruments.append(chunk)
            default: partitions.append(chunk)
            }
        }
        let rows = AuditRows(
            cash: cash.rows, positions: positions.rows, orders: orders.rows,
            trades: trades.rows.sorted { $0.trade < $1.trade },
            instruments: Dictionary(instruments.rows.map { ($0.id, $0) }) { first, _ in first },
            partitions: partitions.rows, fees: fees)
        return AuditReport(
            ticket: ticket, orders: rows.orders.count, trades: rows.trades.count, findings: rows.findings(opening))
    }
}

/// What an audit found.
public struct AuditReport: Sendable {
    /// The snapshot that was audited.
    public var ticket: Ticket
    public var orders: Int
    public var trades: Int
    public var findings: [AuditFinding]

    /// Whether no invariant is broken.
    public var isSound: Bool { findings.allSatisfy { $0.verdict != .broken } }
}

/// The rows of one snapshot.
struct AuditRows {
    var cash: [CashRow]
    var positions: [PositionRow]
    var orders: [OrderRow]
    var trades: [TradeRow]
    var instruments: [InstrumentID: Instrument]
    var partitions: [PartitionRow]
    var fees: FeeSchedule
}
