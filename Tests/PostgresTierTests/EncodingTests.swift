import CacheStack
import PostgresTier
import Testing

@Suite("Encoding of parameters")
struct EncodingTests {
    @Test("Arrays are encoded as array_send does: dimension, no nulls, element oid, length, lower bound, elements")
    func goldenArrays() throws {
        let schema = SpaceSchema(
            space: SpaceID(rawValue: 9), table: "t", key: .id("k"),
            fields: [.init("a", .int16), .init("b", .text(max: 3)), .init("c", .bytes(max: 2))])
        // Row 1: a = 258, b = "xy", c = [7]; row 2: a = -1, b = "", c = [8, 9]. Integers little endian.
        let payloads: [UInt8] = [2, 1, 2, 120, 121, 0, 1, 7, 0, 255, 255, 0, 0, 0, 0, 2, 8, 9]
        let parameters = try Inspection.upsertParameters(schema, ids: [1, .max], payloads: payloads, ticket: 5)
        func head(_ oid: UInt8) -> [UInt8] {
            [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, oid, 0, 0, 0, 2, 0, 0, 0, 1]
        }
        let ticket: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 5]
        let one: [UInt8] = [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]
        let maximum: [UInt8] = [0, 0, 0, 8] + Array(repeating: 255, count: 8)
        let numbers: [UInt8] = [0, 0, 0, 2, 1, 2, 0, 0, 0, 2, 255, 255]
        let texts: [UInt8] = [0, 0, 0, 2, 120, 121, 0, 0, 0, 0]
        let bytes: [UInt8] = [0, 0, 0, 1, 7, 0, 0, 0, 2, 8, 9]
        #expect(parameters.count == 5)
        #expect(parameters[0] == ticket)
        #expect(parameters[1] == head(20) + one + maximum)
        #expect(parameters[2] == head(21) + numbers)
        #expect(parameters[3] == head(25) + texts)
        #expect(parameters[4] == head(17) + bytes)
    }

    @Test("A pair key is split into the high and the low half of the id")
    func pairs() throws {
        let id: UInt64 = 0xFFFF_FFFE_0000_0003
        let parameters = try Inspection.upsertParameters(
            Sample.positions, ids: [id], payloads: Sample.integers(1, 2), ticket: 1)
        #expect(parameters[1].suffix(4) == [255, 255, 255, 254])
        #expect(parameters[2].suffix(4) == [0, 0, 0, 3])
        #expect(parameters[1][11] == 23)
    }

    @Test("An empty array has no dimension")
    func emptyArray() throws {
        let parameters = try Inspection.upsertParameters(Sample.trades, ids: [], payloads: [], ticket: 1)
        #expect(parameters[1] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20])
    }

    @Test("A length byte at the field's maximum passes, one above is refused")
    func lengthByte() throws {
        let schema = SpaceSchema(
            space: SpaceID(rawValue: 9), table: "t", key: .id("k"), fields: [.init("b", .text(max: 3))])
        _ = try Inspection.upsertParameters(schema, ids: [1], payloads: [3, 65, 65, 65], ticket: 1)
        #expect(throws: TierError.self) {
            try Inspection.upsertParameters(schema, ids: [1], payloads: [4, 65, 65, 65], ticket: 1)
        }
    }

    @Test("Names that are not plain identifiers never reach SQL")
    func identifiers() {
        for name in ["", "A", "a b", "a;drop", "1a", "é", "select", "a\"b", String(repeating: "a", count: 64)] {
            let asTable = SpaceSchema(
                space: SpaceID(rawValue: 9), table: name, key: .id("k"), fields: [.init("b", .int16)])
            let asField = SpaceSchema(
                space: SpaceID(rawValue: 9), table: "t", key: .id("k"), fields: [.init(name, .int16)])
            #expect(throws: TierError.self, "\(name)") { try Inspection.statements(asTable) }
            #expect(throws: TierError.self, "\(name)") { try TableDefinition.createStatement(asField) }
        }
        let twice = SpaceSchema(space: SpaceID(rawValue: 9), table: "t", key: .id("ver"), fields: [.init("b", .int16)])
        #expect(throws: TierError.self) { try Inspection.statements(twice) }
        let longest = SpaceSchema(
            space: SpaceID(rawValue: 9), table: String(repeating: "a", count: 63), key: .id("k"),
            fields: [.init("b", .int16)])
        #expect(throws: Never.self) { try Inspection.statements(longest) }
    }

    @Test("The statements of a space read as written by hand")
    func statements() throws {
        let sql = try Inspection.statements(Sample.positions)
        #expect(
            sql[0] == """
                SELECT r.o, coalesce(t.ver, 0), coalesce(t.deleted, true), c.ts, c.epoch, transaction_timestamp(), \
                t.quantity, t.sellable FROM mc_clock c CROSS JOIN unnest($1::int4[], $2::int4[]) WITH ORDINALITY \
                AS r(k1, k2, o) LEFT JOIN positions t ON t.account = r.k1 AND t.instrument = r.k2 WHERE c.id = 1
                """)
        #expect(
            sql[3] == """
                INSERT INTO positions (account, instrument, ver, deleted, quantity, sellable) \
                SELECT unnest($2::int4[]), unnest($3::int4[]), $1::int8, false, unnest($4::int8[]), \
                unnest($5::int8[]) ON CONFLICT (account, instrument) DO UPDATE SET ver = EXCLUDED.ver, \
                deleted = false, quantity = EXCLUDED.quantity, sellable = EXCLUDED.sellable
                """)
    }

    @Test(
        "SQLSTATEs map to the tiers' codes",
        arguments: [
            ("53100", TierError.Code.cannotWrite), ("57P01", .unavailable), ("57P03", .unavailable),
            ("08006", .unavailable), ("55P03", .deadline), ("57014", .deadline), ("40001", .overloaded),
            ("23505", .constraint), ("22001", .constraint), ("53300", .overloaded), ("42P01", .protocolViolation),
            ("25006", .cannotWrite), ("", .protocolViolation),
        ])
    func codes(_ state: String, _ code: TierError.Code) {
        #expect(Inspection.code(sqlState: state) == code)
        #expect(Inspection.refusesRows(sqlState: state) == (code == .constraint))
    }

    @Test("Two spaces must not share a number or a table")
    func catalog() {
        let other = SpaceSchema(space: SpaceID(rawValue: 1), table: "b", key: .id("k"), fields: [.init("b", .int16)])
        let configuration = PostgresTier.Configuration(conninfo: "")
        #expect(throws: TierError.self) { try PostgresTier(configuration, schemas: [Sample.accounts, other]) }
    }
}
