internal import CPostgres
internal import Glibc

/// One libpq connection in non-blocking pipeline mode, confined to the thread that opened it.
///
/// libpq has no deadline for a command, and documents that pipeline mode in blocking mode can deadlock with the server
/// (PostgreSQL 15 manual, 34.5). So the socket is non-blocking and every wait is a poll() with an absolute deadline.
/// Statements are queued with `send`, `sync` ends a group, `receive` flushes them all and reads all answers: one round
/// trip. Every status becomes a `DatabaseFault` at the call. After a fault that is not `isConnectionUsable` the
/// connection must be dropped; closing it rolls an open transaction back.
final class Connection {
    private enum Expected {
        case prepared(String), rows, sync
    }

    private let handle: OpaquePointer
    private var prepared: Set<String> = []
    private var expected: [Expected] = []
    /// Whether an exchange has succeeded before: then a broken connection may just have been idle for too long.
    private(set) var hasAnswered = false

    /// Connects; the keywords override those of `conninfo`.
    init(
        _ conninfo: String, keywords: [(String, String)], until deadline: ContinuousClock.Instant
    ) throws(DatabaseFault) {
        let names = ["dbname"] + keywords.map(\.0)
        let values = [conninfo] + keywords.map(\.1)
        let opened = Self.withCStrings(names) { names in
            Self.withCStrings(values) { values in PQconnectStartParams(names, values, 1) }
        }
        guard let opened else { throw DatabaseFault(.connection, "libpq is out of memory") }
        handle = opened
        // libpq would print the server's notices on standard error.
        PQsetNoticeReceiver(opened, { _, _ in }, nil)
        try finishConnecting(deadline)  // where it throws, deinit runs: the object is complete
    }

    deinit { PQfinish(handle) }

    /// 150_020 for 15.20.
    var serverVersion: Int { Int(PQserverVersion(handle)) }

    /// Process id of the server's backend.
    var backend: Int32 { PQbackendPID(handle) }

    /// Whether a transaction is open, failed or not.
    var isInTransaction: Bool { PQtransactionStatus(handle) != PQTRANS_IDLE }

    /// From here on only `send`, `sync` and `receive`.
    func enterPipelineMode() throws(DatabaseFault) {
        guard PQenterPipelineMode(handle) == 1 else { throw lost() }
    }

    /// Queues a statement, prepared on first use; parameters and results are binary.
    func send(_ statement: Statement, _ parameters: ParameterBuffer? = nil) throws(DatabaseFault) {
        if !prepared.contains(statement.name) {
            guard PQsendPrepare(handle, statement.name, statement.sql, 0, nil) == 1 else { throw lost() }
            expected.append(.prepared(statement.name))
            prepared.insert(statement.name)
        }
        let sent =
            parameters?.withArguments { count, values, lengths, formats in
                PQsendQueryPrepared(handle, statement.name, count, values, lengths, formats, 1)
            } ?? PQsendQueryPrepared(handle, statement.name, 0, nil, nil, nil, 1)
        guard sent == 1 else { throw lost() }
        expected.append(.rows)
    }

    /// Queues an unprepared statement with text parameters.
    func send(sql: String, _ parameters: [String?] = [], binaryResults: Bool = false) throws(DatabaseFault) {
        let sent = Self.withCStrings(parameters) { values in
            PQsendQueryParams(
                handle, sql, Int32(parameters.count), nil, values, nil, nil, binaryResults ? 1 : 0)
        }
        guard sent == 1 else { throw lost() }
        expected.append(.rows)
    }

    /// Ends a group of statements: an error in the group skips its rest, and what follows is executed again.
    func sync() throws(DatabaseFault) {
        guard PQpipelineSync(handle) == 1 else { throw lost() }
        expected.append(.sync)
    }

    /// Hands what is queued to the operating system.
    func flush(until deadline: ContinuousClock.Instant) throws(DatabaseFault) {
        while true {
            switch PQflush(handle) {
            case 0: return
            case 1:
                // The server may be blocked on answers that nobody reads: read while waiting for room.
                if try wait(for: POLLIN | POLLOUT, deadline) & POLLIN != 0, PQconsumeInput(handle) == 0 { throw lost() }
            default: throw lost()
            }
        }
    }

    /// Flushes and reads the answers up to the next sync: one result for each statement, in order.
    ///
    /// - Throws: the first refusal of the group, after the whole group was read.
    func receive(until deadline: ContinuousClock.Instant) throws(DatabaseFault) -> [ResultSet] {
        try flush(until: deadline)
        var results: [ResultSet] = []
        var refusal: DatabaseFault?
        var index = 0
        while index < expected.count {
            let item = expected[index]
            index += 1
            let (result, fault) = try next(deadline)
            if case .sync = item {
                guard let result, PQresultStatus(result) == PGRES_PIPELINE_SYNC else { throw unexpected(result) }
                PQclear(result)
                break
            }
            if let fault, refusal == nil { refusal = fault }
            if case .prepared(let name) = item {
                if fault != nil { prepared.remove(name) }
                result.map { PQclear($0) }
            } else if let result {
                results.append(ResultSet(result))
            }
            try readEnd(deadline)
        }
        expected.removeFirst(index)
        if let refusal { throw refusal }
        hasAnswered = true
        return results
    }

    /// Runs statements separated by semicolons by the simple protocol, outside pipeline mode; gives the last result.
    @discardableResult
    func run(script: String, until deadline: ContinuousClock.Instant) throws(DatabaseFault) -> ResultSet? {
        guard PQsendQuery(handle, script) == 1 else { throw lost() }
        try flush(until: deadline)
        var last: ResultSet?
        var refusal: DatabaseFault?
        while true {
            let (result, fault) = try next(deadline)
            if let fault, refusal == nil { refusal = fault }
            if let result { last = ResultSet(result) } else if fault == nil { break }
        }
        if let refusal { throw refusal }
        return last
    }

    // MARK: Reading

    /// The next result: nil where libpq has none, or where it is a refusal, which is given as fault.
    private func next(_ deadline: ContinuousClock.Instant) throws(DatabaseFault) -> (OpaquePointer?, DatabaseFault?) {
        while PQisBusy(handle) == 1 {
            _ = try wait(for: POLLIN, deadline)
            guard PQconsumeInput(handle) == 1 || PQisBusy(handle) == 0 else { throw lost() }
        }
        guard let result = PQgetResult(handle) else { return (nil, nil) }
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY, PGRES_PIPELINE_SYNC: return (result, nil)
        case PGRES_PIPELINE_ABORTED:
            PQclear(result)
            return (nil, DatabaseFault(.statement, sqlState: "25P02", "skipped after an earlier error"))
        default:
            defer { PQclear(result) }
            let refusal = Self.refusal(result)
            // FATAL and PANIC end the session: what was sent behind them was not executed, what was sent before may be.
            if PQstatus(handle) == CONNECTION_BAD || Self.endsSession(result) {
                throw DatabaseFault(.connection, sqlState: refusal.sqlState, refusal.message)
            }
            return (nil, refusal)
        }
    }

    /// In pipeline mode a nil separates the results of statements.
    private func readEnd(_ deadline: ContinuousClock.Instant) throws(DatabaseFault) {
        let (result, _) = try next(deadline)
        if let result {
            PQclear(result)
            throw DatabaseFault(.protocolViolation, "a statement gave more than one result")
        }
    }

    /// Waits until the socket is ready or the deadline has passed.
    private func wait(for events: Int32, _ deadline: ContinuousClock.Instant) throws(DatabaseFault) -> Int32 {
        while true {
            let left = deadline - .now
            guard left > .zero else { throw DatabaseFault(.deadline, "no answer from PostgreSQL in time") }
            var descriptor = pollfd(fd: PQsocket(handle), events: Int16(events), revents: 0)
            guard descriptor.fd >= 0 else { throw lost() }
            let ready = poll(&descriptor, 1, left.pollMilliseconds)
            if ready > 0 { return Int32(descriptor.revents) }
            if ready < 0, errno != EINTR { throw DatabaseFault(.connection, "poll failed (errno \(errno))") }
        }
    }

    private func finishConnecting(_ deadline: ContinuousClock.Instant) throws(DatabaseFault) {
        guard PQstatus(handle) != CONNECTION_BAD else { throw lost() }
        var state = PGRES_POLLING_WRITING
        while state != PGRES_POLLING_OK {
            switch state {
            case PGRES_POLLING_READING: _ = try wait(for: POLLIN, deadline)
            case PGRES_POLLING_WRITING: _ = try wait(for: POLLOUT, deadline)
            default: throw lost()
            }
            state = PQconnectPoll(handle)
        }
        guard PQsetnonblocking(handle, 1) == 0 else { throw lost() }
    }

    // MARK: Faults

    /// The connection's own last words; they name the address and never the password.
    private func lost() -> DatabaseFault {
        let text = PQerrorMessage(handle).map { String(cString: $0) } ?? ""
        return DatabaseFault(.connection, text.isEmpty ? "the connection to PostgreSQL broke" : Self.oneLine(text))
    }

    private func unexpected(_ result: OpaquePointer?) -> DatabaseFault {
        result.map { PQclear($0) }
        return PQstatus(handle) == CONNECTION_BAD
            ? lost() : DatabaseFault(.protocolViolation, "the end of a pipeline group is missing")
    }

    /// A field of an error, by its letter in the protocol (PostgreSQL 15 manual, 55.8).
    private static func field(_ letter: Unicode.Scalar, _ result: OpaquePointer) -> String? {
        PQresultErrorField(result, Int32(letter.value)).map { String(cString: $0) }
    }

    private static func endsSession(_ result: OpaquePointer) -> Bool {
        let severity = field("V", result)
        return severity == "FATAL" || severity == "PANIC"
    }

    private static func refusal(_ result: OpaquePointer) -> DatabaseFault {
        let state = field("C", result) ?? ""
        var text = "SQLSTATE \(state)"
        // Messages of class 22 may quote values of the row; all others name objects and states only.
        if !state.hasPrefix("22"), let message = field("M", result) { text = "\(message) (\(text))" }
        if let table = field("t", result) { text += ", table \(table)" }
        if let constraint = field("n", result) { text += ", constraint \(constraint)" }
        var fault = DatabaseFault(.statement, sqlState: state, oneLine(text))
        fault.position = field("P", result).flatMap { Int($0) }
        return fault
    }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == " " || $0 == "\t" } }.joined(separator: "; ")
    }

    /// Calls `body` with a nil-terminated array of C strings.
    private static func withCStrings<R>(
        _ strings: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> R
    ) -> R {
        let copies = strings.map { $0.map { strdup($0) } ?? nil }
        defer { for copy in copies { free(copy) } }
        return body(copies.map { $0.map { UnsafePointer($0) } } + [nil])
    }
}

extension Duration {
    /// Milliseconds for poll(), rounded up, at most a minute.
    fileprivate var pollMilliseconds: Int32 {
        let (seconds, attoseconds) = components
        guard seconds < 60 else { return 60_000 }
        return Int32(seconds * 1_000 + attoseconds / 1_000_000_000_000_000) + 1
    }
}
