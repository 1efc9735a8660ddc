import Market
import Services
import Testing

@Suite("Replaces")
struct ReplaceTests {
    @Test("A smaller quantity keeps the place in the queue, before a restart and after it", arguments: [false, true])
    func downKeeps(restarts: Bool) async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 300, at: 10_000)
        bench.new("b2", .buy, 300, at: 10_000)
        bench.replace("r1", of: "b1", .buy, 200, at: 10_000)
        #expect(await bench.answers().last == "replaced new #4 e3 r1<b1 leaves 200 cum 0")
        if restarts { try await bench.restart() }
        bench.new("s1", .sell, 100, at: 10_000, account: 17)
        let trades = await bench.drain().trades
        #expect(trades.map(\.buyOrder) == [4])
    }

    @Test(
        "A greater quantity or another price loses the place, before a restart and after it",
        arguments: [(400, 10_000), (300, 10_010), (200, 9_990)] as [(Int64, Int64)], [false, true])
    func otherwiseLoses(to terms: (quantity: Int64, price: Int64), restarts: Bool) async throws {
        let bench = try await PartitionBench()
        // Both stand at the new price before b1 comes there, or b2 stands behind b1 at the old one.
        bench.new("b1", .buy, 300, at: 10_000)
        bench.new("b2", .buy, 300, at: terms.price)
        bench.replace("r1", of: "b1", .buy, terms.quantity, at: terms.price)
        await bench.settle()
        #expect(try await bench.tier.order(4)?.priority == 4)
        if restarts { try await bench.restart() }
        bench.new("s1", .sell, 100, at: terms.price, account: 17)
        #expect(await bench.drain().trades.map(\.buyOrder) == [3])
    }

    @Test("A replace carries the fills over, and its quantity is the whole of them and the open part")
    func afterFill() async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 300, at: 10_000)
        bench.new("s1", .sell, 100, at: 10_000, account: 17)
        await bench.settle()
        bench.replace("r1", of: "b1", .buy, 500, at: 10_010)
        let report = try #require(await bench.drain().reports.first)
        #expect(report.line == "replaced partiallyFilled #4 e5 r1<b1 leaves 400 cum 100")
        #expect(report.turnover.milli == 1_000_000 && report.quantity == Quantity(500))
        #expect(report.origin == 9)
        let old = try #require(try await bench.tier.order(2))
        #expect(old.status == .replaced && old.leaves == .zero && old.frozen == 0 && old.endedBy == 4)
        let new = try #require(try await bench.tier.order(4))
        #expect(new.replaces == 2 && new.carried == Quantity(100) && new.turnover.milli == 1_000_000)
        // Frozen: 400 x 10.01 = 4,004.00; fees of 1,000 + 4,004 = 5,004.00 are 1.25 + 0.05, of 1,000 0.25 + 0.01.
        #expect(new.frozen == 4_004_000 + 1_250 + 50 - 250 - 10)
        #expect(bench.live(16)[1] == new.frozen)
        #expect(try await bench.audit().isSound)
    }

    @Test("A replace to what is filled already, or below it, is refused", arguments: [100, 50, 200] as [Int64])
    func belowFilled(quantity: Int64) async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 500, at: 10_000)
        bench.new("s1", .sell, 200, at: 10_000, account: 17)
        await bench.settle()
        bench.replace("r1", of: "b1", .buy, quantity, at: 10_000)
        let report = try #require(await bench.drain().reports.first)
        #expect(report.type == .cancelRejected && report.answersReplace)
        #expect(report.order == 2 && report.status == .partiallyFilled && report.execution == 0)
        #expect(try await bench.tier.order(2)?.leaves == Quantity(300))
    }

    @Test("A replace into the other side trades at once")
    func throughTheSpread() async throws {
        let bench = try await PartitionBench()
        bench.new("s1", .sell, 200, at: 10_050, account: 17)
        bench.new("b1", .buy, 300, at: 10_000)
        await bench.settle()
        bench.replace("r1", of: "b1", .buy, 300, at: 10_060)
        await bench.expect([
            "replaced new #4 e3 r1<b1 leaves 300 cum 0",
            "trade filled #2 e4 s1 leaves 0 cum 200 last 200@10050 t1 maker",
            "trade partiallyFilled #4 e5 r1 leaves 100 cum 200 last 200@10050 t1 taker",
        ])
        bench.cancel("c1", of: "b1")
        bench.cancel("c2", of: "r1")
        await bench.expect([
            "cancelRejected replaced #3 e0 c1<b1 rule 17 code 0",
            "canceled canceled #4 e6 c2<r1 leaves 0 cum 200",
        ])
        #expect(bench.live(16)[1] == 0)
    }

    @Test("A replace of a replace walks the chain; the old links stay dead")
    func chain() async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 100, at: 9_900)
        bench.replace("r1", of: "b1", .buy, 200, at: 9_910)
        bench.replace("r2", of: "r1", .buy, 300, at: 9_920)
        bench.replace("r3", of: "b1", .buy, 300, at: 9_930)
        await bench.expect([
            "new new #2 e1 b1 leaves 100 cum 0",
            "replaced new #3 e2 r1<b1 leaves 200 cum 0",
            "replaced new #4 e3 r2<r1 leaves 300 cum 0",
            "cancelRejected replaced #2 e0 r3<b1 rule 17 code 0",
        ])
        #expect(try await bench.audit().isSound)
    }

    @Test("A replace that the account cannot pay is refused, and the order stays as it was")
    func unaffordable() async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 50_000, at: 10_000)
        bench.new("s1", .sell, 10_000, at: 10_900)
        await bench.settle()
        bench.replace("r1", of: "b1", .buy, 200_000, at: 10_000)
        bench.replace("r2", of: "s1", .sell, 10_100, at: 10_900)
        await bench.expect([
            "cancelRejected new #2 e0 r1<b1 rule 81 code 2", "cancelRejected new #3 e0 r2<s1 rule 82 code 2",
        ])
        // The target's own hold counts: all the cash may move to a dearer order.
        bench.replace("r3", of: "b1", .buy, 90_000, at: 10_000)
        await bench.expect(["replaced new #6 e3 r3<b1 leaves 90000 cum 0"])
        #expect(try await bench.audit().isSound)
    }
}
