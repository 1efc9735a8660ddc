/// Named tensors and text, as a safetensors file holds them: interchangeable with `safetensors.torch`.
///
/// Layout: header length as a little-endian 64-bit number, a JSON header, then the data of all tensors without gaps,
/// row-major and little-endian. Written tensors are ordered by element size, then by name, as the reference library
/// does, so equal contents give equal bytes.
public struct TensorFile: Sendable, Equatable {
    /// Elements of a tensor.
    public enum Elements: Sendable, Equatable {
        case float32([Float])
        case float64([Double])
        case int64([Int64])
        case uint8([UInt8])

        /// Number of elements.
        public var count: Int {
            switch self {
            case .float32(let elements): elements.count
            case .float64(let elements): elements.count
            case .int64(let elements): elements.count
            case .uint8(let elements): elements.count
            }
        }
    }

    /// A tensor: extents and elements, row-major.
    public struct Tensor: Sendable, Equatable {
        /// Extents; empty for a scalar.
        public let shape: [Int]
        /// As many as the product of the extents.
        public let elements: Elements

        /// Traps unless the number of elements fits the shape.
        public init(shape: [Int], _ elements: Elements) {
            precondition(shape.reduce(1, *) == elements.count, "\(elements.count) elements for shape \(shape)")
            self.shape = shape
            self.elements = elements
        }
    }

    /// By name.
    public var tensors: [String: Tensor] = [:]
    /// Free text by key.
    public var metadata: [String: String] = [:]

    /// A file without tensors.
    public init() {}

    /// The 32-bit tensor `name`, which must have `shape` and finite elements only.
    public func floats(_ name: String, shape: [Int]) throws(LearningError) -> [Float] {
        guard let tensor = tensors[name] else { throw LearningError(.missingTensor, "no tensor '\(name)'") }
        guard tensor.shape == shape else {
            throw LearningError(.wrongShape, "tensor '\(name)' is \(tensor.shape), the model needs \(shape)")
        }
        guard case .float32(let elements) = tensor.elements else {
            throw LearningError(.wrongShape, "tensor '\(name)' does not hold 32-bit floats")
        }
        if let index = elements.firstIndex(where: { !$0.isFinite }) {
            throw LearningError(.notFinite, "tensor '\(name)' holds \(elements[index]) at \(index)")
        }
        return elements
    }

    /// Adds the arena `values` of `layout`, the names behind `prefix`.
    public mutating func add(_ values: Floats, _ layout: ParameterLayout, prefix: String = "") {
        for spec in layout.specs {
            tensors[prefix + spec.name] = Tensor(shape: spec.shape, .float32(values.run(spec).array))
        }
    }

    /// Fills the arena `values` of `layout` from the tensors behind `prefix`; on an error nothing is changed.
    ///
    /// A tensor of this file that shares its first name component with the layout, but is not in it, is an error too:
    /// the file then belongs to a larger model.
    public func load(
        into values: Floats, _ layout: ParameterLayout, prefix: String = ""
    ) throws(LearningError) {
        func root(_ name: String) -> Substring { name.prefix { $0 != "." } }
        let roots = Set(layout.specs.map { root($0.name) })
        let known = Set(layout.specs.map { prefix + $0.name })
        for name in tensors.keys.sorted() where name.hasPrefix(prefix) && !known.contains(name) {
            if roots.contains(root(String(name.dropFirst(prefix.count)))) {
                throw LearningError(.wrongShape, "tensor '\(name)' has no place in the model")
            }
        }
        var loaded: [[Float]] = []
        for spec in layout.specs { loaded.append(try floats(prefix + spec.name, shape: spec.shape)) }
        for (spec, elements) in zip(layout.specs, loaded) { values.run(spec).copy(from: elements) }
    }
}

extension RecurrentNetwork {
    /// The parameters under PyTorch's names.
    public func tensorFile() -> TensorFile {
        var file = TensorFile()
        file.metadata["format"] = "pt"
        file.add(values, layout)
        return file
    }

    /// Takes over the parameters of `file`; on an error nothing is changed.
    public func load(_ file: TensorFile) throws(LearningError) { try file.load(into: values, layout) }
}

extension Adam {
    /// Adds moments and step count as `adam.m.<name>`, `adam.v.<name>` and `adam.step`.
    public func add(to file: inout TensorFile, _ layout: ParameterLayout) {
        file.add(firstMoment, layout, prefix: "adam.m.")
        file.add(secondMoment, layout, prefix: "adam.v.")
        file.tensors["adam.step"] = TensorFile.Tensor(shape: [1], .int64([Int64(step)]))
    }

    /// Takes over moments and step count of `file`; on an error nothing is changed.
    public func load(_ file: TensorFile, _ layout: ParameterLayout) throws(LearningError) {
        guard case .int64(let steps)? = file.tensors["adam.step"]?.elements, steps.count == 1, steps[0] >= 0 else {
            throw LearningError(.missingTensor, "no step count 'adam.step'")
        }
        let kept = firstMoment.array
        try file.load(into: firstMoment, layout, prefix: "adam.m.")
        do {
            try file.load(into: secondMoment, layout, prefix: "adam.v.")
        } catch {
            firstMoment.copy(from: kept)
            throw error
        }
        step = Int(steps[0])
    }
}
