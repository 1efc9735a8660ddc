extension TensorFile {
    /// Longest header that is read, as in the reference library.
    public static let headerBytesMax = 100_000_000

    /// What `bytes` hold; every fault of the format is an error that names it.
    public init(bytes: [UInt8]) throws(LearningError) {
        guard bytes.count >= 8 else { throw Self.fault("\(bytes.count) bytes are too few for a header length") }
        var length: UInt64 = 0
        for index in 0..<8 { length |= UInt64(bytes[index]) << (8 * index) }
        guard length <= UInt64(Self.headerBytesMax) else { throw Self.fault("a header of \(length) bytes") }
        guard Int(length) <= bytes.count - 8 else {
            throw Self.fault("the header of \(length) bytes is cut off after \(bytes.count - 8)")
        }
        let header = try HeaderJSON.parse(bytes.span.extracting(8..<8 + Int(length)))
        guard case .object(let members) = header else { throw Self.fault("the header is no object") }
        let data = bytes.span.extracting((8 + Int(length))...)
        var places: [(range: Range<Int>, name: String)] = []
        for (name, value) in members {
            if name == "__metadata__" {
                metadata = try Self.metadata(value)
                continue
            }
            let entry = try Entry(name, value)
            guard entry.range.upperBound <= data.count else {
                throw Self.fault("tensor '\(name)' ends at \(entry.range.upperBound) of \(data.count) bytes of data")
            }
            places.append((entry.range, name))
            tensors[name] = Tensor(shape: entry.shape, entry.kind.decode(data.extracting(entry.range)))
        }
        places.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
        var end = 0
        for place in places {
            guard place.range.lowerBound == end else {
                throw Self.fault(
                    "tensor '\(place.name)' starts at \(place.range.lowerBound), the last one ends at \(end)")
            }
            end = place.range.upperBound
        }
        guard end == data.count else { throw Self.fault("\(data.count - end) bytes after the last tensor") }
    }

    /// The bytes of the file; equal files give equal bytes.
    public var bytes: [UInt8] {
        let ordered = tensors.sorted { a, b in
            let first = Kind(a.value.elements)
            let second = Kind(b.value.elements)
            return (first.rank, a.key) < (second.rank, b.key)
        }
        var data: [UInt8] = []
        var entries: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }
                .map { "\(HeaderJSON.quoted($0.key)):\(HeaderJSON.quoted($0.value))" }
            entries.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        for (name, tensor) in ordered {
            let start = data.count
            Kind.encode(tensor.elements, to: &data)
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            entries.append(
                "\(HeaderJSON.quoted(name)):{\"dtype\":\"\(Kind(tensor.elements).rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(start),\(data.count)]}")
        }
        var header = Array("{\(entries.joined(separator: ","))}".utf8)
        while header.count % 8 != 0 { header.append(0x20) }
        let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
        return length + header + data
    }

    private static func fault(_ message: String) -> LearningError {
        LearningError(.malformed, "safetensors: \(message)")
    }

    private static func metadata(_ value: HeaderJSON) throws(LearningError) -> [String: String] {
        guard case .object(let members) = value else { throw fault("__metadata__ is no object") }
        var result: [String: String] = [:]
        for (key, value) in members {
            guard case .string(let text) = value else { throw fault("metadata '\(key)' is no text") }
            result[key] = text
        }
        return result
    }

    /// A tensor's line of the header.
    private struct Entry {
        let kind: Kind
        let shape: [Int]
        let range: Range<Int>

        init(_ name: String, _ value: HeaderJSON) throws(LearningError) {
            guard case .object(let members) = value else { throw fault("tensor '\(name)' is no object") }
            var fields: [String: HeaderJSON] = [:]
            for (key, value) in members { fields[key] = value }
            guard fields.count == 3, case .string(let type)? = fields["dtype"], let extents = fields["shape"],
                let offsets = fields["data_offsets"]
            else { throw fault("tensor '\(name)' needs dtype, shape and data_offsets") }
            guard let kind = Kind(rawValue: type) else { throw fault("tensor '\(name)' is of type '\(type)'") }
            guard let shape = Self.integers(extents), let bounds = Self.integers(offsets), bounds.count == 2,
                bounds[0] <= bounds[1]
            else { throw fault("tensor '\(name)' has no valid shape or offsets") }
            var bytes = kind.size
            for extent in shape {
                let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
                guard !overflow else { throw fault("tensor '\(name)' is of an impossible shape") }
                bytes = product
            }
            guard bytes == bounds[1] - bounds[0] else {
                throw fault("tensor '\(name)' of shape \(shape) needs \(bytes) bytes, has \(bounds[1] - bounds[0])")
            }
            self.kind = kind
            self.shape = shape
            range = bounds[0]..<bounds[1]
        }

        private static func integers(_ value: HeaderJSON) -> [Int]? {
            guard case .array(let elements) = value else { return nil }
            var result: [Int] = []
            for element in elements {
                guard case .integer(let number) = element else { return nil }
                result.append(number)
            }
            return result
        }
    }

    /// Element types under their names in the format.
    private enum Kind: String {
        case float32 = "F32"
        case float64 = "F64"
        case int64 = "I64"
        case uint8 = "U8"

        init(_ elements: Elements) {
            switch elements {
            case .float32: self = .float32
            case .float64: self = .float64
            case .int64: self = .int64
            case .uint8: self = .uint8
            }
        }

        /// Bytes of an element.
        var size: Int {
            switch self {
            case .float64, .int64: 8
            case .float32: 4
            case .uint8: 1
            }
        }

        /// Place in the order of a file: wide elements first, so that all are aligned.
        var rank: Int {
            switch self {
            case .int64: 0
            case .float64: 1
            case .float32: 2
            case .uint8: 3
            }
        }

        func decode(_ bytes: Span<UInt8>) -> Elements {
            func word(_ index: Int) -> UInt64 {
                var word: UInt64 = 0
                for byte in 0..<size { word |= UInt64(bytes[index * size + byte]) << (8 * byte) }
                return word
            }
            let indices = 0..<bytes.count / size
            switch self {
            case .float32: return .float32(indices.map { Float(bitPattern: UInt32(word($0))) })
            case .float64: return .float64(indices.map { Double(bitPattern: word($0)) })
            case .int64: return .int64(indices.map { Int64(bitPattern: word($0)) })
            case .uint8: return .uint8(indices.map { UInt8(word($0)) })
            }
        }

        static func encode(_ elements: Elements, to data: inout [UInt8]) {
            func append(_ word: UInt64, _ size: Int) {
                for byte in 0..<size { data.append(UInt8(truncatingIfNeeded: word >> (8 * byte))) }
            }
            switch elements {
            case .float32(let values): for value in values { append(UInt64(value.bitPattern), 4) }
            case .float64(let values): for value in values { append(value.bitPattern, 8) }
            case .int64(let values): for value in values { append(UInt64(bitPattern: value), 8) }
            case .uint8(let values): data += values
            }
        }
    }
}
