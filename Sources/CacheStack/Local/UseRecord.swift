public import Synchronization

/// The hits of a shard that its policy has not heard of yet: rings that readers fill and the lock's holder empties.
///
/// For policies whose order changes with every hit. Each stripe is a ring of 64 slot numbers; a thread writes to one
/// stripe, chosen by its number. A full ring is emptied by the reader itself if the lock is free, else the hit is lost
/// and counted. Every change of the order under the lock empties the rings first, so the order a single thread sees is
/// exact. Between threads it is by stripe: hits of different stripes are in no order, and where there are more threads
/// than stripes, those that share one may overwrite each other's record.
///
/// Ordering: a reader stores the number, then the tail with release; the holder loads the tail with acquire, so it
/// sees the numbers. It stores the head with release after reading them; a reader loads it with acquire before it
/// writes over a place. Two threads of one stripe may move the tail back; a tail outside head...head + 64 is dropped.
/// A number that outlives its row promotes the slot's next row, once: it costs no correctness.
@safe
@usableFromInline
struct UseRecord: @unchecked Sendable {
    @inlinable static var size: Int { 64 }
    /// Bytes of a stripe, and those before its numbers: tail and head, then cache lines of its own to the end.
    @inlinable static var stride: Int { 512 }
    @inlinable static var slotsOffset: Int { 64 }

    @usableFromInline let stripeMask: Int
    @usableFromInline let memory: UnsafeMutableRawPointer

    /// Empty rings; `stripes` is a power of two.
    init(stripes: Int) {
        precondition(stripes > 0 && stripes & (stripes - 1) == 0, "stripes are a power of two")
        stripeMask = stripes - 1
        unsafe memory = .allocate(byteCount: stripes * Self.stride, alignment: 128)
        for stripe in 0..<stripes {
            let start = unsafe memory + stripe * Self.stride
            let ends = unsafe start.bindMemory(to: AtomicWord.self, capacity: 2)
            for end in 0..<2 { unsafe (ends + end).initialize(to: AtomicWord(0)) }
            let slots = unsafe (start + Self.slotsOffset).bindMemory(to: Atomic<Int32>.self, capacity: Self.size)
            for slot in 0..<Self.size { unsafe (slots + slot).initialize(to: Atomic<Int32>(-1)) }
        }
    }

    /// Frees the memory; for the owner, when no reader is left.
    func deallocate() { unsafe memory.deallocate() }

    /// Tail and head of a stripe.
    @inlinable @inline(__always)
    func ends(_ stripe: Int) -> UnsafeMutablePointer<AtomicWord> {
        unsafe (memory + stripe &* Self.stride).assumingMemoryBound(to: AtomicWord.self)
    }

    @inlinable @inline(__always)
    func slots(_ stripe: Int) -> UnsafeMutablePointer<Atomic<Int32>> {
        unsafe (memory + (stripe &* Self.stride &+ Self.slotsOffset)).assumingMemoryBound(to: Atomic<Int32>.self)
    }

    /// Records a hit; false where the thread's ring is full.
    @inlinable @inline(__always)
    func append(_ slot: Int32, thread: Int) -> Bool {
        let stripe = thread & stripeMask
        let ends = unsafe ends(stripe)
        let tail = unsafe ends[0].load(ordering: .relaxed)
        if unsafe tail &- ends[1].load(ordering: .acquiring) >= UInt64(Self.size) { return false }
        let place = Int(truncatingIfNeeded: tail) & (Self.size - 1)
        unsafe slots(stripe)[place].store(slot, ordering: .relaxed)
        unsafe ends[0].store(tail &+ 1, ordering: .releasing)
        return true
    }

    /// Hands the recorded slots to `body`, stripe by stripe, oldest first; for the lock's holder.
    @inline(__always)
    func drain(_ body: (UnsafeBufferPointer<Int32>) -> Void) {
        for stripe in 0...stripeMask {
            let ends = unsafe ends(stripe)
            let tail = unsafe ends[0].load(ordering: .acquiring)
            let head = unsafe ends[1].load(ordering: .relaxed)
            if tail == head { continue }
            let count = tail &- head
            if count <= UInt64(Self.size) { unsafe collect(stripe, head, Int(count), body) }
            unsafe ends[1].store(tail, ordering: .releasing)
        }
    }

    private func collect(_ stripe: Int, _ head: UInt64, _ count: Int, _ body: (UnsafeBufferPointer<Int32>) -> Void) {
        unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: Self.size) { found in
            for index in 0..<count {
                let place = Int(truncatingIfNeeded: head &+ UInt64(index)) & (Self.size - 1)
                let slot = unsafe slots(stripe)[place].load(ordering: .relaxed)
                unsafe found.initializeElement(at: index, to: slot)
            }
            unsafe body(UnsafeBufferPointer(rebasing: found[..<count]))
        }
    }
}
