extension DiscretePolicy {
    /// Version of the file's layout.
    private static let version = "1"
    /// Largest number of agents, features, actions of a head or units of a layer that is read.
    private static let sizeMax = 65_536
    /// Most heads and layers that are read.
    private static let listMax = 256

    /// Parameters under PyTorch's names, the normaliser as `normaliser.rows.mean`, `normaliser.rows.variance` and
    /// likewise for `state` (64 bits), sizes in the metadata.
    public func tensorFile() -> TensorFile {
        var file = TensorFile()
        file.add(network.values, network.layout)
        var metadata = [
            "format": "pt", "policy.version": Self.version, "policy.kind": kind.rawValue,
            "space.width": "\(space.width)", "space.heads": Self.text(space.heads),
            "space.agents": "\(space.agents)", "space.state_width": "\(space.stateWidth)",
        ]
        switch network {
        case .actorCritic(let network):
            let sizes = network.configuration
            metadata["network.layers"] = Self.text(sizes.policyLayers)
            metadata["network.value_layers"] = Self.text(sizes.valueLayers)
            metadata["network.activation"] = Self.text(sizes.activation)
            metadata["network.value"] = sizes.value.rawValue
        case .actionValue(let network):
            let sizes = network.configuration
            metadata["network.layers"] = Self.text(sizes.layers)
            metadata["network.activation"] = Self.text(sizes.activation)
            metadata["network.dueling"] = "\(sizes.isDueling)"
            metadata["network.streams"] = "\(sizes.streams)"
        }
        if let normaliser {
            metadata["normaliser.limit"] = "\(normaliser.rows.limit)"
            for (name, part) in [("rows", normaliser.rows), ("state", normaliser.state)] where !part.means.isEmpty {
                let shape = [part.means.count]
                file.tensors["normaliser.\(name).mean"] = .init(shape: shape, .float64(part.means))
                file.tensors["normaliser.\(name).variance"] = .init(shape: shape, .float64(part.variances))
            }
        }
        file.metadata = metadata
        return file
    }

    /// The policy in `file`; anything that is absent or does not fit is an error that names it.
    public convenience init(_ file: TensorFile) throws(LearningError) {
        let reader = PolicyReader(file: file)
        guard try reader.text("policy.version") == Self.version else {
            throw LearningError(.malformed, "the policy is of version \(try reader.text("policy.version"))")
        }
        guard let kind = Kind(rawValue: try reader.text("policy.kind")) else {
            throw LearningError(.malformed, "'policy.kind' is '\(try reader.text("policy.kind"))'")
        }
        let space = try reader.space(sizeMax: Self.sizeMax, listMax: Self.listMax)
        let layers = try reader.list("network.layers", 1...Self.sizeMax, 0...Self.listMax)
        let activation = try Self.activation(try reader.text("network.activation"))
        try reader.checkSize([space.width] + layers + [space.actions])
        let network: Network
        switch kind {
        case .actorCritic:
            guard let value = ActorCriticConfiguration.ValueSource(rawValue: try reader.text("network.value")),
                value != .state || space.stateWidth > 0
            else { throw LearningError(.malformed, "'network.value' is '\(try reader.text("network.value"))'") }
            let valueLayers = try reader.list("network.value_layers", 1...Self.sizeMax, 0...Self.listMax)
            try reader.checkSize([space.width] + valueLayers)
            network = .actorCritic(
                ActorCriticNetwork(
                    space,
                    .init(policyLayers: layers, valueLayers: valueLayers, activation: activation, value: value), seed: 0
                ))
        case .actionValue:
            let isDueling = try reader.flag("network.dueling")
            let streams = try reader.number("network.streams", 0...Self.sizeMax)
            if isDueling { try reader.checkSize([layers.last ?? space.width, streams]) }
            network = .actionValue(
                ActionValueNetwork(
                    space, .init(layers: layers, activation: activation, isDueling: isDueling, streams: streams),
                    seed: 0))
        }
        try file.load(into: network.values, network.layout)
        self.init(network, try reader.normaliser(space))
    }

    /// Reads the file at `path`.
    public static func read(_ path: String) throws(LearningError) -> DiscretePolicy {
        let file = try TensorFile(path: path)
        do {
            return try DiscretePolicy(file)
        } catch {
            throw LearningError(error.code, "\(path): \(error.message)")
        }
    }

    /// Writes the file at `path`: whole, or not at all.
    public func write(to path: String) throws(LearningError) { try tensorFile().write(path: path) }

    private static func text(_ numbers: [Int]) -> String { numbers.map { "\($0)" }.joined(separator: " ") }

    private static func text(_ activation: Activation) -> String {
        switch activation {
        case .relu: "relu"
        case .tanh: "tanh"
        }
    }

    private static func activation(_ name: String) throws(LearningError) -> Activation {
        switch name {
        case "relu": return .relu
        case "tanh": return .tanh
        default: throw LearningError(.malformed, "'network.activation' is '\(name)'")
        }
    }
}

/// Reads sizes and normaliser of a policy's file.
private struct PolicyReader {
    let file: TensorFile

    func text(_ key: String) throws(LearningError) -> String {
        guard let text = file.metadata[key] else { throw LearningError(.malformed, "no '\(key)' in the metadata") }
        return text
    }

    func number(_ key: String, _ range: ClosedRange<Int>) throws(LearningError) -> Int {
        guard let number = Int(try text(key)), range.contains(number) else {
            throw LearningError(.malformed, "'\(key)' is '\(try text(key))'")
        }
        return number
    }

    func flag(_ key: String) throws(LearningError) -> Bool {
        guard let flag = Bool(try text(key)) else { throw LearningError(.malformed, "'\(key)' is '\(try text(key))'") }
        return flag
    }

    func list(
        _ key: String, _ range: ClosedRange<Int>, _ counts: ClosedRange<Int>
    ) throws(LearningError) -> [Int] {
        let parts = try text(key).split(separator: " ")
        let numbers = parts.compactMap { Int($0) }
        guard numbers.count == parts.count, counts.contains(numbers.count), numbers.allSatisfy(range.contains) else {
            throw LearningError(.malformed, "'\(key)' is '\(try text(key))'")
        }
        return numbers
    }

    func space(sizeMax: Int, listMax: Int) throws(LearningError) -> DecisionSpace {
        DecisionSpace(
            width: try number("space.width", 1...sizeMax), heads: try list("space.heads", 1...sizeMax, 1...listMax),
            agents: try number("space.agents", 1...sizeMax), stateWidth: try number("space.state_width", 0...sizeMax))
    }

    /// Refuses layers of more weights than the file has numbers: a corrupt size must not ask for all memory.
    func checkSize(_ widths: [Int]) throws(LearningError) {
        let held = file.tensors.values.reduce(0) { $0 + $1.elements.count }
        let needed = zip(widths, widths.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 }
        guard needed <= held else {
            throw LearningError(.malformed, "layers \(widths) need \(needed) weights, the file holds \(held) numbers")
        }
    }

    func normaliser(_ space: DecisionSpace) throws(LearningError) -> ObservationNormaliser? {
        guard let text = file.metadata["normaliser.limit"] else { return nil }
        guard let limit = Float(text), limit > 0, limit.isFinite else {
            throw LearningError(.malformed, "'normaliser.limit' is '\(text)'")
        }
        var normaliser = ObservationNormaliser(space, limit: limit)
        normaliser.rows = try part("rows", space.width, limit)
        if space.stateWidth > 0 { normaliser.state = try part("state", space.stateWidth, limit) }
        return normaliser
    }

    private func part(_ name: String, _ width: Int, _ limit: Float) throws(LearningError) -> FeatureNormaliser {
        let means = try doubles("normaliser.\(name).mean", width)
        let variances = try doubles("normaliser.\(name).variance", width)
        guard let part = FeatureNormaliser(means: means, variances: variances, limit: limit) else {
            throw LearningError(.notFinite, "tensor 'normaliser.\(name).variance' or its mean holds no statistics")
        }
        return part
    }

    private func doubles(_ name: String, _ width: Int) throws(LearningError) -> [Double] {
        guard let tensor = file.tensors[name] else { throw LearningError(.missingTensor, "no tensor '\(name)'") }
        guard tensor.shape == [width], case .float64(let elements) = tensor.elements else {
            throw LearningError(
                .wrongShape, "tensor '\(name)' is \(tensor.shape), the policy needs \([width]) of 64 bits")
        }
        return elements
    }
}
