internal import CacheStack
public import Market

/// Why the bytes of a stream entry are no batch; the text is safe to log.
public struct BatchFormatError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// What every batch says before its records.
public struct BatchHeader: Sendable, Hashable {
    /// What the records are.
    public enum Kind: UInt8, Sendable {
        case orders = 1
        case verdicts = 2
        case news = 3
    }

    public var kind: Kind
    /// Random number of the process that made it.
    public var producer: UInt64
    /// Number of the batch, unique for its producer; a batch sent again keeps it.
    public var number: UInt64
    /// When it was made, microseconds since 1970 UTC.
    public var created: Int64
    /// After that nobody waits for the answer, microseconds since 1970 UTC; 0 for never.
    public var deadline: Int64

    /// A header of those facts.
    public init(kind: Kind, producer: UInt64, number: UInt64, created: Int64, deadline: Int64 = 0) {
        self.kind = kind
        self.producer = producer
        self.number = number
        self.created = created
        self.deadline = deadline
    }
}

/// What a replica of `risk` found about one request.
public struct ScreenVerdict: Sendable, Hashable {
    /// The lowest rule that refuses, 0 for none.
    public var rule: UInt8
    /// FIX tag 103 or 102 of the refusal.
    public var reason: UInt8
    /// How many rules only warned.
    public var warnings: UInt8

    /// A verdict.
    public init(rule: UInt8, reason: UInt8, warnings: UInt8) {
        self.rule = rule
        self.reason = reason
        self.warnings = warnings
    }
}

/// A durable report that the owner of its account is told about.
public struct NewsItem: Sendable, Hashable {
    public var type: ExecutionType
    public var rule: UInt8
    public var account: AccountID
    public var instrument: InstrumentID
    public var order: OrderID
    /// Names the news: a report's number within its partition.
    public var execution: ExecutionID
    public var clientOrderID: ClientOrderID?
    public var cumulative: Quantity
    /// Event time, microseconds since 1970 UTC.
    public var time: Int64

    /// The news in a report of a rejection or an expiry of an order that has a number; nil for other reports.
    public init?(_ report: ExecutionReport) {
        guard report.type == .rejected || report.type == .expired, report.order > 0, report.execution > 0 else {
            return nil
        }
        type = report.type
        rule = report.rule
        account = report.account
        instrument = report.instrument
        order = report.order
        execution = report.execution
        clientOrderID = report.clientOrderID
        cumulative = report.cumulative
        time = report.time
    }
}

/// Batches as bytes: a header, records of one size, a checksum (Schemas/streams.md, version 1).
public enum BatchFormat {
    /// Version that is written; others are refused.
    public static let version: UInt8 = 1
    /// Records of a batch at most.
    public static let recordsMax = 1_024
    static let magic: UInt32 = 0x3142_5453
    static let headerSize = 48
    static let orderSize = 106
    static let verdictSize = 4
    static let newsSize = 68

    /// A batch of requests.
    public static func encode(_ header: BatchHeader, orders: [OrderRequest]) -> [UInt8] {
        encode(header, .orders, orders, orderSize) { order, row in
            row.put(order.kind.rawValue)
            row.put(order.side.rawValue)
            row.put(order.type.rawValue)
            row.put(order.timeInForce.rawValue)
            row.put(order.session)
            row.put(order.account.rawValue)
            row.put(order.instrument.rawValue)
            row.put(order.clientOrderID)
            row.put(order.originalClientOrderID)
            for number in [
                order.price.milli, order.quantity.shares, order.transactTime, order.receiveTime, order.sendingTime,
            ] { row.put(number) }
            row.put(order.origin)
        }
    }

    /// The verdicts of a batch, in the order of its requests; the header is that of the batch.
    public static func encode(_ header: BatchHeader, verdicts: [ScreenVerdict]) -> [UInt8] {
        encode(header, .verdicts, verdicts, verdictSize) { verdict, row in
            row.put(verdict.rule)
            row.put(verdict.reason)
            row.put(verdict.warnings)
            row.put(UInt8(0))
        }
    }

    /// A batch of news.
    public static func encode(_ header: BatchHeader, news: [NewsItem]) -> [UInt8] {
        encode(header, .news, news, newsSize) { item, row in
            row.put(item.type.rawValue)
            row.put(item.rule)
            row.put(Int16(0))
            row.put(item.account.rawValue)
            row.put(item.instrument.rawValue)
            row.put(item.order)
            row.put(item.execution)
            row.put(item.clientOrderID)
            for _ in 0..<3 { row.put(UInt8(0)) }
            row.put(item.cumulative.shares)
            row.put(item.time)
        }
    }

    /// The header of a batch whose checksum, version and sizes hold.
    public static func header(_ bytes: [UInt8]) throws(BatchFormatError) -> BatchHeader {
        guard bytes.count >= headerSize + 4 else { throw BatchFormatError("\(bytes.count) bytes are no batch") }
        var row = RowReader(bytes[...])
        guard row.next(UInt32.self) == magic else { throw BatchFormatError("not a batch: wrong first bytes") }
        let version = row.next(UInt8.self)
        guard version == self.version else { throw BatchFormatError("version \(version) is not \(self.version)") }
        guard let kind = BatchHeader.Kind(rawValue: row.next()) else { throw BatchFormatError("unknown kind") }
        _ = row.next(UInt16.self)
        let header = BatchHeader(
            kind: kind, producer: row.next(), number: row.next(), created: row.next(), deadline: row.next())
        let count = Int(row.next(UInt32.self))
        let size = Int(row.next(UInt32.self))
        guard count <= recordsMax, size == recordSize(kind) else {
            throw BatchFormatError("\(count) records of \(size) bytes")
        }
        let end = headerSize + count * size
        guard bytes.count == end + 4 else { throw BatchFormatError("\(bytes.count) bytes, expected \(end + 4)") }
        var tail = RowReader(bytes[end...])
        guard tail.next(UInt32.self) == CRC32C.checksum(Array(bytes[..<end]).span) else {
            throw BatchFormatError("wrong checksum")
        }
        return header
    }

    /// The requests of a batch of orders.
    public static func orders(
        _ bytes: [UInt8]
    ) throws(BatchFormatError) -> (header: BatchHeader, orders: [OrderRequest]) {
        let header = try header(bytes)
        guard header.kind == .orders else { throw BatchFormatError("not a batch of orders") }
        var orders: [OrderRequest] = []
        for record in records(bytes, orderSize) { orders.append(try order(record)) }
        return (header, orders)
    }

    /// The verdicts of a batch.
    public static func verdicts(
        _ bytes: [UInt8]
    ) throws(BatchFormatError) -> (header: BatchHeader, verdicts: [ScreenVerdict]) {
        let header = try header(bytes)
        guard header.kind == .verdicts else { throw BatchFormatError("not a batch of verdicts") }
        let verdicts = records(bytes, verdictSize).map { record in
            var row = RowReader(record)
            return ScreenVerdict(rule: row.next(), reason: row.next(), warnings: row.next())
        }
        return (header, verdicts)
    }

    /// The news of a batch.
    public static func news(_ bytes: [UInt8]) throws(BatchFormatError) -> (header: BatchHeader, news: [NewsItem]) {
        let header = try header(bytes)
        guard header.kind == .news else { throw BatchFormatError("not a batch of news") }
        var news: [NewsItem] = []
        for record in records(bytes, newsSize) { news.append(try item(record)) }
        return (header, news)
    }

    // MARK: Records

    static func recordSize(_ kind: BatchHeader.Kind) -> Int {
        switch kind {
        case .orders: orderSize
        case .verdicts: verdictSize
        case .news: newsSize
        }
    }

    private static func encode<T>(
        _ header: BatchHeader, _ kind: BatchHeader.Kind, _ records: [T], _ size: Int,
        _ body: (T, inout RowWriter) -> Void
    ) -> [UInt8] {
        precondition(records.count <= recordsMax, "a batch has at most \(recordsMax) records")
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headerSize + records.count * size + 4)
        var row = RowWriter(bytes)
        row.put(magic)
        row.put(version)
        row.put(kind.rawValue)
        row.put(UInt16(0))
        row.put(header.producer)
        row.put(header.number)
        row.put(header.created)
        row.put(header.deadline)
        row.put(UInt32(records.count))
        row.put(UInt32(size))
        for record in records { body(record, &row) }
        bytes = row.finish()
        let checksum = CRC32C.checksum(bytes.span)
        row = RowWriter(bytes)
        row.put(checksum)
        return row.finish()
    }

    private static func records(_ bytes: [UInt8], _ size: Int) -> [ArraySlice<UInt8>] {
        stride(from: headerSize, to: bytes.count - 4, by: size).map { bytes[$0..<($0 + size)] }
    }

    private static func order(_ record: ArraySlice<UInt8>) throws(BatchFormatError) -> OrderRequest {
        var row = RowReader(record)
        guard let kind = RequestKind(rawValue: row.next()), let side = Side(rawValue: row.next()),
            let type = OrderType(rawValue: row.next()), let timeInForce = TimeInForce(rawValue: row.next())
        else { throw BatchFormatError("an order has an unknown kind, side, type or time in force") }
        let (session, account, instrument) = (row.next(UInt32.self), row.next(UInt32.self), row.next(UInt32.self))
        let (id, original) = (row.nextClientOrderID(), row.nextClientOrderID())
        guard let id else { throw BatchFormatError("an order has no id") }
        var request = OrderRequest(
            kind: kind, session: session, account: AccountID(account), instrument: InstrumentID(instrument),
            clientOrderID: id, originalClientOrderID: original, side: side, type: type, timeInForce: timeInForce,
            price: Price(milli: row.next()), quantity: Quantity(row.next()), transactTime: row.next(),
            receiveTime: row.next(), sendingTime: row.next())
        request.origin = row.next()
        return request
    }

    private static func item(_ record: ArraySlice<UInt8>) throws(BatchFormatError) -> NewsItem {
        var row = RowReader(record)
        guard let type = ExecutionType(rawValue: row.next()) else { throw BatchFormatError("unknown type of report") }
        let rule: UInt8 = row.next()
        _ = row.next(Int16.self)
        var report = NewsItem(type, rule, AccountID(row.next()), InstrumentID(row.next()), row.next(), row.next())
        report.clientOrderID = row.nextClientOrderID()
        for _ in 0..<3 { _ = row.next(UInt8.self) }
        report.cumulative = Quantity(row.next())
        report.time = row.next()
        return report
    }
}

extension NewsItem {
    fileprivate init(
        _ type: ExecutionType, _ rule: UInt8, _ account: AccountID, _ instrument: InstrumentID, _ order: OrderID,
        _ execution: ExecutionID
    ) {
        self.type = type
        self.rule = rule
        self.account = account
        self.instrument = instrument
        self.order = order
        self.execution = execution
        clientOrderID = nil
        cumulative = .zero
        time = 0
    }
}
