import Actuation
import Synchronization

/// The parts of `labelSelector` and `fieldSelector` that an object must meet.
struct FakeSelection: Sendable {
    private enum Test: Sendable {
        case among([String], Bool)
        case present(Bool)
    }

    private var labels: [(key: String, test: Test)] = []
    private var fields: [(path: [String], value: String, isEqual: Bool)] = []

    /// The selection of a request; nil where it cannot be read.
    init?(_ query: [String: String]) {
        for part in Self.parts(query["labelSelector"] ?? "") {
            guard let label = Self.label(part) else { return nil }
            labels.append(label)
        }
        for part in Self.parts(query["fieldSelector"] ?? "") {
            guard let (key, value, isEqual) = Self.equality(part) else { return nil }
            guard ["metadata.name", "status.phase"].contains(key) else { return nil }
            fields.append((key.split(separator: ".").map(String.init), value, isEqual))
        }
    }

    /// Splits at commas outside of parentheses.
    private static func parts(_ text: String) -> [String] {
        var depth = 0
        return text.split { character in
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            return character == "," && depth == 0
        }.map(String.init)
    }

    private static func equality(_ part: String) -> (String, String, Bool)? {
        for (sign, isEqual) in [("!=", false), ("==", true), ("=", true)] {
            guard let range = part.firstRange(of: sign) else { continue }
            return (trim(part[..<range.lowerBound]), trim(part[range.upperBound...]), isEqual)
        }
        return nil
    }

    private static func label(_ part: String) -> (key: String, test: Test)? {
        for (word, isIn) in [(" notin ", false), (" in ", true)] {
            guard let range = part.firstRange(of: word) else { continue }
            let set = trim(part[range.upperBound...])
            guard set.hasPrefix("("), set.hasSuffix(")") else { return nil }
            return (
                trim(part[..<range.lowerBound]),
                .among(set.dropFirst().dropLast().split(separator: ",").map(trim), isIn)
            )
        }
        if let (key, value, isEqual) = equality(part) { return (key, .among([value], isEqual)) }
        let key = trim(part[...])
        return key.hasPrefix("!") ? (String(key.dropFirst()), .present(false)) : (key, .present(true))
    }

    private static func trim(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    /// Whether an object is selected.
    func takes(_ object: JSONTree) -> Bool {
        let own = object["metadata"]["labels"]
        return labels.allSatisfy { key, test in
            switch test {
            case .among(let values, let isIn): (own[key].string.map(values.contains) ?? false) == isIn
            case .present(let isThere): (own[key].string != nil) == isThere
            }
        }
            && fields.allSatisfy { path, value, isEqual in
                (path.reduce(object) { $0[$1] }.string ?? "" == value) == isEqual
            }
    }
}

extension FakeKubernetes {
    /// A list, whole or in pages of `limit` that all show the version of the first; or a watch.
    func list(_ request: FakeRequest, _ place: FakePlace) -> FakeReply {
        guard let selection = FakeSelection(request.query) else {
            return Self.failure(400, "BadRequest", "unable to parse requirement of a selector")
        }
        let isWatch = request.query["watch"] == "1" || request.query["watch"] == "true"
        if !isWatch { return page(request, place, selection) }
        let objects = state.withLock {
            $0.objects[place.resource, default: [:]].sorted { $0.key < $1.key }.map(\.value)
        }
        let lines = objects.filter(selection.takes).map { (["type": "ADDED", "object": $0] as JSONTree).text }
        return .stream(lines: lines, seconds: request.query["timeoutSeconds"].flatMap(Double.init) ?? 30) { send in
            self.state.withLock { $0.watchers.append((place.resource, selection, send)) }
        }
    }

    private func page(_ request: FakeRequest, _ place: FakePlace, _ selection: FakeSelection) -> FakeReply {
        let limit = request.query["limit"].flatMap(Int.init).flatMap { $0 > 0 ? $0 : nil } ?? .max
        let token = request.query["continue"] ?? ""
        let list: JSONTree? = state.withLock { state in
            var (version, rest) = (state.version, [JSONTree]())
            if token.isEmpty {
                rest = state.objects[place.resource, default: [:]].sorted { $0.key < $1.key }.map(\.value)
                    .filter(selection.takes)
            } else {
                guard let left = state.continuations[token] else { return nil }
                (version, rest) = left
            }
            var metadata: JSONTree = ["resourceVersion": .string("\(version)")]
            if rest.count > limit {
                // A real one is in base64 too, with padding that must be encoded in a URL.
                let next = "eyJ2IjoibWV0YS5rOHMuaW8vdjEi+\(version).\(rest.count)=="
                state.continuations[next] = (version, Array(rest.dropFirst(limit)))
                metadata["continue"] = .string(next)
            }
            let kind = Self.kinds[place.resource]?.kind ?? ""
            return [
                "kind": .string("\(kind)List"), "apiVersion": .string(place.api), "metadata": metadata,
                "items": .array(Array(rest.prefix(limit))),
            ]
        }
        guard let list else {
            return Self.failure(
                410, "Expired",
                "The provided continue parameter is too old to display a consistent list result. You must start a new "
                    + "list without the continue parameter.")
        }
        return .answer(status: 200, body: list.text)
    }
}
