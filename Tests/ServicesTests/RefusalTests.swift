import Market
import Risk
import Services
import Testing

@Suite("Refusals")
struct RefusalTests {
    /// A bad new order and the rule and code that name it.
    struct Case: Sendable, CustomStringConvertible {
        var description: String
        var quantity: Int64 = 100
        var price: Int64? = 10_000
        var side = Side.buy
        var account: UInt32 = 16
        var instrument: UInt32 = 0
        var rule: RiskIndicator
        var code: UInt8
    }

    static let cases: [Case] = [
        Case(description: "no quantity", quantity: 0, rule: .quantityPositive, code: 13),
        Case(description: "a negative quantity", quantity: -100, rule: .quantityPositive, code: 13),
        Case(description: "the least number", quantity: .min, rule: .quantityPositive, code: 13),
        Case(description: "half a lot", quantity: 150, rule: .buyLot, code: 13),
        Case(description: "more than an order may have", quantity: 1_000_100, rule: .quantityMax, code: 13),
        Case(description: "the greatest number", quantity: .max, rule: .buyLot, code: 13),
        Case(description: "a value beyond 64 bits", quantity: 9_000_000_000_000_000_000, rule: .buyLot, code: 13),
        Case(description: "no price", price: 0, rule: .pricePositive, code: 3),
        Case(description: "a negative price", price: -10, rule: .pricePositive, code: 3),
        Case(description: "the greatest price", price: .max / 10 * 10, rule: .notionalOverflow, code: 3),
        Case(description: "a price off the tick", price: 10_005, rule: .tickSize, code: 3),
        Case(description: "a price above the band", price: 11_010, rule: .upperPriceLimit, code: 3),
        Case(description: "a price below the band", price: 8_990, rule: .lowerPriceLimit, code: 3),
        Case(description: "an unknown account", account: 99, rule: .accountActive, code: 15),
        Case(description: "a house account", account: 1, rule: .accountActive, code: 15),
        Case(description: "an account beyond every table", account: .max, rule: .accountActive, code: 15),
        Case(description: "an unknown instrument", instrument: 7, rule: .instrumentTradable, code: 1),
        Case(description: "a symbol nobody knows", instrument: .max, rule: .instrumentTradable, code: 1),
        Case(description: "more cash than there is", quantity: 1_000_000, rule: .cashSufficient, code: 0),
        Case(description: "more shares than there are", quantity: 10_100, side: .sell, rule: .sellableShares, code: 0),
    ]

    @Test("A bad order is rejected with its indicator's number and code, and keeps its row", arguments: cases)
    func bad(order: Case) async throws {
        let bench = try await PartitionBench()
        bench.new(
            "x1", order.side, order.quantity, at: order.price, account: order.account, instrument: order.instrument)
        let batch = await bench.drain()
        let report = try #require(batch.reports.first)
        #expect(batch.reports.count == 1)
        #expect(
            report.line
                == "rejected rejected #2 e1 x1 leaves 0 cum 0 rule \(order.rule.number) code \(order.code)")
        let row = try #require(try await bench.tier.order(2))
        #expect(row.status == .rejected && row.rule == order.rule.number && row.reason == order.code)
        #expect(row.quantity.shares == order.quantity && row.frozen == 0)
        #expect(row.evaluatedLow == RiskRule.all.low && row.evaluatedHigh == RiskRule.all.middle)
        #expect(try await bench.audit().isSound)
    }

    @Test(
        "Replaces with absurd numbers are refused and leave the order alone",
        arguments: [
            0, -100, Int64.min, .max, 9_000_000_000_000_000_000, 1_000_100,
        ])
    func badReplace(quantity: Int64) async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 300, at: 10_000)
        bench.replace("r1", of: "b1", .buy, quantity, at: 10_000)
        bench.replace("r2", of: "b1", .buy, 300, at: .max / 10 * 10)
        bench.replace("r3", of: "b1", .buy, 300, at: .min)
        let reports = await bench.drain().reports
        #expect(reports.dropFirst().map(\.type) == [.cancelRejected, .cancelRejected, .cancelRejected])
        #expect(reports.dropFirst().allSatisfy { $0.rule != 0 && $0.order == 2 && $0.status == .new })
        #expect(try await bench.tier.order(2)?.leaves == Quantity(300))
    }

    @Test("A killed account may not enter orders, but it may cancel")
    func killSwitch() async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 100, at: 10_000)
        await bench.settle()
        bench.profiles[16] = AccountProfile(id: AccountID(16), isKilled: true)
        bench.new("b2", .buy, 100, at: 10_000)
        bench.replace("r1", of: "b1", .buy, 200, at: 10_000)
        bench.cancel("c1", of: "b1")
        await bench.expect([
            "rejected rejected #3 e2 b2 leaves 0 cum 0 rule 35 code 99",
            "cancelRejected new #2 e0 r1<b1 rule 35 code 99",
            "canceled canceled #2 e3 c1<b1 leaves 0 cum 0",
        ])
    }

    @Test("A cancel of an order that is filled is too late, one of an unknown or another account's order unknown")
    func cancelRefusals() async throws {
        let bench = try await PartitionBench()
        bench.new("s1", .sell, 100, at: 10_000, account: 17)
        bench.new("b1", .buy, 100, at: 10_000)
        bench.new("b2", .buy, 100, at: 9_900)
        // Too late while the filled order is still in memory, and after its row has left it.
        bench.cancel("c1", of: "b1")
        await bench.settle()
        bench.cancel("c2", of: "b1")
        bench.cancel("c3", of: "nothing")
        bench.cancel("c4", of: "b2", account: 18)
        bench.cancel("c5", of: "b1", account: 18)
        bench.cancel("c6", of: "b2", session: 2)
        let reports = await bench.drain().reports
        #expect(
            reports.map(\.line) == [
                "cancelRejected filled #3 e0 c2<b1 rule 17 code 0",
                "cancelRejected rejected #0 e0 c3<nothing rule 17 code 1",
                "cancelRejected rejected #0 e0 c4<b2 rule 17 code 1",
                "cancelRejected rejected #0 e0 c5<b1 rule 17 code 1",
                "cancelRejected rejected #0 e0 c6<b2 rule 17 code 1",
            ])
        #expect(reports.allSatisfy { !$0.answersReplace })
        #expect(try await bench.tier.order(4)?.status == .new)
    }

    @Test("A cancel of a filled order is too late while the order is still in memory")
    func cancelInMemory() async throws {
        let bench = try await PartitionBench()
        bench.new("s1", .sell, 100, at: 10_000, account: 17)
        bench.new("b1", .buy, 100, at: 10_000)
        bench.cancel("c1", of: "b1")
        bench.cancel("c2", of: "b1", account: 18)
        #expect(
            Array(await bench.answers().suffix(2)) == [
                "cancelRejected filled #3 e0 c1<b1 rule 17 code 0",
                "cancelRejected rejected #0 e0 c2<b1 rule 17 code 1",
            ])
    }

    @Test("Two cancels: the second is too late and says that the order is cancelled")
    func twoCancels() async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 100, at: 10_000)
        bench.cancel("c1", of: "b1")
        bench.cancel("c2", of: "b1")
        bench.cancel("c3", of: "c1")
        #expect(
            Array(await bench.answers().dropFirst()) == [
                "canceled canceled #2 e2 c1<b1 leaves 0 cum 0",
                "cancelRejected canceled #2 e0 c2<b1 rule 17 code 0",
                "cancelRejected rejected #0 e0 c3<c1 rule 17 code 1",
            ])
    }
}
