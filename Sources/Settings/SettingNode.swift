/// A settings file as a tree: scalars, lists and mappings, each with its place.
///
/// `init(yaml:name:)` reads it; `set` lays options of a command line over it, so that one reader serves both.
public struct SettingNode: Sendable, Equatable {
    /// What stands there.
    public enum Content: Sendable, Equatable {
        /// A single value as written, without quotes.
        case scalar(String)
        /// Values in order.
        case list([SettingNode])
        /// Values by name, in the file's order; no name twice.
        case mapping([Entry])
    }

    /// A name in a mapping with its value.
    public struct Entry: Sendable, Equatable {
        /// The name.
        public var key: String
        /// Where the name stands.
        public var place: SettingPlace
        /// What it stands for.
        public var value: SettingNode

        /// An entry.
        public init(_ key: String, at place: SettingPlace, _ value: SettingNode) {
            self.key = key
            self.place = place
            self.value = value
        }
    }

    /// The value.
    public var content: Content
    /// Where it begins.
    public var place: SettingPlace

    /// A value at a place.
    public init(_ content: Content, at place: SettingPlace) {
        self.content = content
        self.place = place
    }

    /// An empty mapping: a file that says nothing.
    public static func empty(named name: String) -> SettingNode {
        SettingNode(.mapping([]), at: .file(name, line: 0, column: 0))
    }

    /// A value given as an option.
    public static func option(_ name: String, _ text: String) -> SettingNode {
        SettingNode(.scalar(text), at: .option(name))
    }

    /// The value at a path of names; nil where the file has none.
    public func value(at path: [String]) -> SettingNode? {
        guard let first = path.first else { return self }
        guard case .mapping(let entries) = content else { return nil }
        return entries.first { $0.key == first }?.value.value(at: Array(path.dropFirst()))
    }

    /// Puts `value` at a path of names in place of what is there, making mappings on the way.
    public mutating func set(_ path: [String], to value: SettingNode) {
        guard let first = path.first else {
            self = value
            return
        }
        var entries: [Entry] = []
        if case .mapping(let present) = content { entries = present }
        let index = entries.firstIndex { $0.key == first } ?? entries.endIndex
        if index == entries.endIndex {
            entries.append(Entry(first, at: value.place, SettingNode(.mapping([]), at: value.place)))
        }
        entries[index].value.set(Array(path.dropFirst()), to: value)
        content = .mapping(entries)
    }

    /// Takes a name out of the mapping.
    public mutating func remove(_ key: String) {
        guard case .mapping(let entries) = content else { return }
        content = .mapping(entries.filter { $0.key != key })
    }
}
