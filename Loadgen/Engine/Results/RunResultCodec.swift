internal import Telemetry

/// A run's result as bytes, for a worker process to hand to the one that started it.
///
/// A version byte, then every field in the order of `RunResult`: integers as LEB128 (signed ones zigzag), doubles as
/// their bits, text and lists behind their length, histograms as their occupied sub-buckets. Everything comes back as it
/// was but the sums of histograms: they are those of the sub-buckets' middles, so a mean is off by 0.05 % at most (three
/// digits). Both ends must be of the same version. A list is at most 2^24 long.
public enum RunResultCodec {
    static let version: UInt8 = 1

    /// The result in bytes.
    public static func encode(_ result: RunResult) -> [UInt8] {
        var wire = ResultWire()
        var copy = result
        // Writing has nothing that could be malformed.
        try? wire.run(&copy)
        return [version] + wire.bytes
    }

    /// The result in these bytes.
    ///
    /// - Throws: `LoadError` for bytes of another version, cut short, or malformed.
    public static func decode(_ bytes: [UInt8]) throws(LoadError) -> RunResult {
        guard bytes.first == version else { throw LoadError(.system, "a worker's result is of another version") }
        var wire = ResultWire(reading: Array(bytes.dropFirst()))
        var result = RunResult()
        do {
            try wire.run(&result)
        } catch {
            throw LoadError(.system, "a worker's result is damaged at byte \(wire.position + 1)")
        }
        guard wire.isAtEnd else { throw LoadError(.system, "a worker's result has bytes behind its end") }
        return result
    }
}

/// Writes values, or reads them into place: one description of the format serves both.
struct ResultWire {
    struct Damage: Error {}

    private(set) var bytes: [UInt8]
    private(set) var position = 0
    private let isReading: Bool
    private static let lengthMax = 1 << 24

    /// Writes.
    init() {
        bytes = []
        isReading = false
    }

    init(reading bytes: [UInt8]) {
        self.bytes = bytes
        isReading = true
    }

    var isAtEnd: Bool { position == bytes.count }

    // MARK: Values

    mutating func word(_ value: inout UInt64) throws(Damage) {
        if isReading {
            value = 0
            for shift in stride(from: 0 as UInt64, to: 64, by: 7) {
                guard position < bytes.count else { throw Damage() }
                let byte = bytes[position]
                position += 1
                guard shift < 63 || byte <= 1 else { throw Damage() }
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return }
            }
            throw Damage()
        }
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func run(_ value: inout Int64) throws(Damage) {
        var zigzag = UInt64(bitPattern: value << 1 ^ value >> 63)
        try word(&zigzag)
        value = Int64(bitPattern: zigzag >> 1) ^ -Int64(bitPattern: zigzag & 1)
    }

    mutating func run(_ value: inout Int) throws(Damage) {
        var wide = Int64(value)
        try run(&wide)
        value = Int(wide)
    }

    mutating func run(_ value: inout UInt32) throws(Damage) {
        var wide = UInt64(value)
        try word(&wide)
        guard let narrow = UInt32(exactly: wide) else { throw Damage() }
        value = narrow
    }

    mutating func run(_ value: inout Double) throws(Damage) {
        var bits = value.bitPattern
        try word(&bits)
        value = Double(bitPattern: bits)
    }

    mutating func run(_ value: inout Bool) throws(Damage) {
        var bit = value ? 1 as UInt64 : 0
        try word(&bit)
        guard bit < 2 else { throw Damage() }
        value = bit == 1
    }

    mutating func run(_ value: inout String) throws(Damage) {
        var text = Array(value.utf8)
        var length = try length(text.count)
        if isReading {
            guard length <= bytes.count - position else { throw Damage() }
            text = Array(bytes[position..<position + length])
            position += length
            value = String(decoding: text, as: UTF8.self)
        } else {
            bytes += text
            length = 0
        }
    }

    mutating func run(_ value: inout Outcome) throws(Damage) {
        var raw = UInt64(value.rawValue)
        try word(&raw)
        guard let found = UInt8(exactly: raw).flatMap({ Outcome(rawValue: $0) }) else { throw Damage() }
        value = found
    }

    private mutating func length(_ count: Int) throws(Damage) -> Int {
        var length = UInt64(count)
        try word(&length)
        guard length <= UInt64(Self.lengthMax) else { throw Damage() }
        return Int(length)
    }

    /// A list: its length and its elements; `empty` is what reading starts each from.
    mutating func list<T>(
        _ values: inout [T], empty: T, _ element: (inout ResultWire, inout T) throws(Damage) -> Void
    ) throws(Damage) {
        let count = try length(values.count)
        if isReading {
            values = []
            for _ in 0..<count {
                guard position < bytes.count else { throw Damage() }
                var value = empty
                try element(&self, &value)
                values.append(value)
            }
        } else {
            for index in values.indices { try element(&self, &values[index]) }
        }
    }

    mutating func optional<T>(
        _ value: inout T?, empty: T, _ element: (inout ResultWire, inout T) throws(Damage) -> Void
    ) throws(Damage) {
        var isThere = value != nil
        try run(&isThere)
        guard isThere else {
            value = nil
            return
        }
        var held = value ?? empty
        try element(&self, &held)
        value = held
    }

    mutating func run(_ histogram: inout HDRHistogram) throws(Damage) {
        var (digits, least, greatest) = (histogram.digits, histogram.least, histogram.greatest)
        try run(&digits)
        try run(&least)
        try run(&greatest)
        var buckets = isReading ? [] : histogram.occupied.map { ($0.low, $0.high, $0.count) }
        try list(&buckets, empty: (0, 0, 0)) { wire, bucket throws(Damage) in
            try wire.run(&bucket.0)
            try wire.run(&bucket.1)
            try wire.word(&bucket.2)
        }
        guard isReading else { return }
        guard (2...3).contains(digits) else { throw Damage() }
        histogram = .latency(digits: digits)
        var end: Int64 = -1
        for (low, high, count) in buckets {
            guard low > end, low <= high, count > 0, count < 1 << 40, low <= histogram.highest else { throw Damage() }
            end = high
            var rest = count
            for extreme in [least, greatest] where rest > 0 && low <= extreme && extreme <= high {
                histogram.record(extreme)
                rest -= 1
            }
            histogram.record(min(low + (high - low) / 2, greatest), times: rest)
        }
    }
}
