import CacheStack
import Market
import Services
import Testing

/// For every invariant one planted fault that its finding must call broken: a check that cannot fail is a defect.
@Suite("Audit")
struct AuditTests {
    /// A sound day: trades of several orders, a replace after a fill, a rejection, cancels, open orders on both sides.
    ///
    /// Orders: 2 and 3 sell 100 each at 10.00, 4 buys both (trades 1 and 2); 5 buys 300 at 9.90, 6 sells 100 into it
    /// (trade 3), 7 replaces 5; 8 is rejected; 9 is cancelled by request 10; 11 sells 200 at 10.50 and stays open.
    static func day() async throws -> PartitionBench {
        let bench = try await PartitionBench()
        bench.new("s1", .sell, 100, at: 10_000, account: 17)
        bench.new("s2", .sell, 100, at: 10_000, account: 18)
        bench.new("b1", .buy, 200, at: 10_050, account: 16)
        bench.new("b2", .buy, 300, at: 9_900, account: 16)
        bench.new("s3", .sell, 100, at: 9_900, account: 17)
        bench.replace("r1", of: "b2", .buy, 400, at: 9_910, account: 16)
        bench.new("x1", .buy, 150, at: 9_900, account: 16)
        bench.new("b3", .buy, 100, at: 9_800, account: 19)
        bench.cancel("c1", of: "b3", account: 19)
        bench.new("s4", .sell, 200, at: 10_500, account: 18)
        await bench.settle()
        return bench
    }

    /// A day that ends after both calls, with trades in the opening one.
    static func auctionDay() async throws -> PartitionBench {
        let bench = try await PartitionBench(phase: .openingCall)
        bench.new("b1", .buy, 200, at: 10_100)
        bench.new("b2", .buy, 200, at: 10_050)
        bench.new("s1", .sell, 400, at: 10_000, account: 17)
        bench.enter(.quiet)
        await bench.settle()
        return bench
    }

    /// The rows of a day, to be spoilt.
    struct Rows {
        var tier: MemoryDurableTier
        var writes = WriteSet()

        mutating func change(_ order: OrderID, _ body: (inout OrderRow) -> Void) async throws {
            var row = try #require(try await tier.order(order))
            body(&row)
            writes.append(OrderRow.key(order)) { row.encode(into: &$0) }
        }

        mutating func change(trade: TradeID, _ body: (inout TradeRow) -> Void) async throws {
            var row = try #require(try await tier.trades().first { $0.trade == trade })
            body(&row)
            writes.append(TradeRow.key(trade)) { row.encode(into: &$0) }
        }

        mutating func change(cash account: UInt32, _ body: (inout CashRow) -> Void) async throws {
            var row = try #require(try await tier.cash(account))
            body(&row)
            writes.append(CashRow.key(row.account)) { row.encode(into: &$0) }
        }

        mutating func change(position account: UInt32, _ body: (inout PositionRow) -> Void) async throws {
            var row = try #require(try await tier.position(account, 0))
            body(&row)
            writes.append(PositionRow.key(row.account, row.instrument)) { row.encode(into: &$0) }
        }

        mutating func changePartition(_ body: (inout PartitionRow) -> Void) async throws {
            let found = try #require(try await tier.rows(of: TradingSpaces.partitions).first)
            var row = PartitionRow(id: found.id, payload: found.payload[...])
            body(&row)
            writes.append(PartitionRow.key(row.partition)) { row.encode(into: &$0) }
        }

        mutating func delete(_ key: CacheKey) { writes.append(key, .delete) { _ in } }
    }

    struct Fault: Sendable, CustomStringConvertible {
        var number: String
        var description: String
        var knowsOpening = true
        var isAuctionDay = false
        var plant: @Sendable (inout Rows) async throws -> Void
    }

    static let faults: [Fault] = [
        Fault(number: "I1", description: "a yuan appears") {
            try await $0.change(cash: 19) { $0.balance.milli += 1_000 }
        },
        Fault(number: "I2", description: "a share appears") {
            try await $0.change(position: 19) { $0.settled += Quantity(1) }
        },
        Fault(number: "I2", description: "a share bought today appears") {
            try await $0.change(position: 19) { $0.unsettled += Quantity(1) }
        },
        Fault(number: "I3", description: "an account is in debt to another") {
            try await $0.change(cash: 19) { $0.balance.milli -= 2_000_000_000 }
            try await $0.change(cash: 16) { $0.balance.milli += 2_000_000_000 }
        },
        Fault(number: "I3", description: "holds take more cash than there is") {
            try await $0.change(cash: 16) { $0.balance.milli = 100 }
        },
        Fault(number: "I3", description: "holds take more shares than there are") {
            try await $0.change(position: 18) { $0.settled = Quantity(199) }
        },
        Fault(number: "I3", description: "an order holds less than nothing") {
            try await $0.change(7) { $0.frozen = -1 }
        },
        Fault(number: "I3", description: "a hold on a position that is not there") { rows in
            rows.delete(PositionRow.key(AccountID(18), InstrumentID(0)))
        },
        Fault(number: "I4", description: "a buy holds a cent too much") { try await $0.change(7) { $0.frozen += 10 } },
        Fault(number: "I4", description: "a sale holds a share too few") { try await $0.change(11) { $0.frozen -= 1 } },
        Fault(number: "I4", description: "a dead order still holds") { try await $0.change(4) { $0.frozen = 10 } },
        Fault(number: "I5", description: "a filled order is not filled") {
            try await $0.change(4) { $0.quantity = Quantity(300) }
        },
        Fault(number: "I5", description: "an order has more filled than it wants") {
            try await $0.change(4) { $0.quantity = Quantity(100) }
        },
        Fault(number: "I5", description: "a cancelled order was ended by nothing") {
            try await $0.change(9) { $0.endedBy = 0 }
        },
        Fault(number: "I5", description: "a rejected order has a fill") {
            try await $0.change(8) { $0.cumulative = Quantity(100) }
        },
        Fault(number: "I5", description: "an open order has nothing left") {
            try await $0.change(11) { $0.quantity = .zero }
        },
        Fault(number: "I6", description: "a trade above the buyer's limit") {
            try await $0.change(trade: 1) { $0.price = Price(milli: 10_060) }
        },
        Fault(number: "I6", description: "a trade below the seller's limit") {
            try await $0.change(trade: 1) { $0.price = Price(milli: 9_990) }
        },
        Fault(number: "I6", description: "a trade at the taker's price") {
            try await $0.change(trade: 1) { $0.price = Price(milli: 10_050) }
        },
        Fault(number: "I6", description: "a trade of an order that does not exist") {
            try await $0.change(trade: 1) { $0.sellOrder = 99 }
        },
        Fault(number: "I6", description: "an auction with two prices", isAuctionDay: true) {
            try await $0.change(trade: 1) { $0.price = Price(milli: $0.price.milli + 10) }
        },
        Fault(number: "I7", description: "a locked book") {
            try await $0.change(11) { $0.price = Price(milli: 9_910) }
        },
        Fault(number: "I7", description: "a crossed book") {
            try await $0.change(7) { $0.price = Price(milli: 10_600) }
        },
        Fault(number: "I9", description: "a cumulative quantity that no trade made") {
            try await $0.change(7) { $0.cumulative = Quantity(200) }
        },
        Fault(number: "I9", description: "a trade of another quantity") {
            try await $0.change(trade: 3) { $0.quantity = Quantity(200) }
        },
        Fault(number: "I9", description: "a turnover that no trade made") {
            try await $0.change(7) { $0.turnover.milli += 10 }
        },
        Fault(number: "I9", description: "fees that no trade charged") {
            try await $0.change(4) { $0.fees.milli += 10 }
        },
        Fault(number: "I10", description: "the last trade is lost") { $0.delete(TradeRow.key(3)) },
        Fault(number: "I10", description: "a trade in the middle is lost") { $0.delete(TradeRow.key(2)) },
        Fault(number: "I10", description: "a trade id is left out") { rows in
            var moved = try #require(try await rows.tier.trades().last)
            rows.delete(TradeRow.key(3))
            moved.trade = 4
            rows.writes.append(TradeRow.key(4)) { moved.encode(into: &$0) }
            try await rows.changePartition { $0.lastTrade = 4 }
        },
        Fault(number: "I10", description: "a report nobody sent") { try await $0.change(7) { $0.reports += 1 } },
        Fault(number: "I10", description: "an execution id given twice") {
            try await $0.change(7) { $0.firstExecution = 1 }
        },
        Fault(number: "I10", description: "an order is lost") { $0.delete(OrderRow.key(8)) },
        Fault(number: "I11", description: "cash goes from one account to another") {
            try await $0.change(cash: 19) { $0.balance.milli -= 10 }
            try await $0.change(cash: 16) { $0.balance.milli += 10 }
        },
        Fault(number: "I11", description: "shares go from one account to another") {
            try await $0.change(position: 19) { $0.settled -= Quantity(100) }
            try await $0.change(position: 16) { $0.settled += Quantity(100) }
        },
        Fault(number: "I11", description: "a fee went nowhere, the opening being unknown", knowsOpening: false) {
            try await $0.change(trade: 1) { $0.buyCommission.milli += 10 }
        },
        Fault(number: "I13", description: "more sold than was settled, the opening being unknown", knowsOpening: false)
        {
            try await $0.change(position: 17) { $0.settled = Quantity(-1) }
        },
        Fault(number: "I14", description: "a price off the tick") { try await $0.change(11) { $0.price.milli += 1 } },
        Fault(number: "I14", description: "a price above the band") {
            try await $0.change(11) { $0.price = Price(milli: 11_010) }
        },
        Fault(number: "I14", description: "an accepted order for an unknown instrument") {
            try await $0.change(11) { $0.instrument = InstrumentID(9) }
        },
        Fault(number: "I16", description: "the younger of two sellers was served first") {
            try await $0.change(trade: 1) { ($0.sellOrder, $0.sellAccount) = (3, AccountID(18)) }
            try await $0.change(trade: 2) { ($0.sellOrder, $0.sellAccount) = (2, AccountID(17)) }
        },
        Fault(number: "I4", description: "a resting order lost shares that it holds") {
            try await $0.change(11) { $0.quantity = Quantity(100) }
        },
        Fault(number: "I16", description: "an order that should have traded rests") {
            try await $0.change(11) { $0.price = Price(milli: 9_900) }
        },
        Fault(number: "I17", description: "a rule of the first word was not evaluated") {
            try await $0.change(7) { $0.evaluatedLow &= ~(1 << 12) }
        },
        Fault(number: "I17", description: "a rule of the second word was not evaluated on a rejected order") {
            try await $0.change(8) { $0.evaluatedHigh &= ~(1 << 17) }
        },
    ]

    @Test("A sound day has no broken invariant, with and without known opening balances")
    func sound() async throws {
        for bench in [try await Self.day(), try await Self.auctionDay()] {
            for opening in [bench.market.opening, nil] {
                let report = try await TradingAudit(
                    durable: bench.tier, fees: bench.configuration.fees, opening: opening
                ).run()
                #expect(report.isSound, "\(report.findings.filter { $0.verdict == .broken })")
                #expect(report.findings.count == 15 && Set(report.findings.map(\.number)).count == 15)
                #expect(report.ticket == bench.tier.newest)
            }
        }
        let report = try await Self.day().audit()
        #expect(report.orders == 9 && report.trades == 3)
        #expect(report.findings.filter { $0.verdict != .holds }.map(\.number) == ["I12"])
    }

    @Test("A planted fault breaks its invariant", arguments: faults)
    func planted(fault: Fault) async throws {
        let bench = try await fault.isAuctionDay ? Self.auctionDay() : Self.day()
        var rows = Rows(tier: bench.tier)
        try await fault.plant(&rows)
        let outcome = await bench.tier.commit([Transaction(writes: rows.writes)], until: .now + .seconds(10))
        guard case .decided(let decided) = outcome, case .committed? = decided.first else {
            Issue.record("the fault was not planted: \(outcome)")
            return
        }
        let opening = fault.knowsOpening ? bench.market.opening : nil
        let report = try await TradingAudit(durable: bench.tier, fees: bench.configuration.fees, opening: opening).run()
        let finding = try #require(report.findings.first { $0.number == fault.number })
        #expect(finding.verdict == .broken, "\(finding)")
        #expect(!report.isSound)
    }

    @Test("Sales beyond what was settled at the open break I13")
    func beyondSettled() async throws {
        let bench = try await Self.day()
        let opening = OpeningBalances(cash: bench.market.opening.cash) { account, _ in
            account == AccountID(17) ? Quantity(199) : Quantity(10_000)
        }
        let report = try await TradingAudit(durable: bench.tier, fees: bench.configuration.fees, opening: opening).run()
        #expect(report.findings.first { $0.number == "I13" }?.verdict == .broken)
    }

    @Test("Every numbered invariant that can be broken has a planted fault")
    func complete() async throws {
        let numbers = try await Self.day().audit().findings.map(\.number)
        let planted = Set(Self.faults.map(\.number)).union(["I12"])
        #expect(planted == Set(numbers))
    }

    @Test("Rows that do not make a sound partition are not restored")
    func recoveryRefuses() async throws {
        let names: Set = [
            "a yuan appears", "a share appears", "a buy holds a cent too much", "a sale holds a share too few",
            "a locked book", "holds take more cash than there is", "holds take more shares than there are",
            "an accepted order for an unknown instrument", "a price off the tick",
        ]
        for fault in Self.faults where names.contains(fault.description) {
            let bench = try await Self.day()
            var rows = Rows(tier: bench.tier)
            try await fault.plant(&rows)
            _ = await bench.tier.commit([Transaction(writes: rows.writes)], until: .now + .seconds(10))
            await #expect(throws: RecoveryError.self, "\(fault)") { try await bench.restart() }
        }
    }
}
