/// The highest version of each key that this process was told of, for the last while, and from where on that is all.
///
/// For every key and every ticket v in (base, W] at which the key was written, `floor(key) >= v`. Records older than
/// `retention` are dropped from the oldest on, raising `base` first; past `recordsMax` they are dropped early. Keys are
/// 64-bit hashes: a collision only raises a floor, which costs a false miss. Not thread-safe: its shard's lock guards it.
struct FloorTable {
    private struct Record {
        var hash: UInt64
        var ticket: UInt64
        var at: Int64
    }

    /// Floors are complete for the tickets after this one.
    private(set) var base: UInt64 = 0
    /// Floors up to this ticket were dropped before `retention`: a missing floor proves nothing below it.
    private(set) var lost: UInt64 = 0
    /// The ticket the stream began at: changes up to it raised no floor.
    private(set) var began: UInt64 = 0
    /// Keys with a floor.
    private(set) var count = 0

    private let recordsMax: Int
    private let retention: Int64
    private var keys: [UInt64]
    /// Zero: the place is empty.
    private var tickets: [UInt64]
    private var ring: [Record] = []
    private var first = 0

    /// An empty table; `retention` in nanoseconds must cover the life of every entry that could be below a floor.
    init(recordsMax: Int, retention: Int64) {
        precondition(recordsMax > 0 && retention > 0, "a floor table holds something for some time")
        self.recordsMax = recordsMax
        self.retention = retention
        keys = Array(repeating: 0, count: 64)
        tickets = Array(repeating: 0, count: 64)
    }

    private var records: Int { ring.count - first }

    /// The floor of a key; zero where none is known.
    func floor(_ hash: UInt64) -> UInt64 {
        guard count > 0 else { return 0 }
        var place = home(hash)
        while tickets[place] != 0 {
            if keys[place] == hash { return tickets[place] }
            place = (place + 1) & (keys.count - 1)
        }
        return 0
    }

    /// Whether a version may be believed: at its floor or above, and not from where floors are missing.
    ///
    /// A floor below `lost` may have taken the place of a higher one that was dropped.
    func allows(version: UInt64, asOf: UInt64, _ hash: UInt64) -> Bool {
        let floor = floor(hash)
        return version >= floor && (floor > lost || asOf >= lost)
    }

    /// Raises a floor to `ticket`, at time `now` in nanoseconds; returns false where it already was there or higher.
    @discardableResult
    mutating func raise(_ hash: UInt64, to ticket: UInt64, at now: Int64) -> Bool {
        guard ticket > 0 else { return false }
        prune(now)
        var place = home(hash)
        while tickets[place] != 0, keys[place] != hash { place = (place + 1) & (keys.count - 1) }
        guard tickets[place] < ticket else { return false }
        if tickets[place] == 0 { count += 1 }
        keys[place] = hash
        tickets[place] = ticket
        if count * 2 > keys.count { grow() }
        if records == recordsMax {
            lost = max(lost, ring[first].ticket)
            dropOldest()
        }
        ring.append(Record(hash: hash, ticket: ticket, at: now))
        return true
    }

    /// Forgets what it knew up to `base`; floors are then complete for the tickets after `base`.
    ///
    /// With `refusingOlder`, certificates of before `base` are not believed at all: what was forgotten may have said no.
    /// With `keepingNewer` (the same epoch goes on), floors above `base` stay: a read has shown those versions, ahead of
    /// the page of the stream that was late.
    mutating func restart(base: UInt64, refusingOlder: Bool, keepingNewer: Bool) {
        let newer = keepingNewer ? ring[first...].filter { $0.ticket > base } : []
        self = FloorTable(recordsMax: recordsMax, retention: retention)
        self.base = base
        began = base
        lost = refusingOlder ? base : 0
        for record in newer { raise(record.hash, to: record.ticket, at: record.at) }
    }

    private mutating func prune(_ now: Int64) {
        while records > 0, now - ring[first].at > retention { dropOldest() }
    }

    private mutating func dropOldest() {
        let record = ring[first]
        first += 1
        base = max(base, record.ticket)
        if floor(record.hash) == record.ticket { erase(record.hash) }
        if first >= 1024, first * 2 >= ring.count {
            ring.removeFirst(first)
            first = 0
        }
    }

    private func home(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: LocalHash.mix(hash)) & (keys.count - 1) }

    private mutating func grow() {
        let (oldKeys, oldTickets) = (keys, tickets)
        keys = Array(repeating: 0, count: oldKeys.count * 2)
        tickets = Array(repeating: 0, count: oldKeys.count * 2)
        for (hash, ticket) in zip(oldKeys, oldTickets) where ticket != 0 {
            var place = home(hash)
            while tickets[place] != 0 { place = (place + 1) & (keys.count - 1) }
            keys[place] = hash
            tickets[place] = ticket
        }
    }

    /// Backward-shift deletion: no tombstones.
    private mutating func erase(_ hash: UInt64) {
        let mask = keys.count - 1
        var hole = home(hash)
        while keys[hole] != hash || tickets[hole] == 0 {
            guard tickets[hole] != 0 else { return }
            hole = (hole + 1) & mask
        }
        var next = (hole + 1) & mask
        while tickets[next] != 0 {
            if ((next &- home(keys[next])) & mask) >= ((next &- hole) & mask) {
                keys[hole] = keys[next]
                tickets[hole] = tickets[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        tickets[hole] = 0
        count -= 1
    }

    /// Traps unless the structure is consistent; for tests.
    func checkInvariants() {
        precondition(tickets.count { $0 != 0 } == count, "count of floors")
        for (hash, ticket) in zip(keys, tickets) where ticket != 0 {
            precondition(floor(hash) == ticket, "every floor is found")
        }
        precondition(records <= recordsMax && count <= max(records, 0), "each floor has a record")
    }
}

/// The integer hash of L1: the same in every process, so that jitter is too.
@usableFromInline
enum LocalHash {
    /// Spreads the bits of `x`.
    @inlinable @inline(__always)
    static func mix(_ x: UInt64) -> UInt64 {
        var x = x
        x ^= x >> 32
        x = x &* 0x9E37_79B9_7F4A_7C15
        x ^= x >> 29
        return x
    }

    /// A key as one number; keys with ids below 2^48 stay distinct.
    @inlinable @inline(__always)
    static func number(_ key: CacheKey) -> UInt64 { key.id ^ UInt64(key.space.rawValue) << 48 }

    /// `duration` shortened by up to a tenth, by the key: jitter only ever subtracts.
    @inline(__always)
    static func jittered(_ duration: Int64, _ mixed: UInt64) -> Int64 {
        duration - Int64(truncatingIfNeeded: (UInt64(duration / 10).multipliedFullWidth(by: mixed)).high)
    }
}
