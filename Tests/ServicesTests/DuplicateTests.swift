import Market
import Services
import Testing

@Suite("Client order ids")
struct DuplicateTests {
    @Test("The same request again gets the same answer and does nothing")
    func repeatedInMemory() async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 300, at: 10_000)
        bench.new("b1", .buy, 300, at: 10_000)
        await bench.expect(["new new #2 e1 b1 leaves 300 cum 0", "new new #2 e1 b1 leaves 300 cum 0"])
        bench.new("s1", .sell, 100, at: 10_000, account: 17)
        bench.new("b1", .buy, 300, at: 10_000)
        let repeated = try #require(await bench.drain().reports.last)
        #expect(repeated.line == "new partiallyFilled #2 e1 b1 leaves 200 cum 100", "the same ids, the state as it is")
        #expect(repeated.origin == 9)
        #expect(try await bench.tier.orders().count == 2)
        #expect(bench.partition.statistics.duplicates == 2)
    }

    @Test("After the order is dead its row gives the answer: a new order, a rejection, a cancel, a replace")
    func repeatedFromRow() async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 100, at: 10_000)
        bench.new("x1", .buy, 150, at: 10_000)
        bench.replace("r1", of: "b1", .buy, 200, at: 10_000)
        bench.cancel("c1", of: "r1")
        await bench.settle()
        for restarts in [false, true] {
            if restarts { try await bench.restart() }
            bench.new("b1", .buy, 100, at: 10_000)
            bench.new("x1", .buy, 150, at: 10_000)
            bench.replace("r1", of: "b1", .buy, 200, at: 10_000)
            bench.cancel("c1", of: "r1")
            let batch = await bench.drain()
            #expect(batch.reports.isEmpty)
            #expect(batch.lookups.map(\.order) == [2, 3, 4, 4])
            var lines: [String] = []
            for lookup in batch.lookups {
                let row = try #require(try await bench.tier.order(lookup.order))
                lines.append(OrderReports.repeated(row, lookup.request, now: bench.now).line)
            }
            #expect(
                lines == [
                    "new replaced #2 e1 b1 leaves 0 cum 0", "rejected rejected #3 e2 x1 leaves 0 cum 0 rule 8 code 13",
                    "replaced canceled #4 e3 r1<b1 leaves 0 cum 0", "canceled canceled #4 e3 c1<r1 leaves 0 cum 0",
                ])
        }
    }

    @Test("The same id with another body is refused, and the first order stands")
    func otherBody() async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 300, at: 10_000)
        bench.new("b1", .buy, 300, at: 10_010)
        bench.new("b1", .buy, 300, at: 10_000, account: 17)
        bench.new("b1", .sell, 300, at: 10_000)
        bench.new("b1", .buy, 300, at: 10_000, .immediateOrCancel)
        bench.cancel("b1", of: "b1")
        bench.new("b1", .buy, 300, at: 10_000, session: 2)
        await bench.expect([
            "new new #2 e1 b1 leaves 300 cum 0",
            "rejected rejected #0 e0 b1 leaves 0 cum 0 rule 12 code 6",
            "rejected rejected #0 e0 b1 leaves 0 cum 0 rule 12 code 6",
            "rejected rejected #0 e0 b1 leaves 0 cum 0 rule 12 code 6",
            "rejected rejected #0 e0 b1 leaves 0 cum 0 rule 12 code 6",
            "cancelRejected rejected #0 e0 b1<b1 rule 12 code 6",
            "new new #8 e2 b1 leaves 300 cum 0",
        ])
        #expect(try await bench.audit().isSound)
    }

    @Test("An id stays used after its order is dead: by fill, cancel, rejection; for cancels too; after a restart")
    func reuse() async throws {
        let bench = try await PartitionBench()
        bench.new("b1", .buy, 100, at: 10_000)
        bench.cancel("c1", of: "b1")
        bench.new("x1", .buy, 150, at: 10_000)
        await bench.settle()
        for restarts in [false, true] {
            if restarts { try await bench.restart() }
            for id in ["b1", "c1", "x1"] { bench.new(id, .buy, 500, at: 9_900) }
            let reports = await bench.drain().reports
            #expect(reports.map(\.rule) == [12, 12, 12] && reports.allSatisfy { $0.rejectReason == 6 })
        }
    }

    @Test("A refused cancel leaves its id free")
    func refusedCancel() async throws {
        let bench = try await PartitionBench()
        bench.cancel("c1", of: "b1")
        bench.new("b1", .buy, 100, at: 10_000)
        bench.cancel("c1", of: "b1")
        await bench.expect([
            "cancelRejected rejected #0 e0 c1<b1 rule 17 code 1", "new new #3 e1 b1 leaves 100 cum 0",
            "canceled canceled #3 e2 c1<b1 leaves 0 cum 0",
        ])
    }
}
