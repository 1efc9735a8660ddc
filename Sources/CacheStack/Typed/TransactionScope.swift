internal import Synchronization

/// What the closure of a transaction reads and writes through.
///
/// Reads are remembered: the same row gives the same value again, and its version is checked at the commit. Writes are
/// gathered, seen by later reads of the closure, and take effect all together or not at all. A scope is used by one
/// closure and only while it runs; reads may run at the same time.
public final class TransactionScope: Sendable {
    private struct Write {
        var payload: [UInt8]?
        /// Refuses the payload of a row that another text key owns.
        var verify: (@Sendable ([UInt8]) throws(RowError) -> Void)?
    }

    private struct State {
        var reads: [CacheKey: CachedValue] = [:]
        var readOrder: [CacheKey] = []
        var writes: [CacheKey: Write] = [:]
        var writeOrder: [CacheKey] = []
        var isClosed = false
    }

    private let stack: CacheStack
    private let level: ReadLevel
    private let rowsMax: Int
    private let state = Mutex(State())

    init(_ stack: CacheStack, _ level: ReadLevel, rowsMax: Int) {
        self.stack = stack
        self.level = level
        self.rowsMax = rowsMax
    }

    // MARK: Reading

    /// The value of a row, nil where it does not exist; what this transaction wrote, if it did.
    ///
    /// - Throws: `CacheError`, `RowError`, and `TransactionError` (`tooManyRows`, `closed`).
    public func get<Key, Value>(_ space: CacheSpace<Key, Value>, _ key: Key) async throws -> Value? {
        try await get(space, [key])[0]
    }

    /// The values of rows in the order of the keys; those not held are read together.
    public func get<Key, Value>(_ space: CacheSpace<Key, Value>, _ keys: [Key]) async throws -> [Value?] {
        let rows = try space.keys(keys, max: stack.configuration.snapshotKeysMax)
        let payloads = try await payloads(rows)
        do {
            return try zip(payloads, keys).map { try space.value($0, $1) }
        } catch let error as RowError where error.isOfOtherRelease {
            let strange = zip(rows, zip(payloads, keys)).filter { !space.isReadable($1.0, $1.1) }.map(\.0)
            try await reload(strange)
            return try zip(try await self.payloads(rows), keys).map { try space.value($0, $1) }
        }
    }

    /// The rows' bytes, own writes first.
    private func payloads(_ keys: [CacheKey]) async throws -> [[UInt8]?] {
        try await load(keys, level)
        return state.withLock { state in
            keys.map { key in
                if let write = state.writes[key] { return write.payload }
                return state.reads[key]?.payload
            }
        }
    }

    /// Takes rows as L3 has them, where L1 or L2 has them in another layout, so that the closure has not seen them.
    private func reload(_ keys: [CacheKey]) async throws {
        let rows = try await stack.read(keys, .strict)
        state.withLock { state in
            for row in rows { state.reads[row.key] = row }
        }
    }

    /// Reads rows that were neither read nor written yet.
    private func load(_ keys: [CacheKey], _ level: ReadLevel, evenWritten: Bool = false) async throws {
        let missing = try state.withLock { state throws(TransactionError) -> [CacheKey] in
            guard !state.isClosed else { throw Self.closed }
            let missing = CacheStack.unique(keys).filter { key in
                state.reads[key] == nil && (evenWritten || state.writes[key] == nil)
            }
            guard state.reads.count + state.writes.count + missing.count <= rowsMax else { throw tooMany }
            return missing
        }
        guard !missing.isEmpty else { return }
        let rows = try await stack.read(missing, level)
        state.withLock { state in
            for row in rows where state.reads[row.key] == nil {
                state.reads[row.key] = row
                state.readOrder.append(row.key)
            }
        }
    }

    // MARK: Writing

    /// Writes a row, whether it exists or not.
    ///
    /// Without a read of the same row nothing is expected of it: the write replaces whatever is there.
    /// - Throws: `RowError` where the value has no form, `TransactionError` (`tooManyRows`, `closed`).
    public func write<Key, Value>(_ space: CacheSpace<Key, Value>, _ key: Key, _ value: Value) throws {
        try put(space, key, try space.encode(value, for: key))
    }

    /// Deletes a row, whether it exists or not; a deletion is a version too.
    public func delete<Key, Value>(_ space: CacheSpace<Key, Value>, _ key: Key) throws {
        try put(space, key, nil)
    }

    /// Writes a row that must not exist, now and at the commit.
    ///
    /// - Throws: as `write`, and `TransactionError` (`exists`).
    public func insert<Key, Value>(_ space: CacheSpace<Key, Value>, _ key: Key, _ value: Value) async throws {
        let row = try space.key(key)
        guard try await payloads([row])[0] == nil else {
            throw TransactionError(.exists, "the row to be inserted exists", key: row)
        }
        try await load([row], level, evenWritten: true)
        try write(space, key, value)
    }

    private func put<Key, Value>(_ space: CacheSpace<Key, Value>, _ key: Key, _ payload: [UInt8]?) throws {
        let row = try space.key(key)
        let write = Write(payload: payload, verify: space.verifier(of: key))
        try state.withLock { state throws(TransactionError) in
            guard !state.isClosed else { throw Self.closed }
            if state.writes.updateValue(write, forKey: row) == nil { state.writeOrder.append(row) }
            guard state.reads.count + state.writes.count <= rowsMax else { throw tooMany }
        }
    }

    private static let closed = TransactionError(.closed, "the transaction's closure has ended")
    private var tooMany: TransactionError {
        TransactionError(.tooManyRows, "one transaction has at most \(rowsMax) rows; split it")
    }

    // MARK: The end

    /// Reads the rows under text keys that were written blindly, and refuses those of other texts.
    func verifyTexts() async throws {
        let written = state.withLock { state in
            state.writeOrder.compactMap { key in state.writes[key]?.verify.map { (key: key, verify: $0) } }
        }
        guard !written.isEmpty else { return }
        try await load(written.map(\.key), level, evenWritten: true)
        let strange = try written.filter { row in
            do throws(RowError) {
                if let payload = held(row.key) { try row.verify(payload) }
                return false
            } catch {
                guard error.isOfOtherRelease else { throw error }
                return true
            }
        }
        guard !strange.isEmpty else { return }
        try await reload(strange.map(\.key))
        for row in strange { if let payload = held(row.key) { try row.verify(payload) } }
    }

    private func held(_ key: CacheKey) -> [UInt8]? { state.withLock { $0.reads[key]?.payload } }

    /// Refuses reads and writes from now on.
    func close() { state.withLock { $0.isClosed = true } }

    /// The rows read, in order.
    var reads: [CachedValue] { state.withLock { state in state.readOrder.compactMap { state.reads[$0] } } }

    /// Any row it touched.
    var anyKey: CacheKey? { state.withLock { $0.readOrder.first ?? $0.writeOrder.first } }

    /// The transaction to commit.
    func transaction(
        _ isolation: TransactionPolicy.Isolation, _ idempotency: Transaction.IdempotencyKey?
    ) -> Transaction {
        state.withLock { state in
            var writes = WriteSet()
            for key in state.writeOrder {
                guard let write = state.writes[key] else { continue }
                writes.append(key, write.payload == nil ? .delete : .upsert, payload: write.payload ?? [])
            }
            let expected = state.readOrder.filter { isolation == .serializable || state.writes[$0] != nil }
            let expectations = expected.compactMap { key in
                state.reads[key].map { Transaction.Expectation(key, at: $0.version, epoch: $0.epoch) }
            }
            return Transaction(expectations: expectations, writes: writes, idempotency: idempotency)
        }
    }
}

extension CacheSpace {
    /// For text keys, what refuses the row of another text.
    func verifier(of key: Key) -> (@Sendable ([UInt8]) throws(RowError) -> Void)? {
        guard isTextKeyed else { return nil }
        return { (bytes: [UInt8]) throws(RowError) in try checkOwner(bytes, key) }
    }

    /// The value in the bytes of a row, nil for an absent one.
    func value(_ payload: [UInt8]?, _ key: Key) throws(RowError) -> Value? {
        guard let payload else { return nil }
        return try decode(payload, for: key)
    }

    /// Whether the bytes are a row of this layout.
    func isReadable(_ payload: [UInt8]?, _ key: Key) -> Bool {
        do throws(RowError) {
            _ = try value(payload, key)
            return true
        } catch {
            return false
        }
    }
}
