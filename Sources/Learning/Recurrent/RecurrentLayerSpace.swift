/// Memory of one recurrent layer for windows of `steps` x `batch`: allocated once, reused by every pass.
///
/// Row t · batch + b of a matrix of steps belongs to step t of sequence b; matrices of states have `batch` more rows,
/// the first of which hold the state before step 0.
public final class RecurrentLayerSpace: Sendable {
    let steps: Int
    let batch: Int
    /// What the layer reads, [steps · batch, inputs]: own memory, or the hidden states of the layer below.
    public let input: Matrix
    /// Gates of the forward pass, then their gradients, [steps · batch, gates · hidden].
    let gates: Matrix
    /// h, [(steps + 1) · batch, hidden].
    public let hidden: Matrix
    /// c of an LSTM, [(steps + 1) · batch, hidden].
    let cell: Matrix
    /// tanh c of an LSTM, h W_hnᵀ + b_hn of a GRU, [steps · batch, hidden].
    let inner: Matrix
    /// Hidden side of a GRU's gates of one step; b_ih + b_hh of an LSTM in its first row.
    let scratch: Matrix
    /// Hidden side of a GRU's gate gradients, [steps · batch, 3 · hidden].
    let hiddenGates: Matrix
    /// Gradient with respect to h of every step as the layers above give it, [steps · batch, hidden].
    public let outputGradient: Matrix
    /// Gradient that flows back through h and c, [batch, hidden] each.
    let hiddenGradient: Matrix
    let cellGradient: Matrix
    /// Factors of dropout on the way to the next layer, [steps · batch, hidden].
    let mask: Matrix

    private let buffers: [FloatBuffer]

    /// Memory for `kind`; without `training` only what a forward pass needs, the other matrices are empty.
    init(
        _ kind: RecurrentKind, inputs: Int, hidden width: Int, steps: Int, batch: Int, reading below: Matrix?,
        training: Bool
    ) {
        var buffers: [FloatBuffer] = []
        func matrix(_ rows: Int, _ columns: Int) -> Matrix {
            let buffer = FloatBuffer(count: rows * columns)
            buffers.append(buffer)
            return Matrix(buffer.floats, rows: rows, columns: columns)
        }
        let rows = steps * batch
        let trained = training ? rows : 0
        self.steps = steps
        self.batch = batch
        input = below ?? matrix(rows, inputs)
        gates = matrix(rows, kind.gates * width)
        hidden = matrix(rows + batch, width)
        cell = matrix(kind == .lstm ? rows + batch : 0, width)
        inner = matrix(rows, width)
        scratch = matrix(kind == .lstm ? 1 : batch, kind.gates * width)
        hiddenGates = matrix(kind == .gru ? trained : 0, kind.gates * width)
        outputGradient = matrix(trained, width)
        hiddenGradient = matrix(training ? batch : 0, width)
        cellGradient = matrix(training ? batch : 0, width)
        mask = matrix(trained, width)
        self.buffers = buffers
    }

    /// The rows of step `step` in a matrix of steps; in a matrix of states, the state before that step.
    func rows(of matrix: Matrix, step: Int) -> Matrix { matrix.rows(step * batch..<(step + 1) * batch) }

    /// h after every step, [steps · batch, hidden].
    public var outputs: Matrix { hidden.rows(batch..<(steps + 1) * batch) }

    /// Makes the state after the last step the state before the first.
    func carryState() {
        rows(of: hidden, step: 0).copy(from: rows(of: hidden, step: steps))
        if cell.rows > 0 { rows(of: cell, step: 0).copy(from: rows(of: cell, step: steps)) }
    }

    /// Sets the state before the first step to zero.
    func clearState() { for row in 0..<batch { clearState(row: row) } }

    /// Sets the state of one sequence before the first step to zero.
    func clearState(row: Int) {
        hidden.row(row).fill(0)
        if cell.rows > 0 { cell.row(row).fill(0) }
    }

    /// Makes the state of sequence `row` of `other` the state of the first sequence here, each before its first step.
    func copyState(from other: RecurrentLayerSpace, row: Int) {
        hidden.row(0).copy(from: other.hidden.row(row))
        if cell.rows > 0 { cell.row(0).copy(from: other.cell.row(row)) }
    }
}
