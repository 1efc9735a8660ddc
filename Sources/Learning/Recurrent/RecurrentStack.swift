/// Which recurrent unit a network is made of.
public enum RecurrentKind: String, Sendable {
    /// Long short-term memory: SealOS+'s forecaster.
    case lstm
    /// Gated recurrent units: the kind of esDNN in ChainsFormer.
    case gru

    /// Blocks of rows in a layer's weights.
    public var gates: Int { self == .lstm ? 4 : 3 }
}

/// Recurrent layers on top of each other, with dropout between them and none after the last, as `torch.nn.LSTM` and
/// `torch.nn.GRU`.
public struct RecurrentStack: Sendable {
    enum Layer: Sendable {
        case lstm(LSTMLayer)
        case gru(GRULayer)
    }

    /// The unit of all layers.
    public let kind: RecurrentKind
    /// Columns of the first layer's input.
    public let inputs: Int
    /// Units of each layer.
    public let hidden: Int
    let layers: [Layer]
    private let slots: [ParameterSlot]

    /// Adds PyTorch's tensors `<name>.weight_ih_l0` and so on to `layout`.
    public init(
        _ kind: RecurrentKind, _ name: String, inputs: Int, hidden: Int, layers count: Int,
        layout: inout ParameterLayout
    ) {
        precondition(inputs > 0 && hidden > 0 && count > 0, "\(inputs) inputs, \(count) x \(hidden)")
        self.kind = kind
        self.inputs = inputs
        self.hidden = hidden
        var layers: [Layer] = []
        var slots: [ParameterSlot] = []
        for number in 0..<count {
            let width = number == 0 ? inputs : hidden
            switch kind {
            case .lstm:
                let layer = LSTMLayer(name, number: number, inputs: width, hidden: hidden, layout: &layout)
                slots += layer.weights.slots
                layers.append(.lstm(layer))
            case .gru:
                let layer = GRULayer(name, number: number, inputs: width, hidden: hidden, layout: &layout)
                slots += layer.weights.slots
                layers.append(.gru(layer))
            }
        }
        self.layers = layers
        self.slots = slots
    }

    /// PyTorch's default: every weight and bias uniform in ±1/√hidden.
    public func initialise(_ values: Floats, random: inout Xoshiro256StarStar) {
        let bound = 1 / Float(hidden).squareRoot()
        for slot in slots {
            let run = values.run(slot)
            for index in 0..<run.count { run[index] = random.uniform(-bound, bound) }
        }
    }

    /// Runs `space.input` through all layers.
    ///
    /// With `dropout`, masks lie between the layers; row b of this space is row `firstRow` + b of `batchTotal` in them.
    public func forward(
        _ values: Floats, _ space: RecurrentSpace, fromZero: Bool = true, dropout: DropoutMask? = nil,
        firstRow: Int = 0, batchTotal: Int? = nil
    ) {
        for (number, layer) in layers.enumerated() {
            let layerSpace = space.layers[number]
            switch layer {
            case .lstm(let layer): layer.forward(values, layerSpace, fromZero: fromZero)
            case .gru(let layer): layer.forward(values, layerSpace, fromZero: fromZero)
            }
            if space.hasMasks, number + 1 < layers.count {
                space.pass(
                    from: number, dropout: dropout, firstRow: firstRow, batchTotal: batchTotal ?? space.batch)
            }
        }
    }

    /// Back through layers and time from the last layer's `outputGradient`; adds to `gradients`.
    public func backward(_ values: Floats, gradients: Floats, _ space: RecurrentSpace) {
        for number in stride(from: layers.count - 1, through: 0, by: -1) {
            let layerSpace = space.layers[number]
            let below = number > 0 ? space.layers[number - 1] : nil
            switch layers[number] {
            case .lstm(let layer):
                layer.backward(values, gradients: gradients, layerSpace, inputGradient: below?.outputGradient)
            case .gru(let layer):
                layer.backward(values, gradients: gradients, layerSpace, inputGradient: below?.outputGradient)
            }
            if space.hasMasks, let below { below.outputGradient.multiply(by: below.mask) }
        }
    }
}

/// Memory of a stack for windows of `steps` x `batch`: allocated once, reused by every pass.
public final class RecurrentSpace: Sendable {
    /// Steps of a window.
    public let steps: Int
    /// Windows of a batch.
    public let batch: Int
    /// One per layer, the first one first.
    public let layers: [RecurrentLayerSpace]
    let hasMasks: Bool

    /// Memory for `stack`; without `training` only forward passes are possible, `dropout` makes room for masks.
    public init(_ stack: RecurrentStack, steps: Int, batch: Int, training: Bool, dropout: Bool = false) {
        precondition(steps > 0 && batch > 0, "\(steps) steps x \(batch)")
        precondition(training || !dropout, "dropout belongs to training")
        self.steps = steps
        self.batch = batch
        hasMasks = dropout
        var layers: [RecurrentLayerSpace] = []
        for number in stack.layers.indices {
            let below = dropout ? nil : layers.last?.outputs
            layers.append(
                RecurrentLayerSpace(
                    stack.kind, inputs: number == 0 ? stack.inputs : stack.hidden, hidden: stack.hidden, steps: steps,
                    batch: batch, reading: below, training: training))
        }
        self.layers = layers
    }

    /// What the first layer reads, [steps · batch, inputs]; row t · batch + b is step t of window b.
    public var input: Matrix { layers[0].input }

    /// h of the last layer after every step, [steps · batch, hidden].
    public var outputs: Matrix { layers[layers.count - 1].outputs }

    /// h of the last layer after the last step, [batch, hidden].
    public var lastHidden: Matrix { outputs.rows((steps - 1) * batch..<steps * batch) }

    /// Gradient with respect to `outputs`: the caller writes it before a backward pass.
    public var outputGradient: Matrix { layers[layers.count - 1].outputGradient }

    /// Makes the state after the last step the state before the first.
    public func carryState() { for layer in layers { layer.carryState() } }

    /// Sets the state before the first step to zero.
    public func clearState() { for layer in layers { layer.clearState() } }

    /// Sets the state of one sequence before the first step to zero.
    func clearState(row: Int) { for layer in layers { layer.clearState(row: row) } }

    /// Makes the state of sequence `row` of `other` the state of the first sequence here, each before its first step.
    func copyState(from other: RecurrentSpace, row: Int) {
        for (layer, source) in zip(layers, other.layers) { layer.copyState(from: source, row: row) }
    }

    /// Gives layer `number`'s hidden states to the next layer, times a mask of dropout.
    func pass(from number: Int, dropout: DropoutMask?, firstRow: Int, batchTotal: Int) {
        let source = layers[number]
        let target = layers[number + 1].input
        for step in 0..<steps {
            for index in 0..<batch {
                let row = step * batch + index
                let mask = source.mask.row(row)
                if let dropout {
                    dropout.fill(mask, layer: number, row: step * batchTotal + firstRow + index)
                } else {
                    mask.fill(1)
                }
                target.row(row).copy(from: source.outputs.row(row))
            }
        }
        target.multiply(by: source.mask)
    }
}

extension Matrix {
    /// Multiplies by `other`, of the same shape, element by element.
    public func multiply(by other: Matrix) {
        precondition(other.rows == rows && other.columns == columns, "matrices of different shapes")
        for index in 0..<rows {
            let mine = row(index)
            let factors = other.row(index)
            mine.forEachVector { at, lanes in
                mine.setVector(
                    mine.vector(at: at, lanes: lanes) * factors.vector(at: at, lanes: lanes), at: at, lanes: lanes)
            }
        }
    }
}
