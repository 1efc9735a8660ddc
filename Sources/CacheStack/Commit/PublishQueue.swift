/// The versions still to be announced to L2: one for each key, the newest; bounded; oldest first. Pure.
struct PublishQueue {
    struct Item: Sendable {
        var entry: CertifiedEntry
        /// A time at or before which the certificate was current.
        var born: MonotonicTime
        var attempts = 0
    }

    let countMax: Int
    private var items: [CacheKey: Item] = [:]
    private var order: [CacheKey] = []
    private var first = 0

    init(countMax: Int) {
        precondition(countMax > 0, "a queue holds something")
        self.countMax = countMax
    }

    var count: Int { items.count }

    /// Places taken in memory, in use or not; for checks of the limit.
    var places: Int { order.count }

    /// Adds a version, or replaces an older one of its key; false where the queue is full, or a newer one waits.
    mutating func append(_ item: Item) -> Bool {
        let key = item.entry.key
        if let waiting = items[key] {
            let (old, new) = (waiting.entry.certificate, item.entry.certificate)
            guard (old.version, old.asOf, old.asOfTime) < (new.version, new.asOf, new.asOfTime) else { return false }
            items[key] = item
            return true
        }
        guard items.count < countMax else { return false }
        items[key] = item
        order.append(key)
        return true
    }

    /// Removes and returns the oldest, at most `limit`.
    mutating func take(_ limit: Int) -> [Item] {
        var taken: [Item] = []
        while taken.count < limit, first < order.count {
            if let item = items.removeValue(forKey: order[first]) { taken.append(item) }
            first += 1
        }
        if first >= 1024, first * 2 >= order.count || first == order.count {
            order.removeFirst(first)
            first = 0
        }
        return taken
    }
}
