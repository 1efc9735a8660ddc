/// Fixed storage on the heap: array indexing without reference counts, copies or exclusivity checks.
///
/// A handle, not an owner: copies share the storage, and the class that reserved it frees it in its `deinit`. Every
/// index is checked against `count`, so that a broken link traps instead of writing into foreign memory.
@safe
struct HeapBlock<Element: BitwiseCopyable>: BitwiseCopyable {
    private let base: UnsafeMutablePointer<Element>
    /// Number of elements; indices run from 0.
    let count: Int

    /// Reserves address space for `count` elements and writes none: pages are committed when they are first used.
    ///
    /// The owner must know by other means which elements it has written, and read no other.
    init(reserving count: Int) {
        precondition(count >= 0, "negative size")
        unsafe base = .allocate(capacity: count)
        self.count = count
    }

    /// `count` copies of `element`.
    init(repeating element: Element, count: Int) {
        self.init(reserving: count)
        unsafe base.initialize(repeating: element, count: count)
    }

    /// Returns the storage; no copy of this handle may be used again.
    func deallocate() { unsafe base.deallocate() }

    subscript(index: Int) -> Element {
        @inline(__always)
        unsafeAddress {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the block")
            return unsafe UnsafePointer(base + index)
        }
        @inline(__always)
        nonmutating unsafeMutableAddress {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the block")
            return unsafe base + index
        }
    }

    subscript(index: Int32) -> Element {
        @inline(__always)
        unsafeAddress {
            precondition(UInt(bitPattern: Int(index)) < UInt(bitPattern: count), "index outside the block")
            return unsafe UnsafePointer(base + Int(index))
        }
        @inline(__always)
        nonmutating unsafeMutableAddress {
            precondition(UInt(bitPattern: Int(index)) < UInt(bitPattern: count), "index outside the block")
            return unsafe base + Int(index)
        }
    }
}
