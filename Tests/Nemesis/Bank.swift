import CacheStack
import TestData

/// The rows of the workload: accounts, between which money moves, and registers, which are written blindly.
///
/// A payload is balance, attempt and mark, the mark being a hash of the key and of the other two: it tells whose value
/// it is, and is the value's identity in the history.
enum Bank {
    static let accounts = SpaceID(rawValue: 1)
    static let registers = SpaceID(rawValue: 2)
    static let accountCount: UInt64 = 24
    static let registerCount: UInt64 = 48
    static let opening: Int64 = 1_000
    private static let fields: [SpaceSchema.Field] = [
        .init("balance", .int64), .init("attempt", .int64), .init("mark", .int64),
    ]
    static let schemas = [
        SpaceSchema(space: accounts, table: "account", key: .id("id"), fields: fields),
        SpaceSchema(space: registers, table: "register", key: .id("id"), fields: fields),
    ]

    static let allAccounts = (0..<accountCount).map { CacheKey(accounts, $0) }

    /// What the history calls a key.
    static func number(_ key: CacheKey) -> UInt64 { UInt64(key.space.rawValue) << 32 | key.id }

    static func payload(_ key: CacheKey, balance: Int64, attempt: UInt64) -> [UInt8] {
        let mark = mark(key, balance, attempt)
        return [UInt64(bitPattern: balance), attempt, mark].flatMap { number in
            withUnsafeBytes(of: number.littleEndian) { Array($0) }
        }
    }

    /// The balance in a payload.
    static func balance(_ payload: [UInt8]?) -> Int64 { Int64(bitPattern: field(0, payload ?? [])) }

    /// The identity of a payload's bytes: its mark if that is right, and a number no write has if it is not.
    static func value(_ key: CacheKey, _ payload: [UInt8]?) -> UInt64 {
        guard let payload else { return 0 }
        let expected = mark(key, balance(payload), field(1, payload))
        return payload.count == 24 && field(2, payload) == expected ? expected : 1
    }

    private static func field(_ index: Int, _ payload: [UInt8]) -> UInt64 {
        guard payload.count >= 8 * (index + 1) else { return 0 }
        return payload[8 * index..<8 * (index + 1)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Even, and neither 0 nor `Observation.unknown`; 1 is left for garbage.
    static func mark(_ key: CacheKey, _ balance: Int64, _ attempt: UInt64) -> UInt64 {
        var random = SplitMix64(
            seed: number(key) &* 0x9E37_79B9 ^ UInt64(bitPattern: balance) << 20 ^ attempt)
        return max(2, random.next() & ~1)
    }

    /// Tables, and a trigger that keeps every version that was ever committed: what L3 says in the end.
    ///
    /// The table begins with 20 MB of dead rows that are never reclaimed, so that its file is longer than a segment of
    /// the write-ahead log: a limit on the size of files then stops this table's growth, and not the log's.
    static let history = """
        CREATE TABLE history (place bigserial PRIMARY KEY, space bigint NOT NULL, id bigint NOT NULL,
            ver bigint NOT NULL, deleted boolean NOT NULL, attempt bigint NOT NULL, mark bigint NOT NULL, filling text)
            WITH (autovacuum_enabled = off);
        ALTER TABLE history ALTER COLUMN filling SET STORAGE PLAIN;
        INSERT INTO history (space, id, ver, deleted, attempt, mark, filling)
            SELECT 0, 0, 0, true, 0, 0, repeat('x', 4000) FROM generate_series(1, 5200);
        DELETE FROM history;
        CREATE FUNCTION keep_version() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO history (space, id, ver, deleted, attempt, mark)
                VALUES (TG_ARGV[0]::bigint, NEW.id, NEW.ver, NEW.deleted, NEW.attempt, NEW.mark);
            RETURN NULL; END $$;
        CREATE TRIGGER keep AFTER INSERT OR UPDATE ON account FOR EACH ROW EXECUTE FUNCTION keep_version(1);
        CREATE TRIGGER keep AFTER INSERT OR UPDATE ON register FOR EACH ROW EXECUTE FUNCTION keep_version(2);
        """
}
