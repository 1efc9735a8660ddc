/// The keys of one mapping, read strictly: every key must be known, every value must have its type and range.
///
/// Known keys are named before reading (`allow`), or gathered while reading and checked at the end (`finish`): a
/// section remembers what it was asked for. Both report a stranger with its place and the nearest known key. One task
/// reads a section at a time.
public final class SettingsSection {
    /// Its path in the file; empty for the file itself.
    public let path: String
    /// Where it begins.
    public let place: SettingPlace
    private let entries: [SettingNode.Entry]
    private var known: [String] = []
    private var children: [SettingsSection] = []

    /// The top of a file.
    ///
    /// - Throws: where the text is no YAML, or its top is no mapping.
    public convenience init(yaml: String, name: String) throws(SettingsError) {
        try self.init(SettingValue(SettingNode(yaml: yaml, name: name), path: ""))
    }

    /// The keys of a mapping.
    public init(_ value: SettingValue) throws(SettingsError) {
        guard case .mapping(let entries) = value.node.content else { throw value.must("hold keys") }
        path = value.path
        place = value.node.place
        self.entries = entries
    }

    private init(emptyAt path: String, _ place: SettingPlace) {
        self.path = path
        self.place = place
        entries = []
    }

    /// Path of a key below it.
    public func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The keys present, in the file's order, as data: all of them count as known.
    public func openKeys() -> [(key: String, place: SettingPlace)] {
        for entry in entries { learn(entry.key) }
        return entries.map { ($0.key, $0.place) }
    }

    /// Whether the file has the key.
    public func has(_ key: String) -> Bool { entries.contains { $0.key == key } }

    /// Refuses keys beyond these at once.
    public func allow(_ keys: [String]) throws(SettingsError) {
        for key in keys { learn(key) }
        try refuseStrangers()
    }

    /// Refuses keys nobody asked for, in this section and those read through it.
    public func finish() throws(SettingsError) {
        try refuseStrangers()
        for child in children { try child.finish() }
    }

    private func refuseStrangers() throws(SettingsError) {
        for entry in entries where !known.contains(entry.key) {
            let nearest = NearestName.nearest(to: entry.key, among: known)
            let hint = nearest.map { "; did you mean \(path(of: $0))?" } ?? ""
            throw SettingsError(entry.place, "unknown key \(path(of: entry.key))\(hint)")
        }
    }

    private func learn(_ key: String) { if !known.contains(key) { known.append(key) } }

    // MARK: Values

    /// The value of a key; nil where the file has none.
    public func value(_ key: String) -> SettingValue? {
        learn(key)
        return entries.first { $0.key == key }.map { SettingValue($0.value, path: path(of: key)) }
    }

    /// The value of a key that must be there.
    public func required(_ key: String, _ why: String = "is missing") throws(SettingsError) -> SettingValue {
        guard let found = value(key) else { throw SettingsError(place, "\(path(of: key)) \(why)") }
        return found
    }

    /// The section below a key, the same one at every call; empty where the file has none.
    public func section(_ key: String) throws(SettingsError) -> SettingsSection {
        let full = path(of: key)
        if let child = children.first(where: { $0.path == full }) { return child }
        let child = try value(key)?.section() ?? SettingsSection(emptyAt: full, place)
        children.append(child)
        return child
    }

    /// An error about a key in words of the caller.
    public func error(_ key: String, _ text: String) -> SettingsError {
        guard let value = value(key) else { return SettingsError(place, "\(path(of: key)): \(text)") }
        return value.error(text)
    }

    /// A text.
    public func text(_ key: String, default fallback: String) throws(SettingsError) -> String {
        try value(key)?.text() ?? fallback
    }

    /// One of the given words.
    public func word(
        _ key: String, default fallback: String, among words: [String]
    ) throws(SettingsError) -> String {
        try value(key)?.word(among: words) ?? fallback
    }

    /// A whole number in `range`.
    public func integer(
        _ key: String, default fallback: Int, in range: ClosedRange<Int>
    ) throws(SettingsError) -> Int {
        try value(key)?.integer(in: range) ?? fallback
    }

    /// A number in `range`.
    public func number(
        _ key: String, default fallback: Double, in range: ClosedRange<Double>
    ) throws(SettingsError) -> Double {
        try value(key)?.number(in: range) ?? fallback
    }

    /// true or false.
    public func flag(_ key: String, default fallback: Bool) throws(SettingsError) -> Bool {
        try value(key)?.flag() ?? fallback
    }

    /// A list of texts.
    public func texts(_ key: String, default fallback: [String]) throws(SettingsError) -> [String] {
        guard let value = value(key) else { return fallback }
        var found: [String] = []
        for item in try value.list() { found.append(try item.text()) }
        return found
    }
}
