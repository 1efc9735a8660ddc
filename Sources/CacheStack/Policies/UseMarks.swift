public import Synchronization

/// One small counter a slot that readers raise without a lock, and an eviction policy reads and lowers.
///
/// All accesses are relaxed: a mark is advice, and one lost between two readers or to the owner's clearing changes only
/// which entry leaves first. A reader stores only while the mark is below its maximum, so a hot slot's cache line stays
/// shared.
@safe
public final class UseMarks: Sendable {
    /// Slots with a mark.
    public let capacity: Int
    private nonisolated(unsafe) let bytes: UnsafeMutablePointer<Atomic<UInt8>>

    /// All marks zero; `capacity` is 1 to 2^29.
    public init(capacity: Int) {
        precondition((1...1 << 29).contains(capacity), "a cache has 1 to 2^29 slots")
        self.capacity = capacity
        unsafe bytes = .allocate(capacity: capacity)
        for slot in 0..<capacity { unsafe (bytes + slot).initialize(to: Atomic(0)) }
    }

    deinit {
        unsafe bytes.deinitialize(count: capacity)
        unsafe bytes.deallocate()
    }

    /// The marks without their reference count, for readers that the owner outlives and whose slots it made.
    @safe
    @usableFromInline
    struct Base: @unchecked Sendable {
        @usableFromInline let bytes: UnsafeMutablePointer<Atomic<UInt8>>

        /// Raises a slot's mark by one, to at most `most`.
        @inlinable @inline(__always)
        func mark(_ slot: Int32, upTo most: UInt8) {
            let byte = unsafe bytes + Int(slot)
            let value = unsafe byte.pointee.load(ordering: .relaxed)
            if value < most { unsafe byte.pointee.store(value &+ 1, ordering: .relaxed) }
        }
    }

    var base: Base { unsafe Base(bytes: bytes) }

    @inline(__always)
    private func check(_ slot: Int32) { precondition(slot >= 0 && Int(slot) < capacity, "a slot below the capacity") }

    /// Raises a slot's mark by one, to at most `most`; callable from any thread.
    @inline(__always)
    public func mark(_ slot: Int32, upTo most: UInt8) {
        check(slot)
        base.mark(slot, upTo: most)
    }

    /// A slot's mark.
    @inline(__always)
    public func read(_ slot: Int32) -> UInt8 {
        check(slot)
        return unsafe bytes[Int(slot)].load(ordering: .relaxed)
    }

    /// Sets a slot's mark; for the policy's owner.
    @inline(__always)
    public func set(_ slot: Int32, to value: UInt8) {
        check(slot)
        unsafe bytes[Int(slot)].store(value, ordering: .relaxed)
    }

    /// Zeroes a slot's mark; for the policy's owner.
    @inline(__always)
    public func clear(_ slot: Int32) { set(slot, to: 0) }
}
