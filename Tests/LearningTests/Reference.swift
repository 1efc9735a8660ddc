import Foundation
import Learning
import Testing

/// Reference numbers made by `Fixtures/make_fixtures.py`.
struct Reference {
    let file: TensorFile
    let name: String

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures")

    init(_ name: String) throws {
        self.name = name
        file = try TensorFile(path: Self.folder.appendingPathComponent("\(name).safetensors").path)
    }

    /// Elements and shape of a tensor.
    func tensor(_ name: String) throws -> (values: [Float], shape: [Int]) {
        let tensor = try #require(file.tensors[name], "\(name) in \(self.name)")
        guard case .float32(let values) = tensor.elements else { return ([], []) }
        return (values, tensor.shape)
    }

    func values(_ name: String) throws -> [Float] { try tensor(name).values }

    /// A tensor of two extents as a matrix with memory of its own.
    func matrix(_ name: String) throws -> OwnedMatrix {
        let (values, shape) = try tensor(name)
        return OwnedMatrix(values, columns: shape.last ?? 1)
    }

    /// Copies the tensors `<prefix>.before.*` into an arena.
    func load(_ prefix: String, into values: Floats, _ layout: ParameterLayout) throws {
        try file.load(into: values, layout, prefix: "\(prefix).before.")
    }

    /// Largest distance between an arena and the tensors `<prefix>.<kind>.*`, as a multiple of
    /// `relative` · |reference| + `absolute`.
    func distance(
        _ prefix: String, _ values: Floats, _ layout: ParameterLayout, relative: Float, absolute: Float
    ) throws -> Float {
        var largest: Float = 0
        for spec in layout.specs {
            let reference = try self.values("\(prefix).\(spec.name)")
            let mine = values.run(spec).array
            largest = max(largest, tensorDistance(mine, reference, relative: relative, absolute: absolute))
        }
        return largest
    }
}

/// Largest |a - b| as a multiple of `relative` · |b| + `absolute`; infinite for arrays of different lengths or NaN.
func tensorDistance(_ a: [Float], _ b: [Float], relative: Float, absolute: Float) -> Float {
    guard a.count == b.count else { return .infinity }
    return zip(a, b).reduce(0) { largest, pair in
        let ratio = abs(pair.0 - pair.1) / (relative * abs(pair.1) + absolute)
        return ratio.isNaN ? .infinity : max(largest, ratio)
    }
}

/// A matrix that keeps its memory alive.
final class OwnedMatrix {
    let matrix: Matrix
    private let buffer: FloatBuffer

    init(_ values: [Float], columns: Int) {
        buffer = FloatBuffer(count: values.count)
        buffer.floats.copy(from: values)
        matrix = Matrix(buffer.floats, rows: values.count / columns, columns: columns)
    }

    convenience init(rows: Int, columns: Int) {
        self.init([Float](repeating: 0, count: rows * columns), columns: columns)
    }

    var array: [Float] { buffer.floats.array }
}

/// Uniform numbers in ±scale.
func uniform(_ count: Int, _ random: inout Xoshiro256StarStar, scale: Float = 1) -> [Float] {
    (0..<count).map { _ in random.uniform(-scale, scale) }
}
