public import CacheStack
public import Market

/// A row of space `notices`: something the owner of an account should know of an order of his.
public struct NoticeRow: Hashable, Sendable, Row {
    /// The execution report it tells of; its id.
    public var execution: ExecutionID
    public var account: AccountID
    public var order: OrderID
    public var type: ExecutionType
    public var rule: UInt8
    public var instrument: InstrumentID
    public var clientOrderID: ClientOrderID?
    public var cumulative: Quantity
    /// Event time, microseconds since 1970 UTC.
    public var time: Int64

    /// The notice of a piece of news.
    public init(_ item: NewsItem) {
        execution = item.execution
        account = item.account
        order = item.order
        type = item.type
        rule = item.rule
        instrument = item.instrument
        clientOrderID = item.clientOrderID
        cumulative = item.cumulative
        time = item.time
    }

    /// How the rows look, table `notice`.
    public static let schema = SpaceSchema(
        space: SpaceID(rawValue: 9), table: "notice", key: .id("execution"),
        fields: [
            .init("account", .int32), .init("order_id", .int64), .init("type", .int16), .init("rule", .int16),
            .init("instrument", .int32), .init("cl_ord_id", .text(max: 20)), .init("cumulative", .int64),
            .init("time", .int64),
        ], isShared: false)

    /// Key of a notice.
    public static func key(_ execution: ExecutionID) -> CacheKey { CacheKey(schema.space, execution) }

    /// The row in a payload of space `notices`.
    public init(id: UInt64, payload: ArraySlice<UInt8>) {
        var row = RowReader(payload)
        execution = id
        account = AccountID(row.next())
        order = row.next()
        type = ExecutionType(rawValue: UInt8(truncatingIfNeeded: row.next(Int16.self))) ?? .rejected
        rule = UInt8(truncatingIfNeeded: row.next(Int16.self))
        instrument = InstrumentID(row.next())
        clientOrderID = row.nextClientOrderID()
        cumulative = Quantity(row.next())
        time = row.next()
    }

    /// Appends the payload.
    public func encode(into bytes: inout [UInt8]) {
        write(&bytes) { row in
            row.put(account.rawValue)
            row.put(order)
            row.put(Int16(type.rawValue))
            row.put(Int16(rule))
            row.put(instrument.rawValue)
            row.put(clientOrderID)
            row.put(cumulative.shares)
            row.put(time)
        }
    }
}

/// The service `notifications`: makes a durable row of each piece of news, exactly once.
///
/// A batch is one transaction under the key `producer/number`: one that comes again is `duplicate`, and leaves no
/// trace. Rows are keyed by the report they tell of, so that news that a restarted node sends again, under another number, is
/// the same row.
public final class NoticeWriter: BatchService {
    public let name = "notifications"
    private let cache: CacheStack

    /// A writer over a cache stack that knows `NoticeRow.schema`.
    public init(cache: CacheStack) { self.cache = cache }

    /// Commits the batches side by side; the stack makes groups of them.
    public func work(_ items: [StreamItem]) async -> [BatchResult] {
        await withTaskGroup(of: (Int, BatchResult).self) { group in
            for (index, item) in items.enumerated() {
                group.addTask { (index, await self.work(item)) }
            }
            var results = [BatchResult](repeating: .failed("not tried"), count: items.count)
            for await (index, result) in group { results[index] = result }
            return results
        }
    }

    private func work(_ item: StreamItem) async -> BatchResult {
        let (header, news): (BatchHeader, [NewsItem])
        do throws(BatchFormatError) {
            (header, news) = try BatchFormat.news(item.bytes)
        } catch {
            return .malformed("\(error)")
        }
        var writes = WriteSet()
        var seen: Set<ExecutionID> = []
        for notice in news.map(NoticeRow.init) where seen.insert(notice.execution).inserted {
            writes.append(NoticeRow.key(notice.execution)) { notice.encode(into: &$0) }
        }
        // Without the batch's own checksum: a CRC over bytes and their CRC is the same number for all batches.
        let body = CRC32C.checksum(Array(item.bytes.dropLast(4)).span)
        let key = Transaction.IdempotencyKey("notices/\(header.producer)/\(header.number)", bodyHash: UInt64(body))
        switch await cache.commit(Transaction(writes: writes, idempotency: key)) {
        case .committed, .duplicate: return .ended(header, requests: news.count, answer: nil)
        case .keyReused: return .malformed("another batch has its number")
        case .rejected(let text): return .malformed(text)
        case .conflict: return .failed("conflict")
        case .failed(let error): return .failed("\(error)")
        case .inDoubt: return .failed("in doubt")
        }
    }
}
