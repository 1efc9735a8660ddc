internal import CacheStack
internal import Ledger
public import Market
internal import Matching
public import Risk

/// What a partition may hold, and by which rules it trades.
public struct PartitionConfiguration: Sendable {
    /// Number of the partition, the id of its row.
    public var partition: UInt64 = 1
    /// The trading day.
    public var day: TradingDate
    /// Phases by time of day; `.fixed` outside market hours.
    public var schedule: SessionSchedule
    public var fees: FeeSchedule
    public var auction: AuctionRule = .shanghai
    public var risk: RiskLimits
    /// Client accounts, open orders, client order ids a day and instruments, each at most.
    public var accountsMax = 8_000_000
    public var openOrdersMax = 1_000_000
    public var requestsMax = 20_000_000
    public var instrumentsMax = 8_000
    /// Requests that may wait for the prefetch stage; more are refused (rule 144).
    public var inboxMax = 100_000
    /// Accounts whose profiles are read through the cache before the first order is accepted.
    public var warmAccountsMax = 200_000

    /// The tie-breaks of the call auction.
    public enum AuctionRule: String, Sendable {
        case shanghai, shenzhen
    }

    /// A configuration for one day; the rest are the documented defaults.
    public init(day: TradingDate, schedule: SessionSchedule, fees: FeeSchedule, risk: RiskLimits) {
        self.day = day
        self.schedule = schedule
        self.fees = fees
        self.risk = risk
    }
}

/// One request with what the prefetch stage found out about it.
package struct PreparedRequest: Sendable {
    var request: OrderRequest
    /// The account's profile, nil where no such account exists.
    var profile: AccountProfile?
    /// Age of the profile's certificate, microseconds.
    var profileAge: Int64
    /// Account groups of the session.
    var sessionGroups: UInt64
    var mayTrade: Bool

    /// A request as the prefetch stage hands it on.
    package init(
        request: OrderRequest, profile: AccountProfile?, profileAge: Int64, sessionGroups: UInt64, mayTrade: Bool
    ) {
        self.request = request
        self.profile = profile
        self.profileAge = profileAge
        self.sessionGroups = sessionGroups
        self.mayTrade = mayTrade
    }
}

/// The sequencer's state: books, orders, ledger and risk of one partition, changed by one thread only.
///
/// Every request gets the next sequence number, passes the idempotency check and all risk rules, is matched, and its
/// money is moved; all pure code over state this object owns: no lock, no I/O, no clock, and in the steady state no
/// allocation per order. What changed is remembered, and `drain` writes it as one transaction's rows: an order that
/// changed five times between two commits is written once. Nothing leaves the partition before its rows are durable:
/// reports wait in `reports` until the commit that `drain` belongs to has returned.
///
/// A partition that is restored from its rows and goes on is indistinguishable from one that never stopped.
package final class TradingPartition {
    let configuration: PartitionConfiguration
    let arena: OrderArena
    var books: [OrderBook?]
    var instruments: [Instrument?]
    var slots: OrderSlots
    var clients: ClientOrderTable
    var ledger: Ledger
    var risk: RiskEngine
    package internal(set) var phase: SessionPhase

    package internal(set) var lastSequence: SequenceNumber = 0
    package internal(set) var lastExecution: ExecutionID = 0
    package internal(set) var lastTrade: TradeID = 0

    /// Reports of what was executed since the last drain, in order.
    var reports: [ExecutionReport] = []
    /// Repeats of requests whose order is no longer in memory: answered from its row.
    var lookups: [OrderLookup] = []
    var trades: [TradeRow] = []
    var dirtySlots: [Int32] = []
    /// Instruments whose top of book changed since the last drain, each once.
    var touched: [InstrumentID] = []
    var isTouched: [Bool]
    var quoteTimes: [Int64]
    package internal(set) var statistics = PartitionStatistics()

    /// Scratch space, kept for its capacity.
    var fills: [Fill] = []

    package init(_ configuration: PartitionConfiguration, instruments list: [Instrument]) {
        self.configuration = configuration
        arena = OrderArena(capacity: configuration.openOrdersMax)
        let count = configuration.instrumentsMax
        books = Array(repeating: nil, count: count)
        instruments = Array(repeating: nil, count: count)
        isTouched = Array(repeating: false, count: count)
        quoteTimes = Array(repeating: 0, count: count)
        slots = OrderSlots(limit: configuration.openOrdersMax)
        clients = ClientOrderTable(limit: configuration.requestsMax)
        ledger = Ledger(accountsMax: configuration.accountsMax, fees: configuration.fees)
        risk = RiskEngine(limits: configuration.risk, capacity: RiskCapacity(instrumentsMax: count))
        phase = .closed
        for instrument in list { set(instrument) }
    }

    /// Adds an instrument, or takes over new reference data of one; its book keeps the band of the day.
    package func set(_ instrument: Instrument) {
        let index = Int(instrument.id.rawValue)
        precondition(index < instruments.count, "more than \(instruments.count) instruments")
        instruments[index] = instrument
        if books[index] == nil { books[index] = OrderBook(arena: arena, instrument: instrument) }
    }

    /// The book of a request's instrument, nil where there is none.
    func book(_ instrument: InstrumentID) -> OrderBook? {
        let index = Int(instrument.rawValue)
        return index < books.count ? books[index] : nil
    }

    /// The instrument of that number, nil where there is none.
    func instrument(_ id: InstrumentID) -> Instrument? {
        let index = Int(id.rawValue)
        return index < instruments.count ? instruments[index] : nil
    }

    /// What an account may use now, what its open buys hold, and the shares it may sell: for checks of the live state.
    package func balance(
        of account: AccountID, in instrument: InstrumentID
    ) -> (available: Money, frozen: Money, sellable: Quantity) {
        let cash = ledger.cashBalance(of: account)
        return (cash.available, cash.frozen, ledger.sellable(account, instrument))
    }

    func nextExecution() -> ExecutionID {
        lastExecution += 1
        return lastExecution
    }

    func markDirty(_ slot: Int32) {
        guard !slots[slot].isDirty else { return }
        slots[slot].isDirty = true
        dirtySlots.append(slot)
    }

    func touch(_ instrument: InstrumentID, at time: Int64) {
        let index = Int(instrument.rawValue)
        quoteTimes[index] = time
        guard !isTouched[index] else { return }
        isTouched[index] = true
        touched.append(instrument)
    }

    /// Whether anything waits for a commit.
    package var hasChanges: Bool { !dirtySlots.isEmpty || !reports.isEmpty || !trades.isEmpty || !lookups.isEmpty }
}

/// A repeat of an earlier request whose order has left memory.
package struct OrderLookup: Sendable {
    package var request: OrderRequest
    package var order: OrderID
}

/// What a partition has done since it started, for the metrics.
package struct PartitionStatistics: Sendable {
    package var accepted: UInt64 = 0
    package var rejected: UInt64 = 0
    package var canceled: UInt64 = 0
    package var replaced: UInt64 = 0
    package var cancelRejects: UInt64 = 0
    package var duplicates: UInt64 = 0
    package var trades: UInt64 = 0
}
