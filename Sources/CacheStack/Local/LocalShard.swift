/// One shard of L1: an exact LRU of slots in flat memory, the floors of its keys, and the stream's horizon.
///
/// Slots are 128 bytes: 64 of certificate, 64 of payload; longer payloads live in a block of their own. The links of
/// the recency list are kept apart, eight bytes a slot, so that moving a row touches no other row's cache lines. An
/// open-addressing table finds a key: linear probing, at most half full, backward-shift deletion; each place carries
/// 32 bits of the hash beside the slot's number, so that a probe reads no other row and a shift reads none.
/// Invariant: an open node's version is at or above its key's floor. Not thread-safe: the lock around it guards all.
///
/// Sendable unchecked: it owns all its memory and cannot be copied, so whoever holds it holds it alone.
@safe
struct LocalShard: ~Copyable, @unchecked Sendable {
    struct Limits {
        var entries: Int
        var bytes: Int
        var floors: Int
        /// Nanoseconds an entry may be served after it was installed, and after it was born.
        var lifetime: Int64
        var sharedLifetime: Int64
    }

    /// How far the stream was applied: all tickets up to `watermark`, read at `born`.
    struct Horizon {
        var watermark: UInt64 = 0
        var born: Int64 = .min / 2
        var epoch: UInt32 = 0
    }

    struct Counts {
        var hits: UInt64 = 0
        var negatives: UInt64 = 0
        var misses: UInt64 = 0
        var stales: UInt64 = 0
        var evictedLRU: UInt64 = 0
        var evictedSize: UInt64 = 0
        var evictedTTL: UInt64 = 0
        var evictedVersion: UInt64 = 0
    }

    struct Flags: OptionSet {
        let rawValue: UInt8
        static let absent = Flags(rawValue: 1)
        /// The stream tells of every newer version: the certificate moves along with the watermark.
        static let recertifiable = Flags(rawValue: 2)
        /// A newer version is known: only for snapshots in the past and stale reads.
        static let closed = Flags(rawValue: 4)
        /// Something about the key happened in L2: not to be served until it was checked.
        static let suspect = Flags(rawValue: 8)
    }

    @safe
    struct Slot {
        var id: UInt64
        var version: UInt64
        var asOf: UInt64
        /// The certificate was current at this monotonic time or later.
        var born: Int64
        var deadline: Int64
        var block: UnsafeMutableRawPointer?
        var length: Int32
        var space: UInt16
        var flags: Flags
    }

    private struct Links {
        var previous: Int32
        /// Of a free slot: the next free one.
        var next: Int32
    }

    private struct Place {
        var slot: Int32
        /// The low half of the key's mixed hash; its lowest bits are the home place.
        var tag: UInt32

        static let empty = Place(slot: -1, tag: 0)
    }

    static let stride = 128
    static let inlineBytes = 64

    let limits: Limits
    var horizon = Horizon()
    var floors: FloorTable
    var counts = Counts()
    private(set) var count = 0
    private(set) var bytes = 0
    private(set) var newest: Int32 = -1
    private(set) var oldest: Int32 = -1
    private var free: Int32 = -1
    private var used = 0
    private let slots: UnsafeMutableRawPointer
    private let links: UnsafeMutablePointer<Links>
    private let table: UnsafeMutablePointer<Place>
    private let mask: Int

    init(_ limits: Limits) {
        precondition((1...Int(Int32.max / 2)).contains(limits.entries), "a shard has 1 to 2^30 entries")
        precondition(limits.bytes >= Self.stride, "a shard has room for one entry")
        self.limits = limits
        floors = FloorTable(recordsMax: limits.floors, retention: limits.sharedLifetime + 2_000_000_000)
        unsafe slots = .allocate(byteCount: limits.entries * Self.stride, alignment: Self.stride)
        unsafe links = .allocate(capacity: limits.entries)
        var places = 4
        while places < limits.entries * 2 { places *= 2 }
        unsafe table = .allocate(capacity: places)
        unsafe table.initialize(repeating: .empty, count: places)
        mask = places - 1
    }

    deinit {
        var slot = newest
        while slot >= 0 {
            unsafe self[slot].pointee.block?.deallocate()
            slot = unsafe links[Int(slot)].next
        }
        unsafe slots.deallocate()
        unsafe links.deallocate()
        unsafe table.deallocate()
    }

    @inline(__always)
    subscript(slot: Int32) -> UnsafeMutablePointer<Slot> {
        unsafe (slots + Int(slot) * Self.stride).assumingMemoryBound(to: Slot.self)
    }

    /// The payload's bytes; valid until the shard changes.
    @inline(__always)
    func payload(_ slot: Int32) -> UnsafeRawBufferPointer {
        let node = unsafe self[slot]
        let start = unsafe node.pointee.block ?? slots + (Int(slot) * Self.stride + Self.inlineBytes)
        return unsafe UnsafeRawBufferPointer(start: start, count: Int(node.pointee.length))
    }

    // MARK: Index

    @inline(__always)
    func find(_ key: CacheKey, _ mixed: UInt64) -> Int32 {
        let tag = UInt32(truncatingIfNeeded: mixed)
        var index = Int(tag) & mask
        while true {
            let place = unsafe table[index]
            if place.slot < 0 { return -1 }
            if place.tag == tag {
                let node = unsafe self[place.slot]
                if unsafe node.pointee.id == key.id && node.pointee.space == key.space.rawValue { return place.slot }
            }
            index = (index + 1) & mask
        }
    }

    private func unindex(_ slot: Int32) {
        let key = unsafe CacheKey(SpaceID(rawValue: self[slot].pointee.space), self[slot].pointee.id)
        var hole = Int(truncatingIfNeeded: LocalHash.mix(LocalHash.number(key))) & mask
        while unsafe table[hole].slot != slot { hole = (hole + 1) & mask }
        var next = (hole + 1) & mask
        while true {
            let moved = unsafe table[next]
            if moved.slot < 0 { break }
            if ((next &- Int(moved.tag)) & mask) >= ((next &- hole) & mask) {
                unsafe table[hole] = moved
                hole = next
            }
            next = (next + 1) & mask
        }
        unsafe table[hole] = .empty
    }

    // MARK: Recency

    @inline(__always)
    mutating func touch(_ slot: Int32) {
        guard slot != newest else { return }
        unlink(slot)
        linkNewest(slot)
    }

    /// The row after `slot` in order of recency; -1 after the oldest.
    func older(_ slot: Int32) -> Int32 { unsafe links[Int(slot)].next }

    @inline(__always)
    private mutating func unlink(_ slot: Int32) {
        let link = unsafe links[Int(slot)]
        if link.previous >= 0 { unsafe links[Int(link.previous)].next = link.next } else { newest = link.next }
        if link.next >= 0 { unsafe links[Int(link.next)].previous = link.previous } else { oldest = link.previous }
    }

    @inline(__always)
    private mutating func linkNewest(_ slot: Int32) {
        unsafe links[Int(slot)] = Links(previous: -1, next: newest)
        if newest >= 0 { unsafe links[Int(newest)].previous = slot } else { oldest = slot }
        newest = slot
    }

    // MARK: Slots

    /// A new slot for a key that has none, at the newest end; evicts the oldest where the shard is full.
    mutating func insert(_ key: CacheKey, _ mixed: UInt64) -> Int32 {
        if count == limits.entries {
            counts.evictedLRU += 1
            remove(oldest)
        }
        let slot = takeSlot()
        unsafe self[slot].initialize(
            to: Slot(
                id: key.id, version: 0, asOf: 0, born: 0, deadline: 0, block: nil, length: 0,
                space: key.space.rawValue, flags: []))
        var place = Int(truncatingIfNeeded: mixed) & mask
        while unsafe table[place].slot >= 0 { place = (place + 1) & mask }
        unsafe table[place] = Place(slot: slot, tag: UInt32(truncatingIfNeeded: mixed))
        linkNewest(slot)
        count += 1
        bytes += Self.stride
        return slot
    }

    private mutating func takeSlot() -> Int32 {
        if free >= 0 {
            let slot = free
            free = unsafe links[Int(slot)].next
            return slot
        }
        used += 1
        return Int32(used - 1)
    }

    /// Frees a slot and all it holds.
    mutating func remove(_ slot: Int32) {
        unindex(slot)
        unlink(slot)
        releaseBlock(slot)
        unsafe links[Int(slot)].next = free
        free = slot
        count -= 1
        bytes -= Self.stride
    }

    /// Replaces the payload, then evicts the oldest others until the bytes fit.
    mutating func store(_ payload: UnsafeRawBufferPointer, in slot: Int32) {
        let needed = Self.blockSize(payload.count)
        if unsafe needed != Self.blockSize(Int(self[slot].pointee.length)) {
            releaseBlock(slot)
            if needed > 0 {
                unsafe self[slot].pointee.block = .allocate(byteCount: needed, alignment: 16)
                bytes += needed
            }
        }
        unsafe self[slot].pointee.length = Int32(payload.count)
        if let source = payload.baseAddress, payload.count > 0 {
            let target = unsafe UnsafeMutableRawPointer(mutating: self.payload(slot).baseAddress)
            unsafe target?.copyMemory(from: source, byteCount: payload.count)
        }
        while bytes > limits.bytes, oldest != slot {
            counts.evictedSize += 1
            remove(oldest)
        }
    }

    private mutating func releaseBlock(_ slot: Int32) {
        guard let block = unsafe self[slot].pointee.block else { return }
        unsafe block.deallocate()
        bytes -= unsafe Self.blockSize(Int(self[slot].pointee.length))
        unsafe self[slot].pointee.block = nil
        unsafe self[slot].pointee.length = 0
    }

    /// Bytes of the block for a payload: none where it fits into the slot, else the next power of two.
    static func blockSize(_ length: Int) -> Int {
        guard length > inlineBytes else { return 0 }
        return 1 << (Int.bitWidth - (length - 1).leadingZeroBitCount)
    }

    /// Whether an entry with such a payload can be held at all.
    func fits(_ length: Int) -> Bool { Self.stride + Self.blockSize(length) <= limits.bytes }

    /// Frees everything; the memory stays.
    mutating func removeAll() {
        while oldest >= 0 { remove(oldest) }
    }

    /// Traps unless list, index, counts and floors agree; for tests.
    func checkInvariants() {
        var (seen, size, previous, slot) = (0, 0, Int32(-1), newest)
        while slot >= 0 {
            let node = unsafe self[slot].pointee
            unsafe precondition(links[Int(slot)].previous == previous, "links agree in both directions")
            let key = CacheKey(SpaceID(rawValue: node.space), node.id)
            let mixed = LocalHash.mix(LocalHash.number(key))
            precondition(find(key, mixed) == slot, "every entry is found by its key")
            precondition(node.version <= node.asOf, "a certificate sees its own version")
            let floor = floors.floor(LocalHash.number(key))
            precondition(node.flags.contains(.closed) || node.version >= floor, "open nodes are at their floor")
            size += Self.stride + Self.blockSize(Int(node.length))
            unsafe precondition((node.block != nil) == (Self.blockSize(Int(node.length)) > 0), "block as length says")
            seen += 1
            (previous, slot) = (slot, older(slot))
        }
        precondition(previous == oldest && seen == count && size == bytes, "list, count and bytes agree")
        precondition(count <= limits.entries && (bytes <= limits.bytes || count <= 1), "within the limits")
        precondition((0...mask).count { unsafe table[$0].slot >= 0 } == count, "the index holds the entries")
        floors.checkInvariants()
    }
}
