import Market
import Risk
import Services
import TestData
import Testing

@Suite("Limits of a partition")
struct CapacityTests {
    @Test("One order more than the partition may hold is refused by rule 144; a cancel makes room again")
    func openOrders() async throws {
        var configuration = SampleMarket.configuration()
        configuration.openOrdersMax = 3
        let bench = try await PartitionBench(SampleMarket(), configuration)
        for index in 1...3 { bench.new("b\(index)", .buy, 100, at: 9_900) }
        await bench.settle()
        bench.new("b4", .buy, 100, at: 9_900)
        bench.replace("r1", of: "b1", .buy, 200, at: 9_900)
        bench.cancel("c1", of: "b1")
        await bench.expect([
            "rejected rejected #0 e0 b4 leaves 0 cum 0 rule 144 code 99",
            "cancelRejected new #2 e0 r1<b1 rule 144 code 99",
            "canceled canceled #2 e4 c1<b1 leaves 0 cum 0",
        ])
        bench.new("b4", .buy, 100, at: 9_900)
        await bench.expect(["new new #8 e5 b4 leaves 100 cum 0"])
        try await bench.restart()
        bench.new("b5", .buy, 100, at: 9_900)
        await bench.expect(["rejected rejected #0 e0 b5 leaves 0 cum 0 rule 144 code 99"])
        #expect(try await bench.audit().isSound)
    }

    @Test("One client id more than the day has is refused by rule 144; repeats and cancels of open orders are not")
    func requests() async throws {
        var configuration = SampleMarket.configuration()
        // Three orders, and an id for the cancel of each.
        configuration.requestsMax = 6
        let bench = try await PartitionBench(SampleMarket(), configuration)
        for index in 1...3 { bench.new("b\(index)", .buy, 100, at: 9_900) }
        await bench.settle()
        for restarts in [false, true] {
            if restarts { try await bench.restart() }
            bench.new("b4", .buy, 100, at: 9_900)
            bench.replace("r1", of: "b1", .buy, 200, at: 9_900)
            bench.new("b1", .buy, 200, at: 9_900)
            await bench.expect([
                "rejected rejected #0 e0 b4 leaves 0 cum 0 rule 144 code 99",
                "cancelRejected new #2 e0 r1<b1 rule 144 code 99",
                "rejected rejected #0 e0 b1 leaves 0 cum 0 rule 12 code 6",
            ])
        }
        for index in 1...3 { bench.cancel("c\(index)", of: "b\(index)") }
        #expect(await bench.drain().reports.map(\.type) == [.canceled, .canceled, .canceled])
        bench.new("b5", .buy, 100, at: 9_900)
        #expect(await bench.drain().reports.map(\.rule) == [144])
    }

    @Test("A partition with more rows than it may hold is not restored")
    func restoring() async throws {
        let bench = try await PartitionBench()
        for index in 1...3 { bench.new("b\(index)", .buy, 100, at: 9_900) }
        await bench.settle()
        var configuration = SampleMarket.configuration()
        configuration.openOrdersMax = 2
        await #expect(throws: RecoveryError.self) {
            _ = try await PartitionRecovery(configuration: configuration, durable: bench.tier).load()
        }
        configuration.openOrdersMax = 3
        configuration.requestsMax = 2
        await #expect(throws: RecoveryError.self) {
            _ = try await PartitionRecovery(configuration: configuration, durable: bench.tier).load()
        }
        configuration.requestsMax = 3
        let recovered = try await PartitionRecovery(configuration: configuration, durable: bench.tier).load()
        #expect(recovered.partition.lastSequence == 4)
    }

    @Test("An account's messages of the day count on after a restart")
    func dailyMessages() async throws {
        var limits = RiskLimits()
        try limits.set(RiskIndicator.accountDailyMessages.number, RiskLimit(threshold: 5))
        let bench = try await PartitionBench(SampleMarket(), SampleMarket.configuration(limits: limits))
        bench.new("b1", .buy, 100, at: 9_900)
        bench.replace("r1", of: "b1", .buy, 200, at: 9_900)
        bench.cancel("c1", of: "r1")
        bench.new("x1", .buy, 150, at: 9_900)
        bench.new("b2", .buy, 100, at: 9_900)
        await bench.settle()
        try await bench.restart()
        bench.new("b3", .buy, 100, at: 9_900)
        bench.new("b4", .buy, 100, at: 9_900)
        await bench.expect([
            "new new #7 e6 b3 leaves 100 cum 0", "rejected rejected #8 e7 b4 leaves 0 cum 0 rule 116 code 3",
        ])
    }

    @Test(
        "Client ids are found like in a dictionary, up to the limit and not beyond it", arguments: [1, 2] as [UInt64])
    func clientOrderTable(seed: UInt64) throws {
        struct Key: Hashable {
            var session: SessionID
            var id: ClientOrderID
        }
        var random = SplitMix64(seed: seed)
        var table = ClientOrderTable(limit: 5_000)
        var model: [Key: ClientOrderEntry] = [:]
        for step in 0..<40_000 {
            let number = random.below(9_000)
            // Ids of all lengths; half of them differ in the last bytes only.
            let text =
                number % 2 == 0 ? "\(number)" : "AAAAAAAAAAAAAAAA\(1_000 + number % 9_000)".prefix(20).description
            let key = Key(session: SessionID(number % 3), id: try #require(ClientOrderID(text)))
            #expect(table.find(key.session, key.id) == model[key], "seed \(seed), step \(step)")
            let entry = ClientOrderEntry(
                order: random.next(), bodyHash: random.next(), slot: Int32(step), account: AccountID(16), kind: .new)
            let isStored = table.set(key.session, key.id, entry)
            #expect(isStored == (model[key] != nil || model.count < 5_000), "seed \(seed), step \(step)")
            if isStored { model[key] = entry }
            #expect(table.count == model.count && table.isFull == (model.count == 5_000))
        }
        #expect(table.isFull, "the test reached the limit")
        for (key, entry) in model { #expect(table.find(key.session, key.id) == entry) }
    }

    @Test("Slots are used again, hold what was put in, and end at their limit")
    func orderSlots() {
        var random = SplitMix64(seed: 3)
        var slots = OrderSlots(limit: 64)
        var model: [Int32: OrderID] = [:]
        for step in 1...10_000 as ClosedRange<UInt64> {
            if !slots.isFull, model.isEmpty || random.percent(60) {
                let slot = slots.insert(OrderRecord(row: OrderRow(order: step)))
                #expect(model[slot] == nil && (0..<64).contains(slot))
                model[slot] = step
            } else if let slot = model.keys.sorted().randomElement(using: &random) {
                slots.remove(slot)
                model[slot] = nil
            }
            #expect(slots.count == model.count && slots.isFull == (model.count == 64))
        }
        for (slot, order) in model { #expect(slots[slot].row.order == order) }
    }
}
