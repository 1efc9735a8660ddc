/// Older versions of rows whose newest version is in a slot: at most three a key, kept only for open snapshots.
///
/// Every version's interval [version, asOf] is final. Not thread-safe: the shard's lock guards it.
struct VersionChains {
    struct Version {
        var version: UInt64
        var asOf: UInt64
        var born: Int64
        /// Nil: the row was absent.
        var payload: [UInt8]?
    }

    /// Older versions of one key.
    static let lengthMax = 3

    /// Newest first.
    private var chains: [CacheKey: [Version]] = [:]
    /// All versions held.
    private(set) var count = 0

    var isEmpty: Bool { chains.isEmpty }

    private static func size(_ version: Version) -> Int { SlotMemory.stride + (version.payload?.count ?? 0) }

    private static func size(_ versions: some Collection<Version>) -> Int { versions.reduce(0) { $0 + size($1) } }

    /// The older versions of a key, newest first.
    func versions(_ key: CacheKey) -> [Version] { isEmpty ? [] : chains[key] ?? [] }

    /// Adds the version that was just superseded, the fourth oldest goes; returns the bytes it grew by.
    mutating func push(_ key: CacheKey, _ version: Version) -> Int {
        let before = Self.size(versions(key))
        chains[key, default: []].insert(version, at: 0)
        count += 1
        if chains[key, default: []].count > Self.lengthMax {
            chains[key, default: []].removeLast()
            count -= 1
        }
        return Self.size(versions(key)) - before
    }

    /// Forgets a key; returns the bytes freed.
    mutating func remove(_ key: CacheKey) -> Int {
        guard !isEmpty, let versions = chains.removeValue(forKey: key) else { return 0 }
        count -= versions.count
        return Self.size(versions)
    }

    /// Forgets versions no snapshot from `oldest` on can use; returns the bytes freed.
    mutating func prune(before oldest: UInt64) -> Int {
        var freed = 0
        for (key, versions) in chains {
            let kept = versions.filter { $0.asOf >= oldest }
            guard kept.count < versions.count else { continue }
            freed += Self.size(versions) - Self.size(kept)
            count -= versions.count - kept.count
            chains[key] = kept.isEmpty ? nil : kept
        }
        return freed
    }

    /// Forgets all; returns the bytes freed.
    mutating func removeAll() -> Int {
        let freed = bytes
        self = VersionChains()
        return freed
    }

    /// Bytes of all versions, counted anew.
    var bytes: Int { chains.values.reduce(0) { $0 + Self.size($1) } }

    /// What is wrong; `newest` gives the version in a key's slot, nil where it has none.
    func violations(newest: (CacheKey) -> UInt64?) -> [String] {
        var found: [String] = []
        if chains.values.reduce(0, { $0 + $1.count }) != count { found.append("count of older versions") }
        for (key, versions) in chains {
            guard var above = newest(key) else {
                found.append("older versions of a row that is not held")
                continue
            }
            if versions.isEmpty || versions.count > Self.lengthMax { found.append("length of a chain") }
            for version in versions {
                if version.asOf >= above || version.version > version.asOf { found.append("intervals of a chain") }
                above = version.version
            }
        }
        return found
    }
}
