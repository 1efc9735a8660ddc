import Market
import Services
import TestData
import Testing

@Suite struct BatchFormatTests {
    private static let header = BatchHeader(
        kind: .orders, producer: 0x0123_4567_89AB_CDEF, number: 42, created: 1_700_000_000_000_000, deadline: 7)

    /// A request whose every field is drawn.
    static func order(_ random: inout SplitMix64) throws -> OrderRequest {
        let id = try #require(ClientOrderID("A\(random.next() % 1_000_000)"))
        let original = random.percent(50) ? ClientOrderID("B\(random.next())".prefix(20).description) : nil
        return OrderRequest(
            kind: RequestKind.allCases[random.below(3)], session: UInt32(truncatingIfNeeded: random.next()),
            account: AccountID(UInt32(truncatingIfNeeded: random.next())),
            instrument: InstrumentID(UInt32(truncatingIfNeeded: random.next())), clientOrderID: id,
            originalClientOrderID: original, side: Side.allCases[random.below(2)],
            type: OrderType.allCases[random.below(2)], timeInForce: TimeInForce.allCases[random.below(3)],
            price: Price(milli: Int64(bitPattern: random.next())),
            quantity: Quantity(Int64(bitPattern: random.next())), transactTime: Int64(bitPattern: random.next()),
            receiveTime: Int64(bitPattern: random.next()), sendingTime: Int64(bitPattern: random.next()),
            origin: random.next())
    }

    private static func text(_ order: OrderRequest) -> String { "\(order)" }

    @Test("What is written is read again, field by field")
    func roundTrip() throws {
        var random = SplitMix64(seed: 5)
        for count in [0, 1, 2, 17, BatchFormat.recordsMax] {
            let orders = try (0..<count).map { _ in try Self.order(&random) }
            let bytes = BatchFormat.encode(Self.header, orders: orders)
            // Schemas/streams.md: 48 bytes of header, 106 a request, 4 of checksum.
            #expect(bytes.count == 48 + 106 * count + 4)
            let read = try BatchFormat.orders(bytes)
            #expect(read.header == Self.header)
            #expect(read.orders.map(Self.text) == orders.map(Self.text))
        }
        let verdicts = (0..<5).map { ScreenVerdict(rule: UInt8($0), reason: 99, warnings: 3) }
        let answer = BatchFormat.encode(Self.header, verdicts: verdicts)
        #expect(answer.count == 48 + 4 * 5 + 4)
        let read = try BatchFormat.verdicts(answer)
        #expect(read.verdicts == verdicts)
        #expect(read.header.kind == .verdicts && read.header.number == 42)
    }

    @Test("News keep their facts; reports that are no news give none")
    func news() throws {
        var random = SplitMix64(seed: 6)
        var report = ExecutionReport(
            type: .rejected, status: .rejected, order: 9, execution: 10, request: try Self.order(&random), time: 11)
        report.rule = 24
        report.cumulative = Quantity(300)
        let item = try #require(NewsItem(report))
        let bytes = BatchFormat.encode(Self.header, news: [item, item])
        #expect(bytes.count == 48 + 68 * 2 + 4)
        #expect(try BatchFormat.news(bytes).news == [item, item])
        report.order = 0
        #expect(NewsItem(report) == nil, "a refusal at entry has no row, so no notice")
        report.order = 9
        report.type = .trade
        #expect(NewsItem(report) == nil)
    }

    @Test("No changed bit, cut or extension is taken for a batch")
    func damage() throws {
        var random = SplitMix64(seed: 7)
        let bytes = BatchFormat.encode(Self.header, orders: [try Self.order(&random), try Self.order(&random)])
        for bit in 0..<(bytes.count * 8) {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: BatchFormatError.self) { try BatchFormat.orders(damaged) }
        }
        for count in 0..<bytes.count {
            #expect(throws: BatchFormatError.self) { try BatchFormat.orders(Array(bytes.prefix(count))) }
        }
        #expect(throws: BatchFormatError.self) { try BatchFormat.orders(bytes + [0]) }
        #expect(throws: BatchFormatError.self) { try BatchFormat.verdicts(bytes) }
        #expect(throws: BatchFormatError.self) { try BatchFormat.news(bytes) }
    }
}
