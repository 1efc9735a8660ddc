/// Where a tensor of parameters lies in the arenas of its model: a small value that layers keep.
public struct ParameterSlot: BitwiseCopyable, Sendable {
    /// First element.
    public let offset: Int
    /// Rows; 1 for a vector.
    public let rows: Int
    /// Columns, or the length of a vector.
    public let columns: Int

    /// Number of elements.
    public var count: Int { rows * columns }
}

/// A named tensor of a model, as checkpoints store it.
public struct ParameterSpec: Sendable, Equatable {
    /// PyTorch's name, as `lstm.weight_ih_l0`.
    public let name: String
    /// One or two extents.
    public let shape: [Int]
    /// First element in an arena.
    public let offset: Int

    /// Number of elements.
    public var count: Int { shape.reduce(1, *) }
}

/// The tensors of a model in order: values, gradients and optimiser moments are arenas of this one layout.
///
/// Each tensor starts at a multiple of 16 elements. The gaps stay zero in every arena, so optimisers and norms run over
/// a whole arena in one loop.
public struct ParameterLayout: Sendable {
    /// In the order they were added.
    public private(set) var specs: [ParameterSpec] = []
    /// Elements of an arena, the gaps included.
    public private(set) var count = 0

    /// A layout without tensors.
    public init() {}

    /// Adds a tensor of one or two extents under a name that is not taken yet.
    public mutating func add(_ name: String, shape: [Int]) -> ParameterSlot {
        precondition((1...2).contains(shape.count) && shape.allSatisfy { $0 > 0 }, "shape \(shape) of \(name)")
        precondition(!specs.contains { $0.name == name }, "two tensors named \(name)")
        let spec = ParameterSpec(name: name, shape: shape, offset: count)
        specs.append(spec)
        count += (spec.count + Floats.lanes - 1) / Floats.lanes * Floats.lanes
        return ParameterSlot(
            offset: spec.offset, rows: shape.count == 2 ? shape[0] : 1, columns: shape[shape.count - 1])
    }

    /// Number of parameters, without the gaps.
    public var parameterCount: Int { specs.reduce(0) { $0 + $1.count } }

    /// The tensor named `name`.
    public func spec(_ name: String) -> ParameterSpec? { specs.first { $0.name == name } }
}

extension Floats {
    /// The elements of `slot` in this arena.
    @inline(__always)
    public func run(_ slot: ParameterSlot) -> Floats { self[slot.offset..<slot.offset + slot.count] }

    /// The tensor of `slot` in this arena.
    @inline(__always)
    public func matrix(_ slot: ParameterSlot) -> Matrix {
        Matrix(run(slot), rows: slot.rows, columns: slot.columns)
    }

    /// The elements of `spec` in this arena.
    public func run(_ spec: ParameterSpec) -> Floats { self[spec.offset..<spec.offset + spec.count] }
}
