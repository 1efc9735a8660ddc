/// Reads of typed spaces. All throw `CacheError` where the level's promise cannot be kept, and `RowError` where a key
/// has no form, a row is not of the declared layout, or there are more than `snapshotKeysMax` keys.
///
/// Bytes of another layout that came from L1 or L2 are not believed: all rows of the call are then read from L3 once
/// more, whose columns are typed. Only what L3 itself holds in another layout or version is an error.
extension CacheStack {
    /// The value of a row, nil where it does not exist.
    public func get<Key, Value>(
        _ space: CacheSpace<Key, Value>, _ key: Key, _ level: ReadLevel = .bounded()
    ) async throws -> Value? {
        try await read(space, [key], level)[0].value
    }

    /// The values of rows in the order of the keys, nil where one does not exist; one round trip a level for all.
    public func get<Key, Value>(
        _ space: CacheSpace<Key, Value>, _ keys: [Key], _ level: ReadLevel = .bounded()
    ) async throws -> [Value?] {
        try await read(space, keys, level).map(\.value)
    }

    /// A row with what is proven about it: version, ticket, age bound, level.
    ///
    /// - Parameter allowStale: where the promise cannot be proven because L3 fails, return what is held, `isStale` and
    ///   with its age bound. Strict and snapshot reads never do.
    public func read<Key, Value>(
        _ space: CacheSpace<Key, Value>, _ key: Key, _ level: ReadLevel = .bounded(), allowStale: Bool = false
    ) async throws -> Cached<Value> {
        try await read(space, [key], level, allowStale: allowStale)[0]
    }

    /// Rows with what is proven about them, in the order of the keys.
    public func read<Key, Value>(
        _ space: CacheSpace<Key, Value>, _ keys: [Key], _ level: ReadLevel = .bounded(), allowStale: Bool = false
    ) async throws -> [Cached<Value>] {
        let rows = try space.keys(keys, max: configuration.snapshotKeysMax)
        let values = try await read(rows, level, allowStale: allowStale)
        switch space.judged(values, keys) {
        case .success(let typed): return typed
        case .failure(let error):
            guard error.isOfOtherRelease, values.contains(where: { $0.level != .l3 }) else { throw error }
        }
        let fresh = try await read(rows, .strict)
        try level.admit(fresh)
        return try space.judged(fresh, keys).get()
    }

    /// A row for a session, whose token is raised to what it has seen.
    public func read<Key, Value>(
        _ space: CacheSpace<Key, Value>, _ key: Key, session token: inout SessionToken,
        maxAge: Duration = .seconds(10)
    ) async throws -> Cached<Value> {
        let cached = try await read(space, key, .session(token, maxAge: maxAge))
        token.observe(cached)
        return cached
    }

    /// The row if L1 can prove it at most `maxAge` old; never suspends, asks no other level.
    ///
    /// Bytes of another layout are as good as none. Throws `RowError` for a text that is no key, and `keyCollision`.
    public func peek<Key, Value>(
        _ space: CacheSpace<Key, Value>, _ key: Key, maxAge: Duration = .seconds(10)
    ) throws(RowError) -> Cached<Value>? {
        guard let row = peek(try space.key(key), maxAge: maxAge) else { return nil }
        do {
            return try space.typed(row, key)
        } catch {
            guard error.isOfOtherRelease else { throw error }
            return nil
        }
    }
}

extension CacheSpace {
    /// The keys of a bulk read.
    func keys(_ keys: [Key], max: Int) throws(RowError) -> [CacheKey] {
        guard keys.count <= max else {
            throw RowError(.tooManyKeys, "one read has at most \(max) keys, not \(keys.count); read in parts")
        }
        return try keys.map { key throws(RowError) in try self.key(key) }
    }

    /// A row as its value.
    func typed(_ row: CachedValue, _ key: Key) throws(RowError) -> Cached<Value> {
        guard let payload = row.payload else { return Cached(nil, row) }
        return Cached(try decode(payload, for: key), row)
    }

    /// Rows as their values, or why one is none.
    func judged(_ rows: [CachedValue], _ keys: [Key]) -> Result<[Cached<Value>], RowError> {
        var values: [Cached<Value>] = []
        values.reserveCapacity(rows.count)
        do throws(RowError) {
            for (row, key) in zip(rows, keys) { values.append(try typed(row, key)) }
        } catch {
            return .failure(error)
        }
        return .success(values)
    }
}

extension RowError {
    /// Whether a program with another declaration may have written the bytes, so that L3 should be asked.
    var isOfOtherRelease: Bool { code != .keyCollision }
}

extension ReadLevel {
    /// Refuses strict rows that are behind the level's token.
    func admit(_ rows: [CachedValue]) throws(CacheError) {
        let token: SessionToken
        switch self {
        case .session(let given, _), .snapshot(_, let given): token = given
        case .bounded, .strict: return
        }
        guard token.isEmpty || rows.allSatisfy({ $0.epoch == token.epoch && $0.asOf >= token.ticket }) else {
            throw CacheError(.behindToken, "the database is behind the session's token, or its history changed")
        }
    }
}
