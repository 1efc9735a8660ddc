internal import Yams

extension SettingNode {
    /// Longest text of a settings file, bytes.
    public static let bytesMax = 4 << 20
    /// Most values of a settings file, aliases counted as often as they are used.
    public static let valuesMax = 200_000
    /// Deepest nesting of a settings file.
    public static let depthMax = 64

    /// The tree in a YAML text of one document.
    ///
    /// - Parameters:
    ///   - yaml: the text; an empty one is an empty mapping.
    ///   - name: the file's name, for messages.
    /// - Throws: `SettingsError` where it is no YAML, repeats a key, nests deeper than `depthMax`, holds more than
    ///   `valuesMax` values (an alias within an alias grows fast), or names a key by anything but text.
    public init(yaml: String, name: String) throws(SettingsError) {
        let whole = SettingPlace.file(name, line: 0, column: 0)
        guard yaml.utf8.count <= Self.bytesMax else {
            throw SettingsError(whole, "longer than \(Self.bytesMax >> 20) MiB")
        }
        guard Self.isShallow(yaml) else { throw SettingsError(whole, "nested deeper than \(Self.depthMax) levels") }
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch {
            throw Self.error(error, name, whole)
        }
        guard let root else {
            self = .empty(named: name)
            return
        }
        var copier = Copier(name: name)
        self = try copier.copy(root, depth: 0)
    }

    /// False where brackets, or dashes at the head of a line, nest so deep that the parser's recursion could hurt.
    private static func isShallow(_ yaml: String) -> Bool {
        var brackets = 0
        for line in yaml.utf8.split(separator: UInt8(ascii: "\n")) {
            var dashes = 0
            var isHead = true
            for byte in line {
                switch byte {
                case UInt8(ascii: "["), UInt8(ascii: "{"): brackets += 1
                case UInt8(ascii: "]"), UInt8(ascii: "}"): brackets = max(0, brackets - 1)
                case UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"):
                    if isHead { dashes += 1 }
                case UInt8(ascii: " "): break
                default: isHead = false
                }
            }
            guard brackets <= depthMax * 2, dashes <= depthMax * 2 else { return false }
        }
        return true
    }

    private static func error(_ error: any Error, _ name: String, _ whole: SettingPlace) -> SettingsError {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            SettingsError(.file(name, line: mark.line, column: mark.column), "not YAML: \(problem)")
        case YamlError.duplicatedKeysInMapping(let keys, let context):
            SettingsError(
                .file(name, line: context.mark.line, column: context.mark.column),
                "\(keys.sorted().joined(separator: ", ")) appears twice")
        case YamlError.reader(let problem, _, _, _): SettingsError(whole, "not YAML: \(problem)")
        default: SettingsError(whole, "not YAML")
        }
    }

    /// Turns nodes of the YAML library into ours, within the limits.
    private struct Copier {
        let name: String
        var count = 0

        mutating func copy(_ node: Node, depth: Int) throws(SettingsError) -> SettingNode {
            let place = place(node)
            count += 1
            guard count <= SettingNode.valuesMax else {
                throw SettingsError(place, "more than \(SettingNode.valuesMax) values")
            }
            guard depth <= SettingNode.depthMax else {
                throw SettingsError(place, "nested deeper than \(SettingNode.depthMax) levels")
            }
            switch node {
            case .scalar(let scalar): return SettingNode(.scalar(scalar.string), at: place)
            case .sequence(let sequence):
                var items: [SettingNode] = []
                for item in sequence { items.append(try copy(item, depth: depth + 1)) }
                return SettingNode(.list(items), at: place)
            case .mapping(let mapping):
                var entries: [Entry] = []
                for (key, value) in mapping {
                    guard case .scalar(let scalar) = key else {
                        throw SettingsError(self.place(key), "a key must be a text")
                    }
                    entries.append(Entry(scalar.string, at: self.place(key), try copy(value, depth: depth + 1)))
                }
                return SettingNode(.mapping(entries), at: place)
            case .alias: throw SettingsError(place, "an alias without its anchor")
            }
        }

        private func place(_ node: Node) -> SettingPlace {
            .file(name, line: node.mark?.line ?? 0, column: node.mark?.column ?? 0)
        }
    }
}
