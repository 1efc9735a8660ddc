internal import Glibc
internal import Synchronization

typealias AtomicWord = Atomic<UInt64>

/// The part of a shard that readers see without its lock: slots, the table that finds them, and the stream's horizon.
///
/// Every word is atomic, so no access is a data race; a sequence number says whether words read one by one belong
/// together (Boehm, "Can seqlocks get along with programming language memory models?", 2012). There are three kinds of
/// sequence, each even at rest and odd while the holder of the shard's lock writes:
///
/// | sequence | covers | moves when |
/// |---|---|---|
/// | of a slot | its certificate, its payload or the address of its block | the slot is written or freed |
/// | of the horizon | watermark, its time, epoch | the stream advances or restarts |
/// | of the index | where keys are found | a deletion shifts places |
///
/// ```
/// writer, under the lock                     reader
/// seq.store(s + 1, relaxed)                  s1 = seq.load(acquire), even
/// fence(release)                             words.load(relaxed)
/// words.store(relaxed)                       fence(acquire)
/// seq.store(s + 2, release)                  seq.load(relaxed) == s1, or again
/// ```
///
/// *Words belong together*: a reader that saw a word of a later writer synchronises, fence to fence, with the odd store
/// before it, so its second load of the sequence differs from `s1`.
///
/// *The horizon never outruns the floors*: it is loaded, with acquire, before the slot. The stream closes nodes first
/// and moves the horizon after, so who sees the new watermark sees the nodes closed. Its sequence is checked again at
/// the end, so a node of after a restart is never judged by the horizon of before it: the node was published after
/// the new horizon, and whoever saw it sees that too.
///
/// *A miss is a miss*: a key that a deletion is just moving could be passed over, so a miss is believed only if the
/// index did not move during the probe; the first probe, which mostly hits, does not ask.
///
/// *Blocks*: longer payloads are in blocks that are never written while a slot names them. A freed block is used
/// again at once; its memory stays mapped, and the sequence of the slot that named it has moved, so a reader in the
/// middle of a copy finds out at the end of it. The address is followed only after a first check of the sequence,
/// since a torn pair of address and length could leave the block.
///
/// Copies share the memory; the tier owns it and outlives every reader.
@safe
struct SlotMemory: @unchecked Sendable {
    /// Words of a slot: sequence, certificate, then 64 bytes of payload; 128 bytes, two cache lines.
    enum Word {
        static let sequence = 0, id = 1, version = 2, asOf = 3, born = 4, deadline = 5, block = 6, meta = 7, payload = 8
        static let count = 16
    }

    /// Words of the head; the index's sequence has a cache line of its own, since deletions write it.
    enum Head {
        static let sequence = 0, watermark = 1, born = 2, epoch = 3, indexSequence = 16, count = 32
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
        /// The slot is in use.
        static let held = Flags(rawValue: 16)
        /// Not to be evicted.
        static let pinned = Flags(rawValue: 32)
    }

    /// The words of a slot without sequence and payload.
    struct Fields {
        var id: UInt64 = 0
        var version: UInt64 = 0
        var asOf: UInt64 = 0
        /// The certificate was current at this monotonic time or later.
        var born: Int64 = 0
        var deadline: Int64 = 0
        /// Address of the payload's block; zero where the payload is in the slot.
        var block: UInt64 = 0
        var length: Int32 = 0
        var space: UInt16 = 0
        var flags: Flags = []

        var key: CacheKey { CacheKey(SpaceID(rawValue: space), id) }
        var mixed: UInt64 { LocalHash.mix(LocalHash.number(key)) }
        var meta: UInt64 {
            UInt64(UInt32(bitPattern: length)) | UInt64(space) << 32 | UInt64(flags.rawValue) << 48
        }
    }

    /// How far the stream was applied: all tickets up to `watermark`, read at `born`.
    struct Horizon {
        var watermark: UInt64 = 0
        var born: Int64 = .min / 2
        var epoch: UInt32 = 0
    }

    /// Bytes of a slot.
    static let stride = 128
    /// Payload bytes that fit into a slot.
    static let inlineBytes = 64

    let capacity: Int
    let mask: Int
    let head: UnsafeMutablePointer<AtomicWord>
    let slots: UnsafeMutablePointer<AtomicWord>
    let places: UnsafeMutablePointer<AtomicWord>

    /// The memory of one shard among others, at its place in their region; the slots' words are set when a slot is taken
    /// for the first time.
    init(capacity: Int, shard: Int, in region: UnsafeMutableRawPointer) {
        self.capacity = capacity
        let places = Self.places(capacity)
        mask = places - 1
        let start = unsafe region + shard * Self.bytes(capacity: capacity)
        unsafe head = start.bindMemory(to: AtomicWord.self, capacity: Head.count)
        unsafe self.places = (start + Head.count * 8).bindMemory(to: AtomicWord.self, capacity: places)
        unsafe slots = (start + (Head.count + places) * 8).bindMemory(
            to: AtomicWord.self, capacity: capacity * Word.count)
        for word in 0..<Head.count { unsafe (head + word).initialize(to: AtomicWord(0)) }
        for place in 0..<places { unsafe (self.places + place).initialize(to: AtomicWord(0)) }
        setHorizon(Horizon())
    }

    /// A power of two, at least twice the slots.
    private static func places(_ capacity: Int) -> Int {
        var places = 16
        while places < capacity * 2 { places *= 2 }
        return places
    }

    /// Bytes of a shard's memory, a multiple of 128.
    static func bytes(capacity: Int) -> Int { (Head.count + places(capacity) + capacity * Word.count) * 8 }

    /// Memory for the shards of a tier: one region, on large pages where the system gives them, since rows are read in
    /// no order and a miss of the address cache costs as much as one of the data cache.
    static func region(shards: Int, capacity: Int) -> UnsafeMutableRawPointer {
        let size = shards * bytes(capacity: capacity)
        let large = 2 << 20
        let region = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: size < large ? stride : large)
        // Advice only: without large pages the region works as well, more slowly.
        if size >= large { _ = unsafe madvise(region, size / large * large, MADV_HUGEPAGE) }
        return unsafe region
    }

    @inline(__always)
    func base(_ slot: Int32) -> UnsafeMutablePointer<AtomicWord> {
        unsafe slots + Int(slot) &* Word.count
    }

    // MARK: Reading

    /// What a reader found of a row, proven to belong together.
    struct Reading {
        var row: LocalRow
        var slot: Int32
        var length: Int32
        /// Address of the payload's block; zero where the payload was copied out of the slot.
        var block: UInt64
        fileprivate var sequence: UInt64

        @inline(__always)
        init() {
            row = LocalRow(
                version: .zero, asOf: .zero, ageNanoseconds: 0, isAbsent: false, isClosed: false, epoch: 0)
            (slot, length, block, sequence) = (-1, 0, 0, 0)
        }
    }

    enum Outcome { case hit, miss, stale, contended }

    /// Looks a row up and judges it; copies an inline payload to `inline`, which has room for 64 bytes.
    ///
    /// Gives up as `contended` after 64 tries in which a writer was in the way; under the lock it never does.
    @inline(__always)
    func read(
        _ key: CacheKey, _ mixed: UInt64, _ bound: AgeBound, _ now: Int64, inline: UnsafeMutableRawPointer,
        _ reading: inout Reading
    ) -> Outcome {
        var indexSequence = UInt64.max
        var tries = 64
        while tries > 0 {
            tries &-= 1
            let horizon = unsafe head[Head.sequence].load(ordering: .acquiring)
            if horizon & 1 != 0 { continue }
            let slot = probe(key, mixed)
            guard slot >= 0 else {
                // An odd number is never believed, and never equal to what is loaded at rest.
                if slot == Self.none, isIndex(at: indexSequence) { return .miss }
                indexSequence = unsafe head[Head.indexSequence].load(ordering: .acquiring)
                continue
            }
            let words = unsafe base(slot)
            let sequence = unsafe words[Word.sequence].load(ordering: .acquiring)
            let meta = unsafe words[Word.meta].load(ordering: .relaxed)
            guard sequence & 1 == 0, unsafe Self.isKey(key, words, meta) else { continue }
            let isServed = unsafe judge(words, meta, bound, now, &reading)
            if isServed { unsafe fetch(words, slot, meta, sequence, inline, &reading) }
            atomicMemoryFence(ordering: .acquiring)
            let again = unsafe words[Word.sequence].load(ordering: .relaxed)
            let after = unsafe head[Head.sequence].load(ordering: .relaxed)
            if again == sequence && after == horizon { return isServed ? .hit : .stale }
        }
        return .contended
    }

    private static let none: Int32 = -1
    private static let lost: Int32 = -2

    @inline(__always)
    private func isIndex(at sequence: UInt64) -> Bool {
        atomicMemoryFence(ordering: .acquiring)
        let now = unsafe head[Head.indexSequence].load(ordering: .relaxed)
        return sequence & 1 == 0 && now == sequence
    }

    /// Whether a slot in use holds the key.
    @inline(__always)
    private static func isKey(_ key: CacheKey, _ words: UnsafeMutablePointer<AtomicWord>, _ meta: UInt64) -> Bool {
        let wanted = UInt64(key.space.rawValue) | UInt64(Flags.held.rawValue) &<< 16
        let found = (meta &>> 32) & (0xFFFF | UInt64(Flags.held.rawValue) &<< 16)
        return unsafe found == wanted && words[Word.id].load(ordering: .relaxed) == key.id
    }

    /// The slot that seems to hold the key; `none` at an empty place, `lost` after a full turn among moving places.
    ///
    /// A slot a place names was written before, and it keeps its key until no place names it: one that holds another
    /// key is passed over for good reason, or the index has moved.
    @inline(__always)
    func probe(_ key: CacheKey, _ mixed: UInt64) -> Int32 {
        let tag = UInt32(truncatingIfNeeded: mixed)
        var place = Int(tag) & mask
        var steps = mask
        while steps >= 0 {
            let word = unsafe places[place].load(ordering: .acquiring)
            if word == 0 { return Self.none }
            if UInt32(truncatingIfNeeded: word) == tag {
                let slot = Int32(truncatingIfNeeded: word &>> 32) &- 1
                let words = unsafe base(slot)
                if unsafe Self.isKey(key, words, words[Word.meta].load(ordering: .relaxed)) { return slot }
            }
            place = (place &+ 1) & mask
            steps &-= 1
        }
        return Self.lost
    }

    /// Judges a slot's certificate by the horizon; returns whether its row may be served.
    @inline(__always)
    private func judge(
        _ words: UnsafeMutablePointer<AtomicWord>, _ meta: UInt64, _ bound: AgeBound, _ now: Int64,
        _ reading: inout Reading
    ) -> Bool {
        let flags = Flags(rawValue: UInt8(truncatingIfNeeded: meta &>> 48))
        var asOf = unsafe words[Word.asOf].load(ordering: .relaxed)
        var born = unsafe Int64(bitPattern: words[Word.born].load(ordering: .relaxed))
        if flags.contains(.recertifiable) && !flags.contains(.closed) {
            asOf = max(asOf, unsafe head[Head.watermark].load(ordering: .relaxed))
            born = max(born, Int64(bitPattern: unsafe head[Head.born].load(ordering: .relaxed)))
        }
        let deadline = unsafe Int64(bitPattern: words[Word.deadline].load(ordering: .relaxed))
        guard flags.isDisjoint(with: [.closed, .suspect]), now < deadline, asOf >= bound.atLeast.rawValue,
            now &- born <= bound.maxAgeNanoseconds
        else { return false }
        reading.row = LocalRow(
            version: Ticket(unsafe words[Word.version].load(ordering: .relaxed)), asOf: Ticket(asOf),
            ageNanoseconds: now &- born, isAbsent: flags.contains(.absent), isClosed: false,
            epoch: UInt32(truncatingIfNeeded: unsafe head[Head.epoch].load(ordering: .relaxed)))
        return true
    }

    /// Copies an inline payload, or notes where the block is.
    @inline(__always)
    private func fetch(
        _ words: UnsafeMutablePointer<AtomicWord>, _ slot: Int32, _ meta: UInt64, _ sequence: UInt64,
        _ inline: UnsafeMutableRawPointer, _ reading: inout Reading
    ) {
        reading.slot = slot
        reading.sequence = sequence
        reading.length = Int32(truncatingIfNeeded: meta)
        reading.block = 0
        if reading.length > Self.inlineBytes {
            reading.block = unsafe words[Word.block].load(ordering: .relaxed)
        } else {
            // Whole words: the last one's filling is copied with it, and 64 bytes have room for both.
            unsafe Self.copy(words + Word.payload, count: (Int(reading.length) &+ 7) &>> 3, to: inline)
        }
    }

    @inline(__always)
    private static func copy(_ words: UnsafeMutablePointer<AtomicWord>, count: Int, to target: UnsafeMutableRawPointer)
    {
        var word = 0
        while word < count {
            let value = unsafe words[word].load(ordering: .relaxed).littleEndian
            unsafe target.storeBytes(of: value, toByteOffset: word &* 8, as: UInt64.self)
            word &+= 1
        }
    }

    /// Copies the first bytes of a reading's block over `target`; false where the row changed meanwhile.
    func copyBlock(of reading: Reading, to target: UnsafeMutableRawBufferPointer) -> Bool {
        let count = min(Int(reading.length), target.count)
        guard count > 0, let start = target.baseAddress,
            let words = unsafe UnsafeMutablePointer<AtomicWord>(bitPattern: UInt(reading.block))
        else { return true }
        unsafe Self.copy(words, count: count / 8, to: start)
        if count % 8 != 0 {
            let last = unsafe words[count / 8].load(ordering: .relaxed)
            for byte in 0..<count % 8 {
                let value = UInt8(truncatingIfNeeded: last >> UInt64(byte * 8))
                unsafe start.storeBytes(of: value, toByteOffset: count / 8 * 8 + byte, as: UInt8.self)
            }
        }
        atomicMemoryFence(ordering: .acquiring)
        return unsafe base(reading.slot)[Word.sequence].load(ordering: .relaxed) == reading.sequence
    }

    /// The watermark, without its time and epoch.
    var watermark: UInt64 { unsafe head[Head.watermark].load(ordering: .acquiring) }
}
