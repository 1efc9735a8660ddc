import CacheStack
import Logging
import Market
import Risk
import Services
import Synchronization
import Telemetry
import TestData
import Testing

@Suite(.timeLimit(.minutes(2))) struct RiskGateTests {
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// What a gate has let through.
    private final class Passed: Sendable {
        let requests = Mutex<[OrderRequest]>([])
        let traced = Mutex<[ClientOrderID]>([])

        func take(_ new: [OrderRequest], _ traces: [TracedRequest]) {
            requests.withLock { $0 += new }
            traced.withLock { $0 += traces.map { new[$0.position].clientOrderID } }
        }

        var count: Int { requests.withLock { $0.count } }
    }

    private static func order(_ number: Int, account: UInt32, price: Int64 = 10_000) throws -> OrderRequest {
        let now = EventClock.now()
        return OrderRequest(
            kind: .new, session: 1, account: AccountID(account), instrument: InstrumentID(0),
            clientOrderID: try #require(ClientOrderID("A\(number)")), side: .buy, price: Price(milli: price),
            quantity: Quantity(100), transactTime: now, receiveTime: now, sendingTime: now)
    }

    private static func gate(
        _ streams: MemoryStreams, _ passed: Passed, _ metrics: MetricsRegistry, timeout: Duration = .seconds(60)
    ) -> RiskGate {
        var options = GateOptions()
        options.timeout = timeout
        options.requestsMax = 3
        return RiskGate(streams: streams, options: options, metrics: metrics, logger: quiet) {
            passed.take($0, $1)
        }
    }

    private static func count(_ metrics: MetricsRegistry, _ result: String) -> Int {
        let prefix = "risk_screen_total{result=\"\(result)\"} "
        let line = metrics.text().split(separator: "\n").first { $0.hasPrefix(prefix) }
        return line.flatMap { Int($0.dropFirst(prefix.count)) } ?? -1
    }

    /// Answers every batch that waits, the newest first.
    private static func answer(_ streams: MemoryStreams) async throws {
        let items = try await streams.take(Array(0..<streams.partitions), as: "risk-1", limit: 100, wait: .zero)
        for item in items.reversed() {
            let (header, orders) = try BatchFormat.orders(item.bytes)
            let verdicts = orders.map { order in
                ScreenVerdict(rule: order.price.milli == 1 ? 49 : 0, reason: 3, warnings: 0)
            }
            _ = try await streams.end([(item, (header.producer, BatchFormat.encode(header, verdicts: verdicts)))])
        }
    }

    @Test("Requests of an account leave in the order they came, whichever verdict comes first")
    func order() async throws {
        let streams = MemoryStreams(partitions: 4)
        _ = try await streams.join("risk-1", facts: "")
        let (passed, metrics) = (Passed(), MetricsRegistry())
        let gate = Self.gate(streams, passed, metrics)
        let running = Task { await gate.run() }
        // The gate looks for replicas first; until then it lets pass.
        var number = 0
        #expect(
            await soon {
                number += 1
                if let order = try? Self.order(number, account: 16) { gate.submit([order]) }
                return streams.state.withLock { !$0.entries.isEmpty }
            })
        let direct = passed.count
        var random = SplitMix64(seed: 3)
        for _ in 0..<500 {
            number += 1
            let order = try Self.order(
                number, account: 16 + UInt32(random.below(20)), price: random.percent(10) ? 1 : 10)
            gate.submit([order])
            if random.percent(20) { try await Self.answer(streams) }
        }
        let total = number
        #expect(
            await soon {
                try? await Self.answer(streams)
                return passed.count == total
            })
        running.cancel()
        await running.value
        let requests = passed.requests.withLock { $0 }
        for account in Set(requests.map(\.account)) {
            let numbers = requests.filter { $0.account == account }.map {
                Int($0.clientOrderID.description.dropFirst()) ?? 0
            }
            #expect(numbers == numbers.sorted(), "account \(account.rawValue)")
        }
        let refused = requests.count { $0.price.milli == 1 }
        #expect(Self.count(metrics, "refused") == refused)
        #expect(Self.count(metrics, "accepted") == total - direct - refused)
        #expect(Self.count(metrics, "late") == 0)
    }

    @Test("Without a replica, with a full stream or without Redis requests go on at once; late ones after the time")
    func bypass() async throws {
        let streams = MemoryStreams(partitions: 2)
        let (passed, metrics) = (Passed(), MetricsRegistry())
        let gate = Self.gate(streams, passed, metrics, timeout: .milliseconds(30))
        let running = Task { await gate.run() }
        gate.submit([try Self.order(1, account: 16)])
        #expect(passed.count == 1)
        _ = try await streams.join("risk-1", facts: "")
        var number = 1
        #expect(
            await soon {
                number += 1
                if let order = try? Self.order(number, account: 16) { gate.submit([order]) }
                return streams.state.withLock { !$0.entries.isEmpty }
            })
        // Nobody answers.
        let total = number
        #expect(await soon { passed.count == total })
        #expect(Self.count(metrics, "late") >= 1)
        let late = Self.count(metrics, "late")
        streams.state.withLock { $0.lengthMax = 0 }
        gate.submit([try Self.order(number + 1, account: 17)])
        #expect(await soon { passed.count == total + 1 })
        streams.state.withLock { $0.fault = TierError(.unavailable, "away") }
        gate.submit([try Self.order(number + 2, account: 18)])
        #expect(await soon { passed.count == total + 2 })
        #expect(Self.count(metrics, "late") == late)
        running.cancel()
        await running.value
        gate.submit([try Self.order(number + 3, account: 16)])
        #expect(passed.count == total + 3, "a gate that has ended lets pass")
    }

    @Test("A gate that ends lets everything go that waits, in order")
    func ends() async throws {
        let streams = MemoryStreams(partitions: 2)
        _ = try await streams.join("risk-1", facts: "")
        let (passed, metrics) = (Passed(), MetricsRegistry())
        let gate = Self.gate(streams, passed, metrics)
        let running = Task { await gate.run() }
        var number = 0
        #expect(
            await soon {
                number += 1
                if let order = try? Self.order(number, account: 16) { gate.submit([order]) }
                return streams.state.withLock { !$0.entries.isEmpty }
            })
        for _ in 0..<50 {
            number += 1
            gate.submit([try Self.order(number, account: 16)])
        }
        running.cancel()
        await running.value
        let numbers = passed.requests.withLock { $0.map { Int($0.clientOrderID.description.dropFirst()) ?? 0 } }
        #expect(numbers == Array(1...number))
    }

    @Test("The screen refuses what the table refuses, and judges nothing it has no facts for")
    func verdicts() async throws {
        let market = SampleMarket()
        let durable = await market.seeded { EventClock.now() }
        var blocked = AccountProfile(id: AccountID(SampleMarket.first + 1))
        blocked.isBlocked = true
        var writes = WriteSet()
        writes.append(AccountProfile.key(blocked.id)) { blocked.encode(into: &$0) }
        _ = await durable.commit([Transaction(writes: writes)], until: .now + .seconds(10))
        let cache = CacheStack(
            schemas: TradingSpaces.all, shared: MemorySharedTier(), durable: durable, metrics: MetricsRegistry())
        try await cache.pollChanges()
        let screen = RiskScreen(cache: cache, configuration: SampleMarket.configuration())
        let first = SampleMarket.first
        var cancel = try Self.order(6, account: first)
        cancel.kind = .cancel
        cancel.originalClientOrderID = ClientOrderID("nobody")
        let orders = [
            try Self.order(1, account: first), try Self.order(2, account: first + 1),
            try Self.order(3, account: 9_999), try Self.order(4, account: first, price: 11_001),
            try Self.order(5, account: first, price: 12_000), cancel,
        ]
        let header = BatchHeader(kind: .orders, producer: 8, number: 1, created: EventClock.now())
        let late = BatchHeader(kind: .orders, producer: 8, number: 2, created: 0, deadline: 1)
        let results = await screen.work([
            StreamItem(partition: 0, id: "1", bytes: BatchFormat.encode(header, orders: orders)),
            StreamItem(partition: 0, id: "2", bytes: BatchFormat.encode(late, orders: orders)),
            StreamItem(partition: 0, id: "3", bytes: [0]),
        ])
        guard case .ended(header, requests: 6, let answer?) = results[0] else {
            throw TierError(.constraint, "\(results[0])")
        }
        let verdicts = try BatchFormat.verdicts(answer).verdicts
        // 24 blocked, 23 unknown account, 7 off the tick of 0.01, 49 above the limit of 11.00; cancels pass.
        #expect(verdicts.map(\.rule) == [0, 24, 23, 7, 49, 0])
        #expect(verdicts.map(\.reason) == [0, 15, 15, 3, 3, 0])
        #expect(results[1] == .expired(late, requests: 6))
        guard case .malformed = results[2] else { throw TierError(.constraint, "\(results[2])") }
        #expect((RiskScreen.judged & RiskRule.all) == RiskScreen.judged)
        #expect(!RiskScreen.judged.contains(.targetOpen) && RiskScreen.judged.contains(.accountActive))
    }
}
