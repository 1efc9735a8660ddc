import CPostgres

/// What the database takes without us: the same order rows by COPY BINARY and by pipelined INSERTs of one prepared
/// statement, each batch a transaction, through libpq alone. No ticket, no outbox row, no versions to check.
struct RawPeers {
    struct Failure: Error {
        var message: String
    }

    private let connection: OpaquePointer
    private var sequence: Int64 = 0

    init(_ conninfo: String) throws {
        guard let connection = PQconnectdb(conninfo), PQstatus(connection) == CONNECTION_OK else {
            throw Failure(message: "cannot connect")
        }
        self.connection = connection
        try Self.execute(
            connection,
            """
            DROP TABLE IF EXISTS bench_raw; CREATE TABLE bench_raw (sequence bigint PRIMARY KEY, ver bigint NOT NULL, \
            deleted boolean NOT NULL, account integer NOT NULL, instrument integer NOT NULL, side smallint NOT NULL, \
            status smallint NOT NULL, price bigint NOT NULL, quantity bigint NOT NULL, cumulative bigint NOT NULL, \
            at bigint NOT NULL, client_id text NOT NULL)
            """)
        let prepared = PQprepare(
            connection, "insert", "INSERT INTO bench_raw VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)", 12, nil)
        defer { PQclear(prepared) }
        guard PQresultStatus(prepared) == PGRES_COMMAND_OK else { throw Failure(message: Self.error(connection)) }
    }

    func close() { PQfinish(connection) }

    /// One transaction of `rows` rows by COPY BINARY.
    mutating func copy(rows: Int) throws {
        try Self.execute(connection, "BEGIN")
        let started = PQexec(connection, "COPY bench_raw FROM STDIN (FORMAT binary)")
        defer { PQclear(started) }
        guard PQresultStatus(started) == PGRES_COPY_IN else { throw Failure(message: Self.error(connection)) }
        var bytes = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [UInt8](repeating: 0, count: 8)
        for _ in 0..<rows {
            Self.put(Int16(12), &bytes)
            for field in fields() {
                Self.put(Int32(field.count), &bytes)
                bytes += field
            }
        }
        Self.put(Int16(-1), &bytes)
        let sent = bytes.withUnsafeBytes { raw in
            PQputCopyData(connection, raw.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(raw.count))
        }
        guard sent == 1, PQputCopyEnd(connection, nil) == 1 else { throw Failure(message: Self.error(connection)) }
        while let result = PQgetResult(connection) {
            defer { PQclear(result) }
            guard PQresultStatus(result) == PGRES_COMMAND_OK else { throw Failure(message: Self.error(connection)) }
        }
        try Self.execute(connection, "COMMIT")
    }

    /// One transaction of `rows` INSERTs in one pipeline.
    mutating func insert(rows: Int) throws {
        guard PQenterPipelineMode(connection) == 1 else { throw Failure(message: Self.error(connection)) }
        send("BEGIN")
        for _ in 0..<rows { sendRow() }
        send("COMMIT")
        guard PQpipelineSync(connection) == 1 else { throw Failure(message: Self.error(connection)) }
        for _ in 0..<rows + 2 {
            let result = PQgetResult(connection)
            defer { PQclear(result) }
            guard PQresultStatus(result) == PGRES_COMMAND_OK else { throw Failure(message: Self.error(connection)) }
            while let rest = PQgetResult(connection) { PQclear(rest) }
        }
        PQclear(PQgetResult(connection))  // of the sync
        guard PQexitPipelineMode(connection) == 1 else { throw Failure(message: Self.error(connection)) }
    }

    private func send(_ sql: String) { PQsendQueryParams(connection, sql, 0, nil, nil, nil, nil, 0) }

    private mutating func sendRow() {
        let fields = fields()
        let bytes = fields.flatMap { $0 }
        let lengths = fields.map { Int32($0.count) }
        let formats = [Int32](repeating: 1, count: fields.count)
        bytes.withUnsafeBytes { raw in
            var offset = 0
            let values: [UnsafePointer<CChar>?] = lengths.map { length in
                defer { offset += Int(length) }
                return raw.baseAddress?.advanced(by: offset).assumingMemoryBound(to: CChar.self)
            }
            _ = PQsendQueryPrepared(connection, "insert", Int32(fields.count), values, lengths, formats, 1)
        }
    }

    /// The next row: the fields of `orders`, big endian.
    private mutating func fields() -> [[UInt8]] {
        sequence += 1
        func bytes(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
        return [
            bytes(sequence), bytes(Int64(1)), [0], bytes(Int32(truncatingIfNeeded: sequence &* 31)),
            bytes(Int32(sequence % 2_000)), bytes(Int16(sequence & 1)), bytes(Int16(0)), bytes(sequence &* 7),
            bytes(sequence & 0xFFFF), bytes(Int64(0)), bytes(sequence), Array("012345678901".utf8),
        ]
    }

    private static func put(_ value: some FixedWidthInteger, _ bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    private static func execute(_ connection: OpaquePointer, _ sql: String) throws {
        let result = PQexec(connection, sql)
        defer { PQclear(result) }
        guard PQresultStatus(result) == PGRES_COMMAND_OK else { throw Failure(message: error(connection)) }
    }

    private static func error(_ connection: OpaquePointer) -> String { String(cString: PQerrorMessage(connection)) }
}
