/// Trains a network on batches of windows: forward, backward through time, clipping and Adam in memory that is
/// allocated once.
///
/// The batch is split into `shards` fixed parts with gradients of their own, which are added in the order of the shards.
/// The number of `threads` decides only who computes a shard, so one seed gives the same bits with one thread and with
/// two. Dropout masks come from (seed, step, layer, row) and depend on neither.
public final class RecurrentTrainer {
    /// Settings of training.
    public struct Configuration: Sendable, Equatable {
        /// Steps of a window.
        public var steps = 30
        /// Windows of a batch.
        public var batch = 64
        /// What is minimised; pinball over the network's levels if it has a quantile head.
        public var loss = Loss.meanSquared
        /// Step size and clipping.
        public var adam = Adam.Configuration(clipNorm: 1)
        /// Seed of the dropout masks.
        public var seed: UInt64 = 1
        /// Parts of a batch, 1 or 2: part of the arithmetic.
        public var shards = 2
        /// Threads, at most `shards`: changes the speed only.
        public var threads = 2

        /// The defaults above.
        public init() {}
    }

    /// What a step did.
    public struct Outcome: Sendable, Equatable {
        /// Mean loss of the batch before the update.
        public let loss: Double
        /// Norm of the gradient before clipping.
        public let gradientNorm: Double
        /// False if loss or gradient was not finite: then nothing has changed.
        public var isApplied: Bool { loss.isFinite && gradientNorm.isFinite }
    }

    /// The network trained.
    public let network: RecurrentNetwork
    /// Settings.
    public let configuration: Configuration
    /// Moments and step count.
    public let adam: Adam
    private let shards: [TrainingShard]
    private let pair: ThreadPair?

    /// Allocates all memory of training and starts the second thread if one is asked for.
    public init(_ network: RecurrentNetwork, _ configuration: Configuration) throws(LearningError) {
        precondition((1...2).contains(configuration.shards), "\(configuration.shards) shards")
        precondition((1...configuration.shards).contains(configuration.threads), "\(configuration.threads) threads")
        precondition(configuration.batch >= configuration.shards, "a shard without a window")
        var configuration = configuration
        if let quantiles = network.configuration.quantiles { configuration.loss = .pinball(levels: quantiles.levels) }
        let width = network.configuration.targets * configuration.loss.outputsPerTarget
        precondition(width == network.configuration.outputs, "the loss needs \(width) outputs")
        self.network = network
        self.configuration = configuration
        adam = Adam(network.layout, configuration: configuration.adam)
        let half = configuration.batch / configuration.shards
        let bounds = configuration.shards == 1 ? [0, configuration.batch] : [0, half, configuration.batch]
        let shards = zip(bounds, bounds.dropFirst()).map { first, end in
            TrainingShard(network, configuration, rows: first..<end)
        }
        self.shards = shards
        pair = configuration.threads == 2 ? try ThreadPair { shards[$0].computeGradient() } : nil
    }

    /// Gradient of the last step, valid while the trainer lives.
    private var gradients: Floats { shards[0].gradients }

    /// Calls `body` with the gradient of the last step in the layout of the parameters, before clipping; the trainer
    /// lives until `body` returns, and the handle must not leave it.
    public func withGradients<Result, Failure: Error>(
        _ body: (Floats) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(self) { () throws(Failure) -> Result in try body(gradients) }
    }

    /// Puts window `row` of the batch in place: `steps` x `inputs` numbers, the oldest step first, and its targets.
    public func setWindow(_ row: Int, _ window: Span<Float>, targets: Span<Float>) {
        let shard = row < shards[0].rows.upperBound ? shards[0] : shards[shards.count - 1]
        shard.setWindow(row - shard.rows.lowerBound, window, targets: targets)
    }

    /// Computes loss and gradients of the batch in place with the masks of the next step; changes no parameter.
    public func computeGradient() -> Double {
        for shard in shards { shard.stepNumber = adam.step }
        if let pair { pair.run() } else { for shard in shards { shard.computeGradient() } }
        for shard in shards.dropFirst() { shards[0].gradients.add(shard.gradients) }
        return shards.reduce(0) { $0 + $1.loss }
    }

    /// One step of training on the batch in place; allocates nothing (OpenBLAS may for small layers, see
    /// `Matrix.setProduct`).
    public func step() -> Outcome {
        let loss = computeGradient()
        guard loss.isFinite else { return Outcome(loss: loss, gradientNorm: .nan) }
        return Outcome(loss: loss, gradientNorm: adam.update(network.values, gradients: gradients))
    }
}

/// One part of a batch: its windows, activations, gradients and loss.
private final class TrainingShard: @unchecked Sendable {
    // Unchecked: the thread that computes this shard is the only one to touch it until `ThreadPair.run` returns.
    let rows: Range<Int>
    var stepNumber = 0
    private(set) var loss = 0.0
    private let network: RecurrentNetwork
    private let configuration: RecurrentTrainer.Configuration
    private let space: RecurrentSpace
    private let gradientBuffer: FloatBuffer
    private let headBuffers: [FloatBuffer]
    private let targets: Matrix
    private let raw: Matrix
    private let outputs: Matrix
    private let outputGradient: Matrix

    init(_ network: RecurrentNetwork, _ configuration: RecurrentTrainer.Configuration, rows: Range<Int>) {
        self.network = network
        self.configuration = configuration
        self.rows = rows
        let sizes = network.configuration
        space = RecurrentSpace(
            network.stack, steps: configuration.steps, batch: rows.count, training: true,
            dropout: sizes.dropout > 0 && sizes.layers > 1)
        gradientBuffer = FloatBuffer(count: network.layout.count)
        let widths = [sizes.targets, sizes.outputs, sizes.outputs, sizes.outputs]
        headBuffers = widths.map { FloatBuffer(count: rows.count * $0) }
        let matrices = zip(headBuffers, widths).map { Matrix($0.floats, rows: rows.count, columns: $1) }
        targets = matrices[0]
        raw = matrices[1]
        outputs = matrices[2]
        outputGradient = matrices[3]
    }

    var gradients: Floats { gradientBuffer.floats }

    func setWindow(_ row: Int, _ window: Span<Float>, targets: Span<Float>) {
        let width = network.configuration.inputs
        precondition(row >= 0 && row < rows.count && window.count == space.steps * width, "window of another size")
        for step in 0..<space.steps {
            space.input.row(step * rows.count + row)
                .copy(from: window.extracting(step * width..<(step + 1) * width))
        }
        self.targets.row(row).copy(from: targets)
    }

    /// Loss and gradients of these rows as parts of the whole batch's mean.
    func computeGradient() {
        gradients.fill(0)
        let dropout =
            space.hasMasks
            ? DropoutMask(rate: network.configuration.dropout, seed: configuration.seed, step: stepNumber) : nil
        network.forward(
            space, raw: raw, outputs: outputs, dropout: dropout, firstRow: rows.lowerBound,
            batchTotal: configuration.batch)
        loss = configuration.loss.evaluate(
            outputs: outputs, targets: targets, gradient: outputGradient, rowsTotal: configuration.batch)
        network.configuration.quantiles?.backward(raw: raw, gradient: outputGradient)
        let last = (space.steps - 1) * rows.count..<space.steps * rows.count
        network.head.backward(
            network.values, gradients: gradients, input: space.lastHidden, outputGradient: outputGradient,
            inputGradient: space.outputGradient.rows(last))
        network.stack.backward(network.values, gradients: gradients, space)
    }
}
