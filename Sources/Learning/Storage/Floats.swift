/// A run of 32-bit floats in memory that a `FloatBuffer` owns: indexing and vectors of 16 without copies or reference
/// counts.
///
/// A handle, not an owner: copies share the storage, and the buffer must outlive them. Every access is checked against
/// `count`, one comparison for a vector of 16, so that a wrong offset traps instead of touching foreign memory.
@safe @frozen
public struct Floats: BitwiseCopyable, @unchecked Sendable {
    // Unchecked: two threads may hold one run; the code that splits work gives each thread rows of its own to write.

    /// Vectors of the kernels.
    public typealias Vector = SIMD16<Float>
    /// Elements of a vector.
    public static let lanes = 16

    @usableFromInline let base: UnsafeMutablePointer<Float>
    /// Number of elements; indices run from 0.
    public let count: Int

    @inlinable
    init(base: UnsafeMutablePointer<Float>, count: Int) {
        unsafe self.base = base
        self.count = count
    }

    /// The element at `index`.
    @inlinable
    public subscript(index: Int) -> Float {
        @inline(__always) get {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the run")
            return unsafe base[index]
        }
        @inline(__always) nonmutating set {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "index outside the run")
            unsafe base[index] = newValue
        }
    }

    /// The elements `range`, sharing the storage.
    @inlinable @inline(__always)
    public subscript(range: Range<Int>) -> Floats {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "range outside the run")
        return unsafe Floats(base: base + range.lowerBound, count: range.count)
    }

    /// The 16 elements from `index` on.
    @inlinable @inline(__always)
    public func vector(at index: Int) -> Vector {
        precondition(index >= 0 && index <= count - Self.lanes, "vector outside the run")
        return unsafe UnsafeRawPointer(base + index).loadUnaligned(as: Vector.self)
    }

    /// Writes 16 elements from `index` on.
    @inlinable @inline(__always)
    public func setVector(_ vector: Vector, at index: Int) {
        precondition(index >= 0 && index <= count - Self.lanes, "vector outside the run")
        unsafe UnsafeMutableRawPointer(base + index).storeBytes(of: vector, as: Vector.self)
    }

    /// The first `lanes` elements from `index` on, the rest of the vector 0; `lanes` is 1...16.
    @inlinable @inline(__always)
    public func vector(at index: Int, lanes: Int) -> Vector {
        if lanes == Self.lanes { return vector(at: index) }
        var vector = Vector.zero
        for lane in 0..<lanes { vector[lane] = self[index + lane] }
        return vector
    }

    /// Writes the first `lanes` elements of `vector` from `index` on.
    @inlinable @inline(__always)
    public func setVector(_ vector: Vector, at index: Int, lanes: Int) {
        if lanes == Self.lanes { return setVector(vector, at: index) }
        for lane in 0..<lanes { self[index + lane] = vector[lane] }
    }

    /// Sets every element to `value`.
    public func fill(_ value: Float) { unsafe base.update(repeating: value, count: count) }

    /// Copies `source`, of the same count, over this run; the two may overlap.
    public func copy(from source: Floats) {
        precondition(source.count == count, "runs of \(source.count) and \(count) elements")
        unsafe base.update(from: source.base, count: count)
    }

    /// Copies `source`, of the same count, over this run.
    public func copy(from source: Span<Float>) {
        precondition(source.count == count, "runs of \(source.count) and \(count) elements")
        unsafe source.withUnsafeBufferPointer { elements in
            guard let start = elements.baseAddress else { return }
            unsafe base.update(from: start, count: count)
        }
    }

    /// Copies `source`, of the same count, over this run.
    public func copy(from source: [Float]) { copy(from: source.span) }

    /// The elements as an array.
    public var array: [Float] { unsafe Array(UnsafeBufferPointer(start: base, count: count)) }

    /// `self += scale · other`, element by element.
    public func add(_ other: Floats, scale: Float = 1) {
        precondition(other.count == count, "runs of \(other.count) and \(count) elements")
        forEachVector { index, lanes in
            let sum = vector(at: index, lanes: lanes) + other.vector(at: index, lanes: lanes) * scale
            setVector(sum, at: index, lanes: lanes)
        }
    }

    /// The sum of squares, added up in 64-bit floats in a fixed order.
    public var squaredNorm: Double {
        var sum = SIMD16<Double>.zero
        forEachVector { index, lanes in
            let wide = SIMD16<Double>(vector(at: index, lanes: lanes))
            sum += wide * wide
        }
        return sum.sum()
    }

    /// Calls `body` with the start and the number of elements of each vector; only the last may be short.
    @inlinable @inline(__always)
    public func forEachVector(_ body: (_ index: Int, _ lanes: Int) -> Void) {
        var index = 0
        while index + Self.lanes <= count {
            body(index, Self.lanes)
            index += Self.lanes
        }
        if index < count { body(index, count - index) }
    }
}

/// Owner of a run of floats: zero at first, aligned to a cache line, freed with the object.
public final class FloatBuffer: Sendable {
    /// All elements; a handle that is valid while the buffer lives.
    public let floats: Floats

    /// `count` zeros.
    public init(count: Int) {
        precondition(count >= 0, "negative size")
        let bytes = max(count, 1) * MemoryLayout<Float>.stride
        let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        let base = unsafe raw.bindMemory(to: Float.self, capacity: max(count, 1))
        unsafe base.initialize(repeating: 0, count: max(count, 1))
        unsafe floats = Floats(base: base, count: count)
    }

    deinit { unsafe UnsafeMutableRawPointer(floats.base).deallocate() }
}
