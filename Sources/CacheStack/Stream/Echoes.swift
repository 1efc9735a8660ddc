/// The writes of this process to L2 whose messages are still to come. Pure.
///
/// L2 announces every write to everyone, the writer included: each lease, fill and publication of this process comes
/// back as a message about a row it knows best. One message is expected for each such write and is not acted upon;
/// otherwise every load would put its own result in doubt.
///
/// Why that is safe: L2 merges several writes of one key into one message, so a message taken for an echo may have been
/// another process's too, and an expectation that is not met (the write was refused) may swallow a later one. Either
/// only means that one message was lost. The stream closes the row all the same, within one poll; expectations are
/// forgotten after two windows.
struct Echoes {
    private let window: Int64
    private let countMax: Int
    private var young: [CacheKey: Int] = [:]
    private var old: [CacheKey: Int] = [:]
    private var turnedAt = Int64.min / 2

    /// `window` in nanoseconds: the longest a message takes.
    init(window: Int64, countMax: Int) {
        precondition(window > 0 && countMax > 0, "echoes are expected for some time")
        self.window = window
        self.countMax = countMax
    }

    /// Keys with an expectation.
    var count: Int { young.count + old.count }

    /// A write is about to be sent; past `countMax` keys it is not noted, and its message counts as another's.
    mutating func expect(_ key: CacheKey, at now: MonotonicTime) {
        turn(now.nanoseconds)
        guard young.count < countMax || young[key] != nil else { return }
        young[key, default: 0] += 1
    }

    /// The write turned out to have changed nothing.
    mutating func withdraw(_ key: CacheKey, at now: MonotonicTime) { _ = take(key, at: now) }

    /// Whether a message about `key` was expected; one expectation is used up.
    mutating func take(_ key: CacheKey, at now: MonotonicTime) -> Bool {
        turn(now.nanoseconds)
        return Self.decrement(&old, key) || Self.decrement(&young, key)
    }

    private static func decrement(_ counts: inout [CacheKey: Int], _ key: CacheKey) -> Bool {
        guard let count = counts[key] else { return false }
        counts[key] = count > 1 ? count - 1 : nil
        return true
    }

    private mutating func turn(_ now: Int64) {
        guard now - turnedAt >= window else { return }
        old = now - turnedAt < 2 * window ? young : [:]
        young = [:]
        turnedAt = now
    }
}
