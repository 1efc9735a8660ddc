/// One shard of L1: its rows in memory that readers share, and all that only the holder of its lock touches.
///
/// The lock's holder is the only writer of the shared memory. Beside it there are the blocks of longer payloads, the
/// policy's order, the record of hits the policy has not heard of, the floors, and older versions for open snapshots.
/// Invariant: an open node's version is at or above its key's floor.
///
/// Room is made before a row is written: for an entry, for its bytes, for its weight; older versions go first, then
/// whatever the policy chooses. Pinned rows are not in the policy's order. A row that finds no room is refused.
///
/// Sendable unchecked: it cannot be copied, so whoever holds it holds it alone; readers reach only what `SlotMemory`
/// and `UseRecord` share, and none is left when it ends.
@safe
struct LocalShard: ~Copyable, @unchecked Sendable {
    struct Limits {
        var entries: Int
        var bytes: Int
        var weight: Int
        var floors: Int
        /// Nanoseconds an entry may be served after it was installed, and after it was born.
        var lifetime: Int64
        var sharedLifetime: Int64
        /// The weight of a row by its key and bytes; nil: no row weighs anything.
        var weigh: (@Sendable (CacheKey, Int) -> Int)?
        /// Rings of the record of hits.
        var stripes: Int
        var policy: PolicyName
    }

    struct Counts {
        var evictedLRU: UInt64 = 0
        var evictedSize: UInt64 = 0
        var evictedTTL: UInt64 = 0
        var evictedVersion: UInt64 = 0
    }

    let limits: Limits
    let memory: SlotMemory
    let record: UseRecord
    let evictor: Evictor
    var floors: FloorTable
    var counts = Counts()
    var chains = VersionChains()
    var arena: BlockArena
    private(set) var count = 0
    /// Bytes of slots, blocks and older versions.
    var bytes = 0
    private(set) var weight = 0
    private(set) var pinnedCount = 0
    private(set) var pinnedBytes = 0
    private(set) var used: Int32 = 0
    private var free: Int32 = -1
    /// Of a free slot: the next free one.
    private let nextFree: UnsafeMutablePointer<Int32>
    /// Whether a slot is in the policy's order: held and not pinned.
    let isOrdered: UnsafeMutablePointer<Bool>
    private let weights: UnsafeMutablePointer<Int>

    /// A shard whose slots are the `number`th part of the tier's region.
    init(_ limits: Limits, number: Int, in region: UnsafeMutableRawPointer) {
        precondition((1...1 << 29).contains(limits.entries), "a shard has 1 to 2^29 entries")
        precondition(limits.bytes >= SlotMemory.stride, "a shard has room for one entry")
        self.limits = limits
        unsafe memory = SlotMemory(capacity: limits.entries, shard: number, in: region)
        record = UseRecord(stripes: limits.stripes)
        evictor = Evictor.make(limits.policy, capacity: limits.entries)
        floors = FloorTable(recordsMax: limits.floors, retention: limits.sharedLifetime + 2_000_000_000)
        arena = BlockArena(bytesMax: limits.bytes)
        unsafe nextFree = .allocate(capacity: limits.entries)
        unsafe isOrdered = .allocate(capacity: limits.entries)
        unsafe isOrdered.initialize(repeating: false, count: limits.entries)
        unsafe weights = .allocate(capacity: limits.weigh == nil ? 1 : limits.entries)
    }

    deinit {
        record.deallocate()
        unsafe nextFree.deallocate()
        unsafe isOrdered.deallocate()
        unsafe weights.deallocate()
    }

    var horizon: SlotMemory.Horizon { memory.horizon }

    /// What readers need of the shard.
    var view: LocalView { LocalView(memory, record, evictor) }

    // MARK: Order

    /// Tells the policy of the hits recorded since; before every change of its order.
    @inline(__always)
    mutating func catchUp() {
        guard evictor.marksMax == 0 else { return }
        let (evictor, isOrdered) = unsafe (evictor, UnsafePointer(isOrdered))
        unsafe record.drain { slots in unsafe evictor.hits(slots, held: isOrdered) }
    }

    /// Tells the policy of one use, now or after the uses recorded before it.
    mutating func touch(_ slot: Int32) {
        guard unsafe isOrdered[Int(slot)] else { return }
        if evictor.marksMax > 0 {
            evictor.marks.mark(slot, upTo: evictor.marksMax)
        } else if !record.append(slot, thread: ThreadNumber.registry.current) {
            catchUp()
            evictor.hit(slot)
        }
    }

    private mutating func order(_ slot: Int32, _ mixed: UInt64) {
        unsafe isOrdered[Int(slot)] = true
        evictor.insert(slot, hash: mixed)
    }

    private mutating func disorder(_ slot: Int32) {
        guard unsafe isOrdered[Int(slot)] else { return }
        unsafe isOrdered[Int(slot)] = false
        evictor.remove(slot)
    }

    // MARK: Room

    enum Reason { case entries, bytes, weight }

    /// Whether an entry with such a payload and weight can be held at all.
    func fits(_ length: Int, weight: Int) -> Bool {
        SlotMemory.stride + BlockArena.size(length) <= limits.bytes && weight <= limits.weight
    }

    func weigh(_ key: CacheKey, _ length: Int) -> Int { limits.weigh.map { max(0, $0(key, length)) } ?? 0 }

    func weight(_ slot: Int32) -> Int { limits.weigh == nil ? 0 : unsafe weights[Int(slot)] }

    /// Evicts until there is room for so many entries, bytes and weight more; never `kept`. False: there is none.
    mutating func makeRoom(entries: Int, bytes added: Int, weight more: Int, keeping kept: Int32) -> Bool {
        var isKeptOut = false
        defer { if isKeptOut { order(kept, memory.fields(kept).mixed) } }
        while true {
            let reason: Reason
            if count + entries > limits.entries {
                reason = .entries
            } else if bytes + added > limits.bytes {
                if !chains.isEmpty {
                    bytes -= chains.removeAll()
                    continue
                }
                reason = .bytes
            } else if weight + more > limits.weight {
                reason = .weight
            } else {
                return true
            }
            catchUp()
            repeat {
                guard count - pinnedCount - (isKeptOut ? 1 : 0) > 0 else { return false }
                let slot = evictor.evict()
                unsafe isOrdered[Int(slot)] = false
                if slot == kept {
                    isKeptOut = true
                } else {
                    if reason == .entries { counts.evictedLRU += 1 } else { counts.evictedSize += 1 }
                    remove(slot)
                }
            } while evictor.owesEviction
        }
    }

    // MARK: Slots

    /// Gives a row that has no slot one, written whole and then found; there is room for it.
    mutating func insert(_ fields: SlotMemory.Fields, _ payload: UnsafeRawBufferPointer, _ mixed: UInt64, weight: Int) {
        let slot: Int32
        if free >= 0 {
            slot = free
            free = unsafe nextFree[Int(slot)]
        } else {
            slot = used
            used += 1
            memory.prepare(slot)
        }
        count += 1
        bytes += SlotMemory.stride
        var fields = fields
        fields.flags.insert(.held)
        unsafe fill(slot, fields, payload, weight: weight)
        memory.addToIndex(slot, mixed)
        order(slot, mixed)
    }

    /// Writes fields and payload into a slot that holds no block.
    private mutating func fill(
        _ slot: Int32, _ fields: SlotMemory.Fields, _ payload: UnsafeRawBufferPointer, weight: Int
    ) {
        var fields = fields
        fields.length = Int32(payload.count)
        if payload.count > SlotMemory.inlineBytes {
            fields.block = unsafe arena.store(payload)
            bytes += BlockArena.size(payload.count)
            unsafe memory.write(slot, fields)
        } else {
            fields.block = 0
            unsafe memory.write(slot, fields, inline: payload)
        }
        if limits.weigh != nil { unsafe weights[Int(slot)] = weight }
        self.weight += weight
        if fields.flags.contains(.pinned) { pinnedBytes += BlockArena.size(payload.count) }
    }

    /// Replaces fields and payload of a held slot, whose old block is free as soon as no slot names it.
    mutating func replace(
        _ slot: Int32, _ old: SlotMemory.Fields, by fields: SlotMemory.Fields, _ payload: UnsafeRawBufferPointer,
        weight: Int
    ) {
        let oldWeight = self.weight(slot)
        var fields = fields
        fields.flags.formUnion(old.flags.intersection([.held, .pinned]))
        unsafe fill(slot, fields, payload, weight: weight)
        self.weight -= oldWeight
        release(old)
    }

    private mutating func release(_ old: SlotMemory.Fields) {
        guard old.block != 0 else { return }
        arena.free(old.block)
        let size = BlockArena.size(Int(old.length))
        bytes -= size
        if old.flags.contains(.pinned) { pinnedBytes -= size }
    }

    /// Frees a slot and all it holds.
    mutating func remove(_ slot: Int32) {
        let old = memory.fields(slot)
        disorder(slot)
        if old.flags.contains(.pinned) {
            pinnedCount -= 1
            pinnedBytes -= SlotMemory.stride
        }
        memory.removeFromIndex(slot)
        unsafe memory.write(slot, SlotMemory.Fields())
        release(old)
        weight -= weight(slot)
        bytes -= SlotMemory.stride + chains.remove(old.key)
        unsafe nextFree[Int(slot)] = free
        free = slot
        count -= 1
    }

    /// Frees everything; the memory stays.
    mutating func removeAll() {
        forEachHeld { shard, slot in shard.remove(slot) }
    }

    /// Calls `body` for every slot in use.
    mutating func forEachHeld(_ body: (inout LocalShard, Int32) -> Void) {
        for slot in 0..<used where memory.fields(slot).flags.contains(.held) { body(&self, slot) }
    }

    // MARK: Pins

    /// Takes a held row out of the policy's order: it stays until it is dropped; false above half the shard.
    mutating func pin(_ slot: Int32) -> Bool {
        let fields = memory.fields(slot)
        if fields.flags.contains(.pinned) { return true }
        let size = SlotMemory.stride + BlockArena.size(Int(fields.length))
        guard (pinnedCount + 1) * 2 <= limits.entries, (pinnedBytes + size) * 2 <= limits.bytes else { return false }
        disorder(slot)
        memory.update(slot) { $0.flags.insert(.pinned) }
        pinnedCount += 1
        pinnedBytes += size
        return true
    }

    /// Gives a pinned row back to the policy, as the newest.
    mutating func unpin(_ slot: Int32) {
        let fields = memory.fields(slot)
        guard fields.flags.contains(.pinned) else { return }
        memory.update(slot) { $0.flags.remove(.pinned) }
        pinnedCount -= 1
        pinnedBytes -= SlotMemory.stride + BlockArena.size(Int(fields.length))
        order(slot, fields.mixed)
    }

    /// The free slots' numbers; for checks.
    func freeSlots() -> [Int32] {
        var (found, slot): ([Int32], Int32) = ([], free)
        while slot >= 0, found.count <= Int(used) {
            found.append(slot)
            slot = unsafe nextFree[Int(slot)]
        }
        return found
    }
}

/// What a reader needs of a shard, without its lock and without a reference count.
///
/// Sendable unchecked: what it points to is shared memory of atomics that the tier keeps alive.
@safe
@usableFromInline
struct LocalView: @unchecked Sendable {
    @usableFromInline let memory: SlotMemory
    @usableFromInline let record: UseRecord
    @usableFromInline let marks: UseMarks.Base
    @usableFromInline let marksMax: UInt8

    init(_ memory: SlotMemory, _ record: UseRecord, _ evictor: Evictor) {
        self.memory = memory
        self.record = record
        marks = evictor.marks.base
        marksMax = evictor.marksMax
    }

    /// Tells the policy of a hit, now or later; false where the record has no room.
    @inlinable @inline(__always)
    func use(_ slot: Int32, thread: Int) -> Bool {
        if marksMax == 0 { return record.append(slot, thread: thread) }
        marks.mark(slot, upTo: marksMax)
        return true
    }
}
