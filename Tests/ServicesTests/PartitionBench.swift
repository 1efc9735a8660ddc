import CacheStack
import Market
import Risk
import Services
import Testing

/// A partition over a tier in memory, driven request by request; every answer is read after its rows are committed.
final class PartitionBench {
    let market: SampleMarket
    let tier: MemoryDurableTier
    let configuration: PartitionConfiguration
    private(set) var partition: TradingPartition
    /// Profiles that differ from the default.
    var profiles: [UInt32: AccountProfile] = [:]
    /// 2023-07-11 10:00 in Shanghai, microseconds since 1970 UTC; moved by `step` before each request.
    var now: Int64 = 1_689_040_800_000_000
    var step: Int64 = 1_000
    private var fence: Ticket

    static let owner: UInt64 = 77

    init(
        _ market: SampleMarket = SampleMarket(), _ configuration: PartitionConfiguration = SampleMarket.configuration(),
        phase: SessionPhase = .continuous
    ) async throws {
        self.market = market
        self.configuration = configuration
        tier = await market.seeded()
        let recovered = try await PartitionRecovery(configuration: configuration, durable: tier).load()
        partition = recovered.partition
        fence = recovered.fence
        partition.enter(phase, now: now)
    }

    /// Another partition from the rows, in the place of this one: what a kill and a start do.
    func restart() async throws {
        let recovered = try await PartitionRecovery(configuration: configuration, durable: tier).load()
        partition = recovered.partition
        fence = recovered.fence
    }

    func enter(_ phase: SessionPhase) { partition.enter(phase, now: now) }

    func prepared(_ request: OrderRequest) -> PreparedRequest {
        let number = request.account.rawValue
        var profile: AccountProfile?
        if market.clients.contains(number) { profile = profiles[number] ?? AccountProfile(id: request.account) }
        profile?.version = 1
        return PreparedRequest(
            request: request, profile: profile, profileAge: 0, sessionGroups: .max, mayTrade: true)
    }

    /// The request as sent and received now.
    func stamped(_ request: OrderRequest) -> OrderRequest {
        var request = request
        request.transactTime = now
        request.receiveTime = now
        request.sendingTime = now
        return request
    }

    func send(_ request: OrderRequest) {
        now += step
        partition.execute(prepared(stamped(request)), now: now)
    }

    /// Sends a new order; price nil makes it a market order.
    func new(
        _ id: String, _ side: Side, _ quantity: Int64, at price: Int64?, account: UInt32 = 16, session: SessionID = 1,
        instrument: UInt32 = 0, _ timeInForce: TimeInForce = .day
    ) {
        send(
            .make(
                .new, id, side, quantity, at: price, account: account, session: session, instrument: instrument,
                timeInForce))
    }

    func cancel(
        _ id: String, of original: String, _ side: Side = .buy, account: UInt32 = 16, session: SessionID = 1,
        instrument: UInt32 = 0
    ) {
        send(
            .make(
                .cancel, id, of: original, side, 100, at: 0, account: account, session: session,
                instrument: instrument))
    }

    func replace(
        _ id: String, of original: String, _ side: Side, _ quantity: Int64, at price: Int64, account: UInt32 = 16,
        session: SessionID = 1, instrument: UInt32 = 0
    ) {
        send(
            .make(
                .replace, id, of: original, side, quantity, at: price, account: account, session: session,
                instrument: instrument))
    }

    /// Drains, commits, and hands out what may leave now.
    func drain() async -> PartitionBatch {
        let batch = partition.drain(owner: Self.owner, fence: fence)
        switch await tier.commit([batch.transaction], until: .now + .seconds(10)) {
        case .decided(let outcomes):
            guard case .committed(let ticket, _, _)? = outcomes.first else { break }
            fence = ticket
        case .inDoubt: break
        }
        precondition(fence == tier.newest, "the batch was not committed")
        return batch
    }

    /// The answers to what was sent since the last call, in one line each.
    func answers() async -> [String] { await drain().reports.map(\.line) }

    /// Compares the answers to what was sent since the last call.
    func expect(_ lines: [String], sourceLocation: SourceLocation = #_sourceLocation) async {
        let answers = await answers()
        #expect(answers == lines, sourceLocation: sourceLocation)
    }

    /// Sends nothing on and forgets what it said: for what is not under test.
    func settle() async { _ = await drain() }

    /// Live cash and sellable shares of an account: available, frozen, sellable.
    func live(_ account: UInt32, _ instrument: UInt32 = 0) -> [Int64] {
        let balance = partition.balance(of: AccountID(account), in: InstrumentID(instrument))
        return [balance.available.milli, balance.frozen.milli, balance.sellable.shares]
    }

    func audit() async throws -> AuditReport {
        try await TradingAudit(durable: tier, fees: configuration.fees, opening: market.opening).run()
    }
}

extension OrderRequest {
    static func make(
        _ kind: RequestKind, _ id: String, of original: String? = nil, _ side: Side, _ quantity: Int64,
        at price: Int64?, account: UInt32 = 16, session: SessionID = 1, instrument: UInt32 = 0,
        _ timeInForce: TimeInForce = .day
    ) -> OrderRequest {
        guard let own = ClientOrderID(id) else { preconditionFailure("\(id) is no client order id") }
        return OrderRequest(
            kind: kind, session: session, account: AccountID(account), instrument: InstrumentID(instrument),
            clientOrderID: own, originalClientOrderID: original.flatMap { ClientOrderID($0) }, side: side,
            type: price == nil ? .market : .limit, timeInForce: timeInForce, price: Price(milli: price ?? 0),
            quantity: Quantity(quantity), transactTime: 1, receiveTime: 1, sendingTime: 1, origin: 9)
    }
}

extension ExecutionReport {
    /// Everything that 5.4 of the reference names: ExecType, OrdStatus, OrderID, ExecID, ClOrdID < OrigClOrdID,
    /// LeavesQty, CumQty, then for a fill LastQty @ LastPx, trade, liquidity, and for a refusal rule and code.
    var line: String {
        var text = "\(type) \(status) #\(order) e\(execution) \(clientOrderID)"
        if let originalClientOrderID { text += "<\(originalClientOrderID)" }
        if type != .cancelRejected { text += " leaves \(leaves.shares) cum \(cumulative.shares)" }
        if type == .trade {
            text += " last \(lastQuantity.shares)@\(lastPrice.milli) t\(trade) \(isTaker ? "taker" : "maker")"
        }
        if rule != 0 { text += " rule \(rule) code \(rejectReason)" }
        return text
    }
}
