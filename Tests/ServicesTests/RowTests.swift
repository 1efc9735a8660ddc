import CacheStack
import Foundation
import Market
import Services
import TestData
import Testing

@Suite("Rows")
struct RowTests {
    private static func clientOrderID(_ random: inout SplitMix64) -> ClientOrderID? {
        guard !random.percent(20) else { return nil }
        return ClientOrderID((0...random.below(20)).map { _ in UInt8(0x21 + random.below(0x5E)) })
    }

    private static func order(_ random: inout SplitMix64) -> OrderRow {
        var row = OrderRow(order: random.next())
        row.day = Int32(truncatingIfNeeded: random.next())
        row.session = UInt32(truncatingIfNeeded: random.next())
        row.clientOrderID = clientOrderID(&random)
        row.account = AccountID(UInt32(truncatingIfNeeded: random.next()))
        row.instrument = InstrumentID(UInt32(truncatingIfNeeded: random.next()))
        row.side = Side.allCases[random.below(2)]
        row.type = OrderType.allCases[random.below(2)]
        row.timeInForce = TimeInForce.allCases[random.below(3)]
        row.status = OrderStatus.allCases[random.below(OrderStatus.allCases.count)]
        row.price = Price(milli: Int64(bitPattern: random.next()))
        row.quantity = Quantity(Int64(bitPattern: random.next()))
        row.cumulative = Quantity(Int64(bitPattern: random.next()))
        row.carried = Quantity(Int64(bitPattern: random.next()))
        row.turnover = Money(milli: Int64(bitPattern: random.next()))
        row.fees = Money(milli: Int64(bitPattern: random.next()))
        row.frozen = Int64(bitPattern: random.next())
        row.priority = random.next()
        row.replaces = random.next()
        row.endedBy = random.next()
        row.endedByID = clientOrderID(&random)
        row.rule = UInt8(truncatingIfNeeded: random.next())
        row.reason = UInt8(truncatingIfNeeded: random.next())
        row.evaluatedLow = random.next()
        row.evaluatedHigh = random.next()
        row.firstExecution = random.next()
        row.reports = UInt32(truncatingIfNeeded: random.next())
        row.entered = Int64(bitPattern: random.next())
        row.bodyHash = random.next()
        row.endedByHash = random.next()
        return row
    }

    private static func trade(_ random: inout SplitMix64) -> TradeRow {
        func money(_ random: inout SplitMix64) -> Money { Money(milli: Int64(bitPattern: random.next())) }
        func number(_ random: inout SplitMix64) -> UInt32 { UInt32(truncatingIfNeeded: random.next()) }
        return TradeRow(
            trade: random.next(), day: Int32(truncatingIfNeeded: random.next()),
            instrument: InstrumentID(number(&random)),
            price: Price(milli: Int64(bitPattern: random.next())), quantity: Quantity(Int64(bitPattern: random.next())),
            buyOrder: random.next(), sellOrder: random.next(), buyAccount: AccountID(number(&random)),
            sellAccount: AccountID(number(&random)), aggressor: [nil, .buy, .sell][random.below(3)],
            buyCommission: money(&random), buyTransferFee: money(&random), sellCommission: money(&random),
            sellTransferFee: money(&random), stampDuty: money(&random), time: Int64(bitPattern: random.next()),
            sequence: random.next())
    }

    /// The payload has the schema's size, and a slice of a longer buffer decodes to the same row.
    private func check<T: Equatable>(
        _ row: T, _ schema: SpaceSchema, encode: (T, inout [UInt8]) -> Void, decode: (ArraySlice<UInt8>) -> T
    ) {
        var bytes: [UInt8] = [0xAA, 0xBB]
        encode(row, &bytes)
        #expect(bytes.count == 2 + schema.payloadSize)
        #expect(bytes.prefix(2) == [0xAA, 0xBB], "what was there stays")
        #expect(decode(bytes[2...]) == row)
    }

    @Test("Every row comes back from its payload, whatever its values", arguments: 1...200 as ClosedRange<UInt64>)
    func roundTrip(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let order = Self.order(&random)
        check(order, TradingSpaces.orders, encode: { $0.encode(into: &$1) }) { OrderRow(id: order.order, payload: $0) }
        let trade = Self.trade(&random)
        check(trade, TradingSpaces.trades, encode: { $0.encode(into: &$1) }) { TradeRow(id: trade.trade, payload: $0) }
        let account = AccountID(UInt32(truncatingIfNeeded: random.next()))
        let instrument = InstrumentID(UInt32(truncatingIfNeeded: random.next()))
        let amounts = (0..<9).map { _ in Int64(bitPattern: random.next()) }
        let cash = CashRow(account: account, balance: Money(milli: amounts[0]), unsettled: Money(milli: amounts[1]))
        check(cash, TradingSpaces.cash, encode: { $0.encode(into: &$1) }) {
            CashRow(id: CashRow.key(account).id, payload: $0)
        }
        let position = PositionRow(
            account: account, instrument: instrument, settled: Quantity(amounts[2]), unsettled: Quantity(amounts[3]))
        check(position, TradingSpaces.positions, encode: { $0.encode(into: &$1) }) {
            PositionRow(id: PositionRow.key(account, instrument).id, payload: $0)
        }
        let partition = PartitionRow(
            partition: random.next(), day: Int32(truncatingIfNeeded: random.next()), owner: random.next(),
            lastSequence: random.next(), lastExecution: random.next(), lastTrade: random.next(),
            phase: SessionPhase.allCases[random.below(8)])
        check(partition, TradingSpaces.partitions, encode: { $0.encode(into: &$1) }) {
            PartitionRow(id: partition.partition, payload: $0)
        }
        let profile = AccountProfile(
            id: account, isActive: random.percent(50), isBlocked: random.percent(50), isKilled: random.percent(50),
            isReducing: random.percent(50), group: UInt8(random.below(256)), boards: UInt8(random.below(256)),
            riskLevel: UInt8(random.below(256)), orderValueMax: Money(milli: amounts[4]),
            orderQuantityMax: Quantity(amounts[5]), dailyBuyQuantityMax: Quantity(amounts[6]),
            dailySellQuantityMax: Quantity(amounts[7]), grossValueMax: Money(milli: amounts[8]),
            openOrderValueMax: Money(milli: amounts[0]), openOrdersMax: UInt32(truncatingIfNeeded: random.next()))
        check(profile, TradingSpaces.accounts, encode: { $0.encode(into: &$1) }) {
            AccountProfile(id: UInt64(account.rawValue), payload: $0)
        }
        let listed = Instrument(
            id: instrument, symbol: UInt32(truncatingIfNeeded: random.next()), board: Board.allCases[random.below(4)],
            tick: Price(milli: amounts[0]), lot: Quantity(amounts[1]), quantityMin: Quantity(amounts[2]),
            quantityMax: Quantity(amounts[3]), marketQuantityMax: Quantity(amounts[4]),
            previousClose: Price(milli: amounts[5]), limitDown: Price(milli: amounts[6]),
            limitUp: Price(milli: amounts[7]), isTradable: random.percent(50), averageDailyVolume: Quantity(amounts[8]),
            riskLevel: UInt8(random.below(256)))
        check(listed, TradingSpaces.instruments, encode: { $0.encode(into: &$1) }) {
            Instrument(id: UInt64(instrument.rawValue), payload: $0)
        }
        var login = LoginRow(
            session: SessionID(truncatingIfNeeded: random.next()),
            compID: String(repeating: "C", count: 1 + random.below(32)), accountGroups: random.next(),
            mayTrade: random.percent(50))
        login.salt = (0..<random.below(17)).map { _ in UInt8(random.below(256)) }
        login.passwordHash = (0..<random.below(33)).map { _ in UInt8(random.below(256)) }
        check(login, TradingSpaces.logins, encode: { $0.encode(into: &$1) }) {
            LoginRow(id: UInt64(login.session), payload: $0)
        }
    }

    @Test("A trade's payload has these bytes: little endian, no padding, columns in the order of the schema")
    func golden() {
        let trade = TradeRow(
            trade: 9, day: 20_230_711, instrument: InstrumentID(2), price: Price(milli: 10_050),
            quantity: Quantity(300),
            buyOrder: 0x0102_0304_0506_0708, sellOrder: 5, buyAccount: AccountID(16), sellAccount: AccountID(17),
            aggressor: .sell, buyCommission: Money(milli: 750), buyTransferFee: Money(milli: 30),
            sellCommission: Money(milli: -1), sellTransferFee: .zero, stampDuty: Money(milli: 3_020), time: 1,
            sequence: 7)
        var bytes: [UInt8] = []
        trade.encode(into: &bytes)
        // 20,230,711 = 0x0134B237; 10,050 = 0x2742; 300 = 0x012C; 750 = 0x02EE; 3,020 = 0x0BCC.
        let expected: [UInt8] =
            [0x37, 0xB2, 0x34, 0x01] + [2, 0, 0, 0] + [0x42, 0x27, 0, 0, 0, 0, 0, 0] + [0x2C, 1, 0, 0, 0, 0, 0, 0]
            + [8, 7, 6, 5, 4, 3, 2, 1] + [5, 0, 0, 0, 0, 0, 0, 0] + [16, 0, 0, 0] + [17, 0, 0, 0] + [2, 0]
            + [0xEE, 2, 0, 0, 0, 0, 0, 0] + [30, 0, 0, 0, 0, 0, 0, 0] + Array(repeating: 0xFF, count: 8)
            + Array(repeating: 0, count: 8) + [0xCC, 0x0B, 0, 0, 0, 0, 0, 0] + [1, 0, 0, 0, 0, 0, 0, 0]
            + [7, 0, 0, 0, 0, 0, 0, 0]
        #expect(bytes == expected)
    }

    @Test("The SQL tables have the columns of the spaces, in their order and with their types")
    func tables() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Schemas/0002_trading.sql")
        let tables = try Self.tables(in: String(contentsOf: file, encoding: .utf8))
        #expect(Set(tables.keys) == Set(TradingSpaces.all.map(\.table)))
        for schema in TradingSpaces.all {
            var expected: [String]
            switch schema.key {
            case .id(let name): expected = ["\(name) bigint"]
            case .pair(let high, let low): expected = ["\(high) integer", "\(low) integer"]
            }
            expected += ["ver bigint", "deleted boolean"]
            expected += schema.fields.map { field in
                switch field.type {
                case .int16: "\(field.name) smallint"
                case .int32: "\(field.name) integer"
                case .int64: "\(field.name) bigint"
                case .text: "\(field.name) text"
                case .bytes: "\(field.name) bytea"
                }
            }
            #expect(tables[schema.table] == expected, "table \(schema.table)")
        }
        #expect(TradingSpaces.all.map(\.space.rawValue) == Array(1...UInt16(TradingSpaces.all.count)))
    }

    /// Columns as "name type" of every CREATE TABLE.
    private static func tables(in sql: String) -> [String: [String]] {
        var tables: [String: [String]] = [:]
        var table: String?
        for line in sql.split(separator: "\n") {
            let words = line.split(whereSeparator: { " (,".contains($0) }).map(String.init)
            if words.starts(with: ["CREATE", "TABLE"]) {
                table = words[2]
            } else if line.hasPrefix(")") {
                table = nil
            } else if let table, let first = words.first, first.first?.isLowercase == true, words.count > 1 {
                tables[table, default: []].append("\(first) \(words[1])")
            }
        }
        return tables
    }
}
