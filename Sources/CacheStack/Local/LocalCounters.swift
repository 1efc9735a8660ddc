public import Synchronization

/// Counts of lookups, in stripes of one cache line pair a thread: exact, and a plain load and store each.
///
/// Only threads past the 63rd share a stripe, by atomic additions. A sum taken while others count may miss their last
/// increments, never more.
@safe
@usableFromInline
final class LocalCounters: Sendable {
    @usableFromInline
    enum Count: Int { case hits, negatives, misses, stales, unrecorded }

    @inlinable static var stripes: Int { 64 }
    @inlinable static var stride: Int { 16 }
    private nonisolated(unsafe) let words: UnsafeMutablePointer<AtomicWord>

    init() {
        let count = Self.stripes * Self.stride
        unsafe words = UnsafeMutableRawPointer.allocate(byteCount: count * 8, alignment: 128)
            .bindMemory(to: AtomicWord.self, capacity: count)
        for word in 0..<count { unsafe (words + word).initialize(to: AtomicWord(0)) }
    }

    deinit { unsafe words.deallocate() }

    /// The first stripe; the counts of a thread are found from it.
    var base: Base { unsafe Base(words: words) }

    /// The counters without their reference count.
    @safe
    @usableFromInline
    struct Base: @unchecked Sendable {
        @usableFromInline let words: UnsafeMutablePointer<AtomicWord>

        /// Whether a thread of that number has a stripe of its own.
        @inlinable @inline(__always)
        static func isOwner(_ thread: Int) -> Bool { UInt(bitPattern: thread) < UInt(LocalCounters.stripes - 1) }

        /// Adds one to a count of the calling thread, which has a stripe of its own.
        @inlinable @inline(__always)
        func addOwn(_ count: Count, thread: Int) {
            let word = unsafe words + (thread &* LocalCounters.stride &+ count.rawValue)
            unsafe word.pointee.store(word.pointee.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        }

        /// Adds one to a count of the calling thread.
        @inlinable @inline(__always)
        func add(_ count: Count, thread: Int) {
            if Self.isOwner(thread) {
                addOwn(count, thread: thread)
            } else {
                let shared = (LocalCounters.stripes - 1) * LocalCounters.stride + count.rawValue
                unsafe words[shared].wrappingAdd(1, ordering: .relaxed)
            }
        }
    }

    /// A count over all threads.
    func sum(_ count: Count) -> UInt64 {
        (0..<Self.stripes).reduce(0) { sum, stripe in
            unsafe sum &+ words[stripe * Self.stride + count.rawValue].load(ordering: .relaxed)
        }
    }
}
