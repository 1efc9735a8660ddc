internal import Foundation
internal import Yams

/// A mistake in a configuration file: file, line, key, and what to write instead.
struct ConfigurationError: Error, CustomStringConvertible {
    let description: String
}

/// A YAML file that is read strictly: every key must be known, every value must have its type and range.
///
/// A section remembers the keys it was asked for; `finish` then reports the first key nobody asked for, with the
/// nearest known one.
final class ConfigurationSection {
    private let file: String
    private let path: String
    private let mapping: [(key: String, line: Int, value: Node)]
    private var known: Set<String> = []
    private var children: [String: ConfigurationSection] = [:]

    /// The top of `file`.
    static func read(_ file: String) throws -> ConfigurationSection {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw ConfigurationError(description: "\(file): cannot be read")
        }
        do {
            return try ConfigurationSection(file, "", try Yams.compose(yaml: text))
        } catch let error as YamlError {
            throw ConfigurationError(description: "\(file): \(error)")
        }
    }

    private init(_ file: String, _ path: String, _ node: Node?) throws {
        self.file = file
        self.path = path
        switch node {
        case .mapping(let mapping):
            self.mapping = mapping.map { ($0.key.string ?? "?", $0.key.mark?.line ?? 0, $0.value) }
        case nil: mapping = []
        case .some(let other):
            throw ConfigurationError(description: "\(file):\(other.mark?.line ?? 0): \(path) must hold keys")
        }
    }

    private func node(_ key: String) -> (line: Int, value: Node)? {
        known.insert(key)
        return mapping.first { $0.key == key }.map { ($0.line, $0.value) }
    }

    private func wrong(_ key: String, _ line: Int, _ expected: String) -> ConfigurationError {
        ConfigurationError(description: "\(file):\(line): \(path)\(key) must be \(expected)")
    }

    /// The section below `key`, the same one at every call; empty where the file has none.
    func section(_ key: String) throws -> ConfigurationSection {
        if let child = children[key] { return child }
        let child = try ConfigurationSection(file, "\(path)\(key).", node(key)?.value)
        children[key] = child
        return child
    }

    /// A text.
    func string(_ key: String, default fallback: String) throws -> String {
        guard let (line, value) = node(key) else { return fallback }
        guard let text = value.string else { throw wrong(key, line, "a text") }
        return text
    }

    /// One of the given words.
    func word(_ key: String, default fallback: String, among words: [String]) throws -> String {
        guard let (line, value) = node(key) else { return fallback }
        guard let text = value.string, words.contains(text) else {
            throw wrong(key, line, "one of \(words.joined(separator: ", "))")
        }
        return text
    }

    /// A whole number in `range`.
    func integer(_ key: String, default fallback: Int, in range: ClosedRange<Int>) throws -> Int {
        guard let (line, value) = node(key) else { return fallback }
        guard let number = value.int, range.contains(number) else {
            throw wrong(key, line, "a whole number in \(range.lowerBound)...\(range.upperBound)")
        }
        return number
    }

    /// true or false.
    func flag(_ key: String, default fallback: Bool) throws -> Bool {
        guard let (line, value) = node(key) else { return fallback }
        guard let flag = value.bool else { throw wrong(key, line, "true or false") }
        return flag
    }

    /// A list of texts.
    func strings(_ key: String, default fallback: [String]) throws -> [String] {
        guard let (line, value) = node(key) else { return fallback }
        guard let list = value.sequence else { throw wrong(key, line, "a list") }
        return try list.map { item in
            guard let text = item.string else { throw wrong(key, item.mark?.line ?? line, "a list of texts") }
            return text
        }
    }

    /// `host:port`.
    func address(_ key: String, default fallback: String) throws -> (host: String, port: Int) {
        let line = node(key)?.line ?? 0
        let text = try string(key, default: fallback)
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port), colon > text.startIndex
        else { throw wrong(key, line, "host:port") }
        return (String(text[..<colon]), port)
    }

    /// The keys of a section whose keys are data, with their lines.
    func openKeys() -> [(key: String, line: Int)] {
        known.formUnion(mapping.map(\.key))
        return mapping.map { ($0.key, $0.line) }
    }

    /// An error about `key` in words of the caller.
    func error(_ key: String, _ text: String) -> ConfigurationError {
        ConfigurationError(description: "\(file):\(mapping.first { $0.key == key }?.line ?? 0): \(path)\(key): \(text)")
    }

    /// Refuses keys nobody asked for, in this section and those below.
    func finish() throws {
        for (key, line, _) in mapping where !known.contains(key) {
            let nearest = known.min { Self.distance($0, key) < Self.distance($1, key) }
            let hint = nearest.map { "; did you mean \(path)\($0)?" } ?? ""
            throw ConfigurationError(description: "\(file):\(line): unknown key \(path)\(key)\(hint)")
        }
        for child in children.sorted(by: { $0.key < $1.key }) { try child.value.finish() }
    }

    /// Edits needed to turn one word into the other (Levenshtein).
    static func distance(_ a: String, _ b: String) -> Int {
        let target = Array(b.utf8)
        var row = Array(0...target.count)
        for (index, byte) in a.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in target.indices {
                let cost = min(row[column] + 1, row[column + 1] + 1, diagonal + (byte == target[column] ? 0 : 1))
                diagonal = row[column + 1]
                row[column + 1] = cost
            }
        }
        return row[target.count]
    }
}
