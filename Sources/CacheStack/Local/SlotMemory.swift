internal import Glibc
public import Synchronization

@usableFromInline
typealias AtomicWord = Atomic<UInt64>

/// The part of a shard that readers see without its lock: slots, the index that finds them, and the stream's horizon.
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
/// index did not move during the probe; the first look, which mostly hits, does not ask, and its misses are repeated.
///
/// *Blocks*: longer payloads are in blocks that are never written while a slot names them. A freed block is used
/// again at once; its memory stays mapped, and the sequence of the slot that named it has moved, so a reader in the
/// middle of a copy finds out at the end of it. The address is followed only after a first check of the sequence,
/// since a torn pair of address and length could leave the block.
///
/// *Payloads of 57 to 64 bytes* are read sixteen bytes at a time where `Processor.copyLine` can, in machine code that no
/// compiler reorders; as of all words, what was read counts only once the sequence has shown it whole.
///
/// Copies share the memory; the tier owns it and outlives every reader.
@safe
@usableFromInline
struct SlotMemory: @unchecked Sendable {
    /// Words of a slot: sequence, certificate, then 64 bytes of payload; 128 bytes, two cache lines.
    @usableFromInline
    enum Word {
        @inlinable static var sequence: Int { 0 }
        @inlinable static var id: Int { 1 }
        @inlinable static var version: Int { 2 }
        @inlinable static var asOf: Int { 3 }
        @inlinable static var born: Int { 4 }
        @inlinable static var deadline: Int { 5 }
        @inlinable static var block: Int { 6 }
        @inlinable static var meta: Int { 7 }
        @inlinable static var payload: Int { 8 }
        @inlinable static var count: Int { 16 }
    }

    /// Words of the head; the index's sequence has a cache line of its own, since deletions write it.
    @usableFromInline
    enum Head {
        @inlinable static var sequence: Int { 0 }
        @inlinable static var watermark: Int { 1 }
        @inlinable static var born: Int { 2 }
        @inlinable static var epoch: Int { 3 }
        static let indexSequence = 16
        @inlinable static var count: Int { 32 }
    }

    @usableFromInline
    struct Flags: OptionSet {
        @usableFromInline let rawValue: UInt8
        @inlinable
        init(rawValue: UInt8) { self.rawValue = rawValue }
        @inlinable static var absent: Flags { Flags(rawValue: 1) }
        /// The stream tells of every newer version: the certificate moves along with the watermark.
        @inlinable static var recertifiable: Flags { Flags(rawValue: 2) }
        /// A newer version is known: only for snapshots in the past and stale reads.
        @inlinable static var closed: Flags { Flags(rawValue: 4) }
        /// Something about the key happened in L2: not to be served until it was checked.
        @inlinable static var suspect: Flags { Flags(rawValue: 8) }
        /// The slot is in use.
        @inlinable static var held: Flags { Flags(rawValue: 16) }
        /// Not to be evicted.
        @inlinable static var pinned: Flags { Flags(rawValue: 32) }

        /// Where they are in the upper half of a slot's meta word, above the space.
        @inlinable @inline(__always)
        var bits: UInt32 { UInt32(rawValue) &<< 16 }
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
    @inlinable static var inlineBytes: Int { 64 }

    @usableFromInline let head: UnsafeMutablePointer<AtomicWord>
    @usableFromInline let index: SlotIndex

    /// The memory of one shard among others, at its place in their region; the slots' words are set when a slot is taken
    /// for the first time.
    init(capacity: Int, shard: Int, in region: UnsafeMutableRawPointer) {
        let start = unsafe region + shard * Self.bytes(capacity: capacity)
        unsafe head = start.bindMemory(to: AtomicWord.self, capacity: Head.count)
        unsafe _ = (start + Head.count * 8).bindMemory(to: AtomicWord.self, capacity: capacity * Word.count)
        index = unsafe SlotIndex(capacity: capacity, at: start + Head.count * 8 + capacity * Self.stride)
        for word in 0..<Head.count { unsafe (head + word).initialize(to: AtomicWord(0)) }
        setHorizon(Horizon())
    }

    /// Bytes of a shard's memory, a multiple of 128.
    static func bytes(capacity: Int) -> Int {
        Head.count * 8 + capacity * stride + SlotIndex.places(capacity) * MemoryLayout<SlotIndex.Place>.stride
    }

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

    @inlinable @inline(__always)
    func base(_ slot: Int32) -> UnsafeMutablePointer<AtomicWord> {
        unsafe head + (Head.count &+ Int(slot) &* Word.count)
    }

    /// The watermark, without its time and epoch.
    var watermark: UInt64 { unsafe head[Head.watermark].load(ordering: .acquiring) }
}
