internal import COpenBLAS

/// A row-major view of floats: `rows` x `columns`, `stride` elements from a row to the next.
///
/// A handle like `Floats`: the buffer behind it must outlive it.
public struct Matrix: BitwiseCopyable, Sendable {
    /// From the first element of the first row on.
    public let floats: Floats
    /// Number of rows.
    public let rows: Int
    /// Number of columns.
    public let columns: Int
    /// Elements from the start of a row to the start of the next.
    public let stride: Int

    /// A view of the first elements of `floats`; the rows follow each other directly unless `stride` is given.
    public init(_ floats: Floats, rows: Int, columns: Int, stride: Int? = nil) {
        let stride = stride ?? columns
        precondition(rows >= 0 && columns >= 0 && stride >= columns, "\(rows) x \(columns), stride \(stride)")
        precondition(rows == 0 || (rows - 1) * stride + columns <= floats.count, "matrix larger than its storage")
        self.floats = floats
        self.rows = rows
        self.columns = columns
        self.stride = stride
    }

    /// The element at `row`, `column`.
    public subscript(row: Int, column: Int) -> Float {
        @inline(__always) get {
            precondition(UInt(bitPattern: column) < UInt(bitPattern: columns), "column outside the matrix")
            return floats[row * stride + column]
        }
        @inline(__always) nonmutating set {
            precondition(UInt(bitPattern: column) < UInt(bitPattern: columns), "column outside the matrix")
            floats[row * stride + column] = newValue
        }
    }

    /// The elements of a row.
    @inline(__always)
    public func row(_ index: Int) -> Floats { floats[index * stride..<index * stride + columns] }

    /// The rows `range` as a matrix.
    public func rows(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows outside the matrix")
        if range.isEmpty { return Matrix(floats[0..<0], rows: 0, columns: columns, stride: stride) }
        let end = (range.upperBound - 1) * stride + columns
        return Matrix(
            floats[range.lowerBound * stride..<end], rows: range.count, columns: columns, stride: stride)
    }

    /// Sets every element of the view to `value`.
    public func fill(_ value: Float) { for index in 0..<rows { row(index).fill(value) } }

    /// Copies `source`, of the same shape, over this view.
    public func copy(from source: Matrix) {
        precondition(source.rows == rows && source.columns == columns, "matrices of different shapes")
        for index in 0..<rows { row(index).copy(from: source.row(index)) }
    }
}

extension Matrix {
    /// One thread of OpenBLAS's own for the whole process: its second thread slows products of our sizes down and
    /// would compete with ours.
    ///
    /// Set at the first product.
    private static let oneThread: Void = openblas_set_num_threads(1)

    /// Whether a factor of a product is taken as it stands or transposed.
    public enum Form: Sendable {
        case plain
        case transposed

        fileprivate var blas: CBLAS_TRANSPOSE { self == .plain ? CblasNoTrans : CblasTrans }
    }

    /// `self = a · b`, or `self += a · b` if `accumulate`, by OpenBLAS's `sgemm` (`sgemv` for a single row).
    ///
    /// The same call gives the same bits in every run on one kind of processor. `self` must not overlap a factor.
    /// Plain products of at most 65,536 multiplications are done here: OpenBLAS's kernels for small plain products take
    /// memory from `malloc` (those for AVX-512, up to a million multiplications; the larger ones of them still do).
    public func setProduct(
        _ a: Matrix, _ formA: Form = .plain, _ b: Matrix, _ formB: Form = .plain, accumulate: Bool = false
    ) {
        let inner = formA == .plain ? a.columns : a.rows
        precondition(rows == (formA == .plain ? a.rows : a.columns), "rows of the product")
        precondition(columns == (formB == .plain ? b.columns : b.rows), "columns of the product")
        precondition(inner == (formB == .plain ? b.rows : b.columns), "inner sizes of the product")
        guard rows > 0, columns > 0 else { return }
        guard inner > 0 else {
            if !accumulate { fill(0) }
            return
        }
        _ = Self.oneThread
        let beta: Float = accumulate ? 1 : 0
        if rows == 1, formA == .plain {
            unsafe cblas_sgemv(
                CblasRowMajor, formB == .plain ? CblasTrans : CblasNoTrans, blasint(b.rows), blasint(b.columns), 1,
                b.floats.base, blasint(b.stride), a.floats.base, 1, beta, floats.base, 1)
        } else if formA == .plain, formB == .plain, rows * columns * inner <= Self.smallMax {
            setSmallProduct(a, b, accumulate: accumulate)
        } else {
            unsafe cblas_sgemm(
                CblasRowMajor, formA.blas, formB.blas, blasint(rows), blasint(columns), blasint(inner), 1,
                a.floats.base, blasint(a.stride), b.floats.base, blasint(b.stride), beta, floats.base,
                blasint(stride))
        }
    }

    /// Multiplications up to which a plain product is done without OpenBLAS.
    private static let smallMax = 1 << 16

    /// Row by row the sum of the rows of `b`, weighted by the elements of a row of `a`.
    private func setSmallProduct(_ a: Matrix, _ b: Matrix, accumulate: Bool) {
        for index in 0..<rows {
            let sum = row(index)
            if !accumulate { sum.fill(0) }
            for inner in 0..<a.columns { sum.add(b.row(inner), scale: a[index, inner]) }
        }
    }

    /// Adds the sum of each column to `sums`, of `columns` elements, row after row.
    public func addColumnSums(to sums: Floats) {
        precondition(sums.count == columns, "one sum a column")
        for index in 0..<rows { sums.add(row(index)) }
    }

    /// Adds `vector`, of `columns` elements, to every row.
    public func addToRows(_ vector: Floats) {
        precondition(vector.count == columns, "one element a column")
        for index in 0..<rows { row(index).add(vector) }
    }
}
