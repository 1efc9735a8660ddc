public import CProcessor
public import Synchronization

/// What L1's reads ask of the processor that Swift has no word for.
@usableFromInline
enum Processor {
    /// Begins to load a cache line; any address is allowed.
    @inline(__always)
    static func prefetch(_ address: UnsafeRawPointer) {
        unsafe cprocessor_prefetch(address)
    }

    /// Copies eight words that the holder of a lock may be writing; a sequence tells afterwards whether they are whole.
    ///
    /// Four loads of sixteen bytes where the processor has them: a load of a line that is still on its way holds a place
    /// in the processor's queue until it is there, and those places are what limits how many reads are under way.
    @inlinable @inline(__always)
    static func copyLine(_ words: UnsafeMutablePointer<AtomicWord>, to target: UnsafeMutableRawPointer) {
        unsafe cprocessor_copy_line(target, words)
    }
}
