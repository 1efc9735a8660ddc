import Foundation
import Learning
import Testing

@Suite struct CheckpointTests {
    /// A path that is free, in a folder of its own that goes with the test.
    func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.path)
    }

    func bytes(_ header: String, data: Int, length: Int? = nil) -> [UInt8] {
        let text = Array(header.utf8)
        let count = length ?? text.count
        return (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + text + [UInt8](repeating: 0, count: data)
    }

    @Test("Every element type, metadata with odd text and an empty tensor come back as they were") func roundTrip()
        throws
    {
        var file = TensorFile()
        file.tensors["a"] = .init(
            shape: [2, 3], .float32([1, -0.0, .leastNonzeroMagnitude, 4, .pi, .greatestFiniteMagnitude]))
        file.tensors["b \"q\" \\ \u{7} 漢"] = .init(shape: [], .float64([.ulpOfOne]))
        file.tensors["c"] = .init(shape: [2], .int64([.min, .max]))
        file.tensors["d"] = .init(shape: [0, 4], .uint8([]))
        file.tensors["e"] = .init(shape: [3], .uint8([0, 127, 255]))
        file.metadata = ["format": "pt", "line\nbreak": "\u{1F4C8}\t\"", "": ""]
        let bytes = file.bytes
        #expect(try TensorFile(bytes: bytes) == file)
        #expect(try TensorFile(bytes: bytes).bytes == bytes)
        let header = Int(bytes[0]) | Int(bytes[1]) << 8
        #expect(header % 8 == 0)
    }

    @Test("Fixtures written by the reference format read, and their bytes come back") func reference() throws {
        let path = Reference.folder.appendingPathComponent("lstm.safetensors").path
        let original = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        #expect(try TensorFile(path: path).bytes == original)
    }

    @Test("A network goes through a file and back bit for bit; PyTorch's names and shapes") func network() throws {
        try withFolder { folder in
            let path = folder + "/model.safetensors"
            let network = RecurrentNetwork(.init(), seed: 4)
            #expect(network.layout.parameterCount == 339_968 + 129)
            try network.tensorFile().write(path: path)
            let file = try TensorFile(path: path)
            #expect(file.tensors["lstm.weight_ih_l0"]?.shape == [512, 18])
            #expect(file.tensors["lstm.weight_hh_l2"]?.shape == [512, 128])
            #expect(file.tensors["head.weight"]?.shape == [1, 128])
            let other = RecurrentNetwork(.init(), seed: 5)
            try other.load(file)
            #expect(other.parameters == network.parameters)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["model.safetensors"])
        }
    }

    @Test("Saving and resuming equals training without a break, bit for bit") func resume() throws {
        func trainer(_ network: RecurrentNetwork) throws -> RecurrentTrainer {
            var configuration = RecurrentTrainer.Configuration()
            configuration.steps = 4
            configuration.batch = 4
            configuration.threads = 1
            let trainer = try RecurrentTrainer(network, configuration)
            var random = Xoshiro256StarStar(seed: 1)
            for row in 0..<4 {
                let window = uniform(12, &random)
                let target = uniform(1, &random)
                trainer.setWindow(row, window.span, targets: target.span)
            }
            return trainer
        }
        let sizes = RecurrentNetwork.Configuration(inputs: 3, hidden: 8, layers: 2, dropout: 0.3)
        let whole = try trainer(RecurrentNetwork(sizes, seed: 1))
        for _ in 0..<10 { _ = whole.step() }
        let first = try trainer(RecurrentNetwork(sizes, seed: 1))
        for _ in 0..<5 { _ = first.step() }
        var file = first.network.tensorFile()
        first.adam.add(to: &file, first.network.layout)
        let read = try TensorFile(bytes: file.bytes)
        let second = try trainer(RecurrentNetwork(sizes, seed: 99))
        try second.network.load(read)
        try second.adam.load(read, second.network.layout)
        for _ in 0..<5 { _ = second.step() }
        #expect(second.network.parameters.map(\.bitPattern) == whole.network.parameters.map(\.bitPattern))
        #expect(second.adam.step == 10)
    }

    static let good = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#

    @Test("The smallest file is good") func smallest() throws {
        #expect(try TensorFile(bytes: bytes(Self.good, data: 8)).tensors["a"]?.shape == [2])
        #expect(try TensorFile(bytes: bytes("{}", data: 0)).tensors.isEmpty)
    }

    static let headers: [(String, Int)] = [
        ("", 0), ("[]", 0), ("{", 0), ("{}x", 0), ("null", 0), (#"{"a":1}"#, 0), (#"{"a":{}}"#, 0),
        (
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}"#,
            8
        ),
        (#"{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#, 4),
        (#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8),
        (#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8),
        (#"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, 8),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, 12),
        (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1}}"#, 8),
        (#"{"a":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,0]}}"#, 0),
        (#"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}"#, 8),
        (
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            8
        ),
        (
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#,
            12
        ),
        (#"{"__metadata__":{"a":1}}"#, 0), (#"{"__metadata__":[]}"#, 0), (#"{"\ud800":1}"#, 0), (#"{"\q":1}"#, 0),
        (#"{"a":[[[[[[1]]]]]]}"#, 0),
        (good, 7), (good, 9), (good, 0),
    ]

    @Test("A header or data that is wrong is an error, never a crash", arguments: headers.indices)
    func badHeaders(_ index: Int) {
        let (header, data) = Self.headers[index]
        #expect(throws: LearningError.self, "\(header)") { try TensorFile(bytes: bytes(header, data: data)) }
    }

    @Test("Every truncation of a file and every flipped byte of its header is an error or another file") func damage()
        throws
    {
        let original = bytes(Self.good, data: 8)
        for length in original.indices {
            #expect(throws: LearningError.self) { try TensorFile(bytes: Array(original[..<length])) }
        }
        for position in 0..<original.count - 8 {
            for byte in [0, 0x7F, 0xFF, UInt8(ascii: "\""), UInt8(ascii: "}"), UInt8(ascii: "9")] {
                var damaged = original
                damaged[position] = byte
                guard let read = try? TensorFile(bytes: damaged) else { continue }
                #expect(read.tensors.count == 1)
            }
        }
    }

    @Test("A header longer than the limit or the file is refused before it is read") func lengths() {
        for length in [1 << 40, TensorFile.headerBytesMax + 1, 1000, -1] {
            #expect(throws: LearningError.self) {
                try TensorFile(bytes: bytes(Self.good, data: 8, length: length))
            }
        }
    }

    @Test("Wrong shapes, absent and surplus tensors, NaN: the error names the tensor, the network stays")
    func mismatch() throws {
        let network = RecurrentNetwork(.init(inputs: 3, hidden: 8, layers: 1), seed: 1)
        let before = network.parameters
        func code(_ change: (inout TensorFile) -> Void) -> LearningError? {
            var file = RecurrentNetwork(.init(inputs: 3, hidden: 8, layers: 1), seed: 2).tensorFile()
            change(&file)
            do {
                try network.load(file)
                return nil
            } catch { return error }
        }
        let absent = code { $0.tensors["head.bias"] = nil }
        #expect(absent?.code == .missingTensor && absent?.message.contains("head.bias") == true)
        let shape = code { $0.tensors["head.bias"] = .init(shape: [2], .float32([1, 2])) }
        #expect(shape?.code == .wrongShape && shape?.message.contains("head.bias") == true)
        let type = code { $0.tensors["head.bias"] = .init(shape: [1], .float64([1])) }
        #expect(type?.code == .wrongShape)
        let nan = code { $0.tensors["head.bias"] = .init(shape: [1], .float32([.nan])) }
        #expect(nan?.code == .notFinite && nan?.message.contains("head.bias") == true)
        let surplus = code { $0.tensors["lstm.weight_ih_l1"] = .init(shape: [1], .float32([1])) }
        #expect(surplus?.code == .wrongShape && surplus?.message.contains("lstm.weight_ih_l1") == true)
        #expect(network.parameters == before)
        #expect(code { $0.tensors["scaler.mean"] = .init(shape: [1], .float32([1])) } == nil)
    }

    @Test("A file that cannot be written leaves the old one; NaN is not written") func writing() throws {
        try withFolder { folder in
            let path = folder + "/a.safetensors"
            var file = TensorFile()
            file.tensors["a"] = .init(shape: [1], .float32([1]))
            try file.write(path: path)
            var bad = file
            bad.tensors["a"] = .init(shape: [1], .float32([.infinity]))
            #expect(throws: LearningError.self) { try bad.write(path: path) }
            #expect(try TensorFile(path: path) == file)
            #expect(throws: LearningError.self) { try file.write(path: folder + "/none/a.safetensors") }
            #expect(throws: LearningError.self) { _ = try TensorFile(path: folder + "/none") }
            #expect(throws: LearningError.self) { _ = try TensorFile(path: folder) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a.safetensors"])
        }
    }
}
