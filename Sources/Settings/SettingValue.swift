/// One value of a settings file or option, with typed readings that say what was expected where the value is none.
public struct SettingValue: Sendable {
    /// What stands there, and where.
    public let node: SettingNode
    /// Its path in the file, such as `target.timeout` or `stages[2].rate`.
    public let path: String

    /// A value at a path.
    public init(_ node: SettingNode, path: String) {
        self.node = node
        self.path = path
    }

    /// How messages call it: the option's name where it was given as one, else its path.
    public var subject: String {
        if case .option(let name) = node.place { return name }
        return path.isEmpty ? "the file" : path
    }

    /// An error about it in words of the caller.
    public func error(_ text: String) -> SettingsError { SettingsError(node.place, "\(subject): \(text)") }

    /// The error of a value that is not what was expected: `target.timeout must be ...`.
    public func must(_ expected: String) -> SettingsError {
        SettingsError(node.place, "\(subject) must \(expected)")
    }

    private func parsed<T>(_ expected: @autoclosure () -> String, _ parse: (String) -> T?) throws(SettingsError) -> T {
        guard case .scalar(let text) = node.content, let value = parse(text) else { throw must("be \(expected())") }
        return value
    }

    // MARK: Readings

    /// A text; the empty one too.
    public func text() throws(SettingsError) -> String { try parsed("a text") { $0 } }

    /// A text that is not empty.
    public func name() throws(SettingsError) -> String {
        try parsed("a text that is not empty") { $0.isEmpty ? nil : $0 }
    }

    /// A whole number in `range`.
    public func integer(in range: ClosedRange<Int>) throws(SettingsError) -> Int {
        try parsed("a whole number in \(range.lowerBound)...\(range.upperBound)") { text in
            QuantityText.integer(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A whole number from 0 to 2^64 - 1.
    public func unsigned() throws(SettingsError) -> UInt64 {
        try parsed("a whole number from 0 to 2^64 - 1") { UInt64($0) }
    }

    /// A number in `range`.
    public func number(in range: ClosedRange<Double>) throws(SettingsError) -> Double {
        try parsed("a number in \(Self.plain(range.lowerBound))...\(Self.plain(range.upperBound))") { text in
            QuantityText.number(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// true or false.
    public func flag() throws(SettingsError) -> Bool { try parsed("true or false") { Bool($0) } }

    /// One of the given words.
    public func word(among words: [String]) throws(SettingsError) -> String {
        try parsed("one of \(words.joined(separator: ", "))") { words.contains($0) ? $0 : nil }
    }

    /// The case whose raw value stands there.
    public func choice<T: RawRepresentable & CaseIterable>(
        _ type: T.Type
    ) throws(SettingsError) -> T where T.RawValue == String {
        try parsed("one of \(T.allCases.map(\.rawValue).joined(separator: ", "))") { T(rawValue: $0) }
    }

    /// A time in `range`, nanoseconds; see `QuantityText.nanoseconds`.
    public func nanoseconds(in range: ClosedRange<Int64>) throws(SettingsError) -> Int64 {
        let found = try parsed("a time such as 10s, 1.5m or 500ms") { QuantityText.nanoseconds($0) }
        guard range.contains(found) else {
            throw must("be a time from \(Self.time(range.lowerBound)) to \(Self.time(range.upperBound))")
        }
        return found
    }

    /// A time in `range`, with a precision of a nanosecond.
    public func duration(in range: ClosedRange<Duration>) throws(SettingsError) -> Duration {
        .nanoseconds(try nanoseconds(in: Self.nanoseconds(range.lowerBound)...Self.nanoseconds(range.upperBound)))
    }

    /// Events a second in `range`; see `QuantityText.rate`.
    public func rate(in range: ClosedRange<Double>) throws(SettingsError) -> Double {
        let found = try parsed("a rate such as 15000, 1000/s or 60/min") { QuantityText.rate($0) }
        guard range.contains(found) else {
            throw must("be a rate from \(Self.plain(range.lowerBound)) to \(Self.plain(range.upperBound)) a second")
        }
        return found
    }

    /// Bytes in `range`; see `QuantityText.bytes`.
    public func bytes(in range: ClosedRange<Int>) throws(SettingsError) -> Int {
        let found = try parsed("a size such as 64MiB or 512") { QuantityText.bytes($0) }
        guard range.contains(found) else {
            throw must("be a size from \(range.lowerBound) to \(range.upperBound) bytes")
        }
        return found
    }

    /// A share in `range`, written `2%` or `0.02`.
    public func share(in range: ClosedRange<Double> = 0...1) throws(SettingsError) -> Double {
        let found = try parsed("a share such as 2% or 0.02") { QuantityText.share($0) }
        guard range.contains(found) else {
            throw must("be a share from \(Self.plain(range.lowerBound)) to \(Self.plain(range.upperBound))")
        }
        return found
    }

    /// `host:port`; the port is 0...65,535, brackets around IPv6 addresses are kept.
    public func address() throws(SettingsError) -> (host: String, port: Int) {
        try parsed("host:port with a port in 0...65535") { text in
            guard let colon = text.lastIndex(of: ":"), colon > text.startIndex,
                let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port)
            else { return nil }
            return (String(text[..<colon]), port)
        }
    }

    /// The values of a list.
    public func list() throws(SettingsError) -> [SettingValue] {
        guard case .list(let items) = node.content else { throw must("be a list") }
        return items.enumerated().map { SettingValue($1, path: "\(path)[\($0)]") }
    }

    /// The keys below it.
    public func section() throws(SettingsError) -> SettingsSection { try SettingsSection(self) }

    /// Whether it is a single value.
    public var isScalar: Bool {
        if case .scalar = node.content { return true }
        return false
    }

    /// Whether it is a list.
    public var isList: Bool {
        if case .list = node.content { return true }
        return false
    }

    // MARK: Numbers in messages

    private static func plain(_ value: Double) -> String {
        value == value.rounded() && value.magnitude < 1e15 ? "\(Int(value))" : "\(value)"
    }

    private static func time(_ nanoseconds: Int64) -> String {
        for (suffix, unit) in [("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000)]
            as [(String, Int64)]
        where nanoseconds >= unit && nanoseconds % unit == 0 {
            return "\(nanoseconds / unit)\(suffix)"
        }
        for (suffix, unit) in [("ms", 1_000_000), ("us", 1_000)] as [(String, Int64)]
        where nanoseconds >= unit && nanoseconds % unit == 0 {
            return "\(nanoseconds / unit)\(suffix)"
        }
        return nanoseconds == 0 ? "0s" : "\(nanoseconds)ns"
    }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
