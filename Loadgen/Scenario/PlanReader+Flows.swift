internal import Engine
internal import Settings

/// The section `flows`.
extension PlanReader {
    mutating func readFlows() throws(SettingsError) {
        let section = try top.section("flows")
        for (name, place) in section.openKeys() {
            try Self.check(name, place, section.path(of: name))
            guard let value = section.value(name) else { continue }
            plan.flows.append(try flow(value, named: name))
        }
    }

    private func flow(_ value: SettingValue, named name: String) throws(SettingsError) -> FlowPlan {
        let items = try value.list()
        guard !items.isEmpty else { throw value.error("a flow has at least one step") }
        guard items.count <= FlowPlan.stepsMax else { throw value.error("at most \(FlowPlan.stepsMax) steps") }
        var variables = try savedNames(items)
        var steps: [FlowStep] = []
        for item in items {
            let section = try item.section()
            if let think = section.value("think") {
                try section.allow(["think"])
                steps.append(.think(try ThinkReader.read(think)))
            } else {
                steps.append(.request(try request(section, item, &variables)))
            }
        }
        guard steps.contains(where: { if case .request = $0 { true } else { false } }) else {
            throw value.error("a flow has at least one request")
        }
        return FlowPlan(name: name, steps: steps, variables: variables.map(\.name))
    }

    /// All variables of a flow, none of them saved yet.
    private func savedNames(_ items: [SettingValue]) throws(SettingsError) -> [(name: String, isSaved: Bool)] {
        var names: [(name: String, isSaved: Bool)] = []
        for item in items {
            let section = try item.section()
            guard let save = section.value("save") else { continue }
            for (name, place) in try save.section().openKeys() where !names.contains(where: { $0.name == name }) {
                try Self.check(name, place, "\(save.path).\(name)")
                if plan.feeders.contains(where: { $0.name == name }) {
                    throw SettingsError(place, "\(save.path).\(name): a feeder has this name; choose another")
                }
                names.append((name, false))
            }
            if names.count > FlowPlan.variablesMax {
                throw save.error("a flow saves at most \(FlowPlan.variablesMax) values")
            }
        }
        return names
    }

    private func request(
        _ section: SettingsSection, _ item: SettingValue, _ variables: inout [(name: String, isSaved: Bool)]
    ) throws(SettingsError) -> FlowRequest {
        try section.allow(["op", "with", "save", "probability"])
        let op = try section.required("op", "is missing: a step is {op: NAME} or {think: TIME}")
        let index = try operation(named: op.text(), op)
        var request = FlowRequest(operation: index)
        request.bindings = try bindings(section.value("with"), index, variables)
        bindVariables(index, variables, &request.bindings)
        try checkBound(index, request.bindings, op)
        request.probability = try section.value("probability")?.share() ?? 1
        guard let save = section.value("save") else { return request }
        let names = try save.section()
        for (name, _) in names.openKeys() {
            guard let value = names.value(name), let variable = variables.firstIndex(where: { $0.name == name }) else {
                continue
            }
            guard request.probability == 1 else {
                throw value.error("a request that may be left out cannot save what later steps need")
            }
            request.saves.append(SavePlan(variable: variable, extract: try extract(value)))
            variables[variable].isSaved = true
        }
        return request
    }

    /// Bindings of `with`, or of a mix's item.
    func bindings(
        _ value: SettingValue?, _ operation: Int, _ variables: [(name: String, isSaved: Bool)]
    ) throws(SettingsError) -> [BindingPlan] {
        guard let value else { return [] }
        let section = try value.section()
        let fields = plan.operations[operation].fields.map(\.name)
        let name = plan.operations[operation].name
        var found: [BindingPlan] = []
        for (key, _) in section.openKeys() {
            guard let value = section.value(key) else { continue }
            guard fields.contains(key) else {
                let nearest = NearestName.nearest(to: key, among: fields).map { "; did you mean \($0)?" } ?? ""
                throw value.error("\(name) has no field \(key)\(nearest)")
            }
            let source = try ValueReader.source(value, plan.feeders, variables: variables)
            try checkLiteral(key, source, value)
            found.append(BindingPlan(field: key, source: source))
        }
        return found
    }

    private func checkLiteral(_ field: String, _ source: ValueSource, _ value: SettingValue) throws(SettingsError) {
        guard case .fix = plan.target.transport, case .literal(let bytes) = source else { return }
        let text = String(decoding: bytes, as: UTF8.self)
        switch field {
        case "side":
            guard text == "buy" || text == "sell" else { throw value.must("be one of buy, sell") }
        case "qty", "price", "account":
            guard let number = Int(text), number > 0 else { throw value.must("be a whole number from 1") }
        default: break
        }
    }

    /// Names of a template that a flow has saved need no `with`.
    private func bindVariables(
        _ operation: Int, _ variables: [(name: String, isSaved: Bool)], _ bindings: inout [BindingPlan]
    ) {
        guard case .http = plan.operations[operation].request else { return }
        for field in plan.operations[operation].fields where !bindings.contains(where: { $0.field == field.name }) {
            guard let index = variables.firstIndex(where: { $0.name == field.name && $0.isSaved }) else { continue }
            bindings.append(BindingPlan(field: field.name, source: .variable(index)))
        }
    }

    /// Every name of an HTTP template must stand for something.
    func checkBound(_ operation: Int, _ bindings: [BindingPlan], _ value: SettingValue) throws(SettingsError) {
        guard case .http = plan.operations[operation].request else { return }
        for field in plan.operations[operation].fields where field.fallback == nil {
            guard bindings.contains(where: { $0.field == field.name }) else {
                throw value.error(
                    "\(plan.operations[operation].name) needs a value for ${\(field.name)}: a feeder, or with: "
                        + "{\(field.name): ...}")
            }
        }
    }

    /// `$.order_id` of a FIX target, `$.a[0].b` of a JSON body, `header:NAME`, `tag:NUMBER`.
    private func extract(_ value: SettingValue) throws(SettingsError) -> SavePlan.Extract {
        let text = try value.text()
        switch plan.target.transport {
        case .fix:
            if text == "$.order_id" { return .order }
            if text.hasPrefix("tag:"), let tag = Int(text.dropFirst(4)), (1...99_999).contains(tag) { return .tag(tag) }
            throw value.must("be $.order_id or tag:NUMBER")
        case .http:
            if text.hasPrefix("header:"), text.utf8.count > 7 { return .header(text.dropFirst(7).lowercased()) }
            guard let path = Self.jsonPath(text) else {
                throw value.must("be a path such as $.order.id or $[0].id, or header:NAME")
            }
            return .json(path)
        case .inProcess:
            guard let path = Self.jsonPath(text) else { throw value.must("be a path such as $.order.id or $[0].id") }
            return .json(path)
        }
    }

    /// Keys and indices of `$.order.id`, `$[0].id`.
    static func jsonPath(_ text: String) -> [String]? {
        guard text.hasPrefix("$") else { return nil }
        var path: [String] = []
        var rest = text.dropFirst()
        while let first = rest.first {
            rest = rest.dropFirst()
            if first == "." {
                let key = rest.prefix { $0 != "." && $0 != "[" }
                guard !key.isEmpty else { return nil }
                path.append(String(key))
                rest = rest.dropFirst(key.count)
            } else if first == "[" {
                let digits = rest.prefix { $0.isASCII && $0.isNumber }
                rest = rest.dropFirst(digits.count)
                guard (1...9).contains(digits.count), rest.first == "]" else { return nil }
                path.append(String(digits))
                rest = rest.dropFirst()
            } else {
                return nil
            }
        }
        return path.isEmpty || path.count > 32 ? nil : path
    }
}

/// Pauses: `500ms`, `none`, `{exponential: 300ms}`, `{uniform: [1s, 3s]}`, `{lognormal: {median: 1s, sigma: 0.5}}`.
enum ThinkReader {
    private static let range = 0.000_001...3_600.0

    static func read(_ value: SettingValue) throws(SettingsError) -> ThinkTime {
        if value.isScalar {
            if case .scalar("none") = value.node.content { return .none }
            return .constant(try PlanReader.seconds(value, in: range))
        }
        let section = try value.section()
        try section.allow(["constant", "exponential", "uniform", "lognormal"])
        let kinds = section.openKeys()
        guard kinds.count == 1, let value = section.value(kinds[0].key) else {
            throw value.must(
                "be one of {constant: T}, {exponential: T}, {uniform: [T, T]}, {lognormal: {median: T, sigma: S}}")
        }
        switch kinds[0].key {
        case "constant": return .constant(try PlanReader.seconds(value, in: range))
        case "exponential": return .exponential(mean: try PlanReader.seconds(value, in: range))
        case "uniform":
            let bounds = try value.list()
            guard bounds.count == 2 else { throw value.must("be a list of two times, such as [1s, 3s]") }
            let low = try PlanReader.seconds(bounds[0], in: 0...3_600)
            let high = try PlanReader.seconds(bounds[1], in: range)
            guard low <= high else { throw value.error("the first time is longer than the second") }
            return .uniform(low, high)
        default:
            let section = try value.section()
            try section.allow(["median", "sigma"])
            return .lognormal(
                median: try PlanReader.seconds(try section.required("median"), in: range),
                sigma: try section.required("sigma").number(in: 0...5))
        }
    }
}
