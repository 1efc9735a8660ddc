internal import Engine
internal import Settings

/// Operations: the three of FIX, and those that the section `operations` declares.
struct OperationReader {
    /// FIX operations, in the order of the reports, with their short names.
    static let orders: [(name: String, short: String, request: RequestPlan)] = [
        ("order.new", "new", .newOrder), ("order.cancel", "cancel", .cancel), ("order.replace", "replace", .replace),
    ]

    private let feeders: [FeederPlan]
    private var fields: [FieldPlan] = []

    /// One HTTP operation's section.
    static func http(_ value: SettingValue, named name: String, _ feeders: [FeederPlan]) throws(SettingsError)
        -> OperationPlan
    {
        var reader = OperationReader(feeders: feeders)
        let section = try value.section()
        try section.allow(["method", "path", "headers", "body", "expect"])
        let method = try section.text("method", default: "GET")
        guard !method.isEmpty, method.utf8.allSatisfy({ (65...90).contains($0) }) else {
            throw section.error("method", "\(method) is no method; capital letters, such as GET")
        }
        let pathValue = try section.required("path")
        let path = try pathValue.text()
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw pathValue.error("a path begins with \"/\" and has neither blanks nor other than ASCII characters")
        }
        var request = HTTPRequestPlan(method: method, path: try reader.template(path, pathValue))
        let headers = try section.section("headers")
        for (key, _) in headers.openKeys() {
            guard let value = headers.value(key) else { continue }
            try checkHeader(key, value)
            request.headers.append(.init(name: key, value: try reader.template(value.text(), value)))
        }
        if let body = section.value("body") { request.body = try reader.template(body.text(), body) }
        if let value = section.value("expect") { request.expected = try expected(value) }
        return OperationPlan(name: name, request: .http(request), fields: reader.fields)
    }

    private init(feeders: [FeederPlan]) { self.feeders = feeders }

    /// Refuses header names that are no token (RFC 9110), and values that would end the line.
    static func checkHeader(_ name: String, _ value: SettingValue) throws(SettingsError) {
        let isToken =
            !name.isEmpty
            && name.utf8.allSatisfy { byte in
                byte > 0x20 && byte < 0x7F && !"\"(),/:;<=>?@[\\]{}".utf8.contains(byte)
            }
        guard isToken else { throw value.error("\"\(name)\" is no header name") }
        guard try value.text().utf8.allSatisfy({ $0 >= 0x20 || $0 == 0x09 }) else {
            throw value.error("a header has no control characters")
        }
        let own = ["content-length", "transfer-encoding", "connection"]
        guard !own.contains(name.lowercased()) else { throw value.error("\(name) is set by the generator") }
    }

    /// `200`, `200-299`.
    private static func expected(_ value: SettingValue) throws(SettingsError) -> ClosedRange<Int> {
        let text = try value.text()
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let bounds = parts.compactMap { Int($0) }
        guard (1...2).contains(parts.count), bounds.count == parts.count,
            bounds.allSatisfy({ (100...599).contains($0) }), let low = bounds.first, let high = bounds.last, low <= high
        else { throw value.must("be a status or a range of them, such as 200 or 200-299") }
        return low...high
    }

    /// Text with `${name}`: a feeder's value, a column (`${feeder.column}`), or what a flow saved or binds.
    private mutating func template(_ text: String, _ value: SettingValue) throws(SettingsError) -> TextTemplate {
        var pieces: [TextTemplate.Piece] = []
        var rest = text[...]
        while let dollar = rest.range(of: "${") {
            if dollar.lowerBound > rest.startIndex { pieces.append(.text(Array(rest[..<dollar.lowerBound].utf8))) }
            guard let brace = rest[dollar.upperBound...].firstIndex(of: "}") else {
                throw value.error("\"${\" without \"}\"")
            }
            pieces.append(.field(try field(String(rest[dollar.upperBound..<brace]), value)))
            rest = rest[rest.index(after: brace)...]
        }
        if !rest.isEmpty { pieces.append(.text(Array(rest.utf8))) }
        return TextTemplate(pieces)
    }

    private mutating func field(_ name: String, _ value: SettingValue) throws(SettingsError) -> Int {
        if let index = fields.firstIndex(where: { $0.name == name }) { return index }
        guard !name.isEmpty else { throw value.error("\"${}\" names nothing") }
        guard fields.count < OperationPlan.fieldsMax else {
            throw value.error("more than \(OperationPlan.fieldsMax) names in one operation")
        }
        let source = try ValueReader.feederSource(name, feeders, value)
        if source == nil, name.contains(".") {
            throw ValueReader.unknown(name, feeders, [], value)
        }
        fields.append(FieldPlan(name: name, fallback: source))
        return fields.count - 1
    }
}

extension Substring {
    /// Where `token` first stands.
    fileprivate func range(of token: String) -> Range<Index>? { firstRange(of: token) }
}

/// Values of fields: `$feeder`, `$feeder.column`, `$variable`, or a literal.
enum ValueReader {
    /// The value that a scalar stands for.
    ///
    /// - Parameter variables: what the flow has saved so far, by index; nil entries are saved later.
    static func source(
        _ value: SettingValue, _ feeders: [FeederPlan], variables: [(name: String, isSaved: Bool)]
    ) throws(SettingsError) -> ValueSource {
        let text = try value.text()
        guard text.hasPrefix("$") else { return .literal(Array(text.utf8)) }
        let name = String(text.dropFirst())
        if name.hasPrefix("$") { return .literal(Array(name.utf8)) }
        if let index = variables.firstIndex(where: { $0.name == name }) {
            guard variables[index].isSaved else { throw value.error("$\(name) is used before it is saved") }
            return .variable(index)
        }
        if let source = try feederSource(name, feeders, value) { return source }
        throw unknown(name, feeders, variables.map(\.name), value)
    }

    /// A feeder, or a column of one; nil where no feeder has the name.
    static func feederSource(
        _ name: String, _ feeders: [FeederPlan], _ value: SettingValue
    ) throws(SettingsError) -> ValueSource? {
        if let index = feeders.firstIndex(where: { $0.name == name }) { return .feeder(index) }
        for (index, feeder) in feeders.enumerated() where name.hasPrefix(feeder.name + ".") {
            let column = String(name.dropFirst(feeder.name.count + 1))
            guard case .csv(let columns, _, _) = feeder.kind else {
                throw value.error("feeder \(feeder.name) has no columns; only csv feeders do")
            }
            guard let found = columns.firstIndex(of: column) else {
                let nearest = NearestName.nearest(to: column, among: columns) ?? ""
                throw value.error("feeder \(feeder.name) has no column \(column); did you mean \(nearest)?")
            }
            return .column(feeder: index, column: found)
        }
        return nil
    }

    static func unknown(
        _ name: String, _ feeders: [FeederPlan], _ variables: [String], _ value: SettingValue
    ) -> SettingsError {
        let nearest = NearestName.nearest(to: name, among: variables + feeders.map(\.name))
        return value.error(
            "$\(name) is neither a feeder nor saved before" + (nearest.map { "; did you mean $\($0)?" } ?? ""))
    }
}

extension PlanReader {
    mutating func readOperations() throws(SettingsError) {
        let section = try top.section("operations")
        let declared = section.openKeys()
        switch plan.target.transport {
        case .fix:
            if let first = declared.first {
                throw section.error(
                    first.key, "FIX targets have order.new, order.cancel and order.replace; others are for HTTP")
            }
            plan.operations = OperationReader.orders.map { OperationPlan(name: $0.name, request: $0.request) }
        case .http:
            for (name, place) in declared {
                try Self.check(name, place, section.path(of: name))
                guard let value = section.value(name) else { continue }
                plan.operations.append(try OperationReader.http(value, named: name, plan.feeders))
            }
        case .inProcess:
            for (name, place) in declared {
                try Self.check(name, place, section.path(of: name))
                let operation = try section.section(name)
                try operation.allow(["fields"])
                let fields = try operation.texts("fields", default: [])
                guard fields.count <= OperationPlan.fieldsMax, Set(fields).count == fields.count else {
                    throw operation.error("fields", "at most \(OperationPlan.fieldsMax) names, each once")
                }
                plan.operations.append(
                    OperationPlan(name: name, request: .call, fields: fields.map { FieldPlan(name: $0) }))
            }
        }
        guard !plan.operations.isEmpty else {
            throw top.error("operations", "is missing: what is sent, such as {quote.get: {path: /quote}}")
        }
    }

    /// The index of an operation, by its name or a FIX operation's short name.
    func operation(named name: String, _ value: SettingValue) throws(SettingsError) -> Int {
        let names = plan.operations.map(\.name)
        guard isFIX, !names.contains(name) else { return try index(of: name, in: names, "operation", value) }
        let short = OperationReader.orders.map(\.short)
        return try index(of: name, in: short + names, "operation", value)
    }
}
