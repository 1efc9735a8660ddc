internal import Engine
internal import Settings

/// The section `mixes`, and mixes written where they are used.
extension PlanReader {
    /// The greatest weight.
    static let weightMax = 1e9

    mutating func readMixes() throws(SettingsError) {
        let section = try top.section("mixes")
        for (name, place) in section.openKeys() {
            try Self.check(name, place, section.path(of: name))
            guard let value = section.value(name) else { continue }
            plan.mixes.append(try mix(value, named: name))
        }
    }

    /// The index of a scenario's mix: a name, a mapping, or the usual one where it says nothing.
    mutating func mixIndex(_ value: SettingValue?, of scenario: String, _ place: SettingsSection) throws(SettingsError)
        -> Int
    {
        if let value, value.isScalar {
            return try index(of: value.text(), in: plan.mixes.map(\.name), "mix", value)
        }
        if let value {
            plan.mixes.append(try mix(value, named: scenario))
        } else {
            plan.mixes.append(try usualMix(named: scenario, place))
        }
        return plan.mixes.count - 1
    }

    /// Orders 70 : 20 : 10; of other targets the only operation.
    private func usualMix(named name: String, _ section: SettingsSection) throws(SettingsError) -> MixPlan {
        if case .fix = plan.target.transport {
            return MixPlan(name: name, items: [(.operation(0), 70), (.operation(1), 20), (.operation(2), 10)])
        }
        let value = SettingValue(SettingNode(.mapping([]), at: section.place), path: section.path(of: "mix"))
        guard plan.operations.count == 1 else {
            throw value.error("is missing: a name of mixes, or weights such as {\(plan.operations[0].name): 1}")
        }
        try checkBound(0, [], value)
        return MixPlan(name: name, items: [(.operation(0), 1)])
    }

    private func mix(_ value: SettingValue, named name: String) throws(SettingsError) -> MixPlan {
        let section = try value.section()
        let keys = section.openKeys()
        guard !keys.isEmpty else { throw value.error("an empty mix sends nothing") }
        var items: [(item: MixPlan.Item, weight: Double)] = []
        var bound: [[BindingPlan]] = []
        for (key, _) in keys {
            guard let entry = section.value(key) else { continue }
            let found = try item(key, entry)
            guard found.weight > 0 else { continue }
            guard !items.contains(where: { $0.item == found.item }) else {
                throw entry.error("the same operation under two names")
            }
            items.append((found.item, found.weight))
            bound.append(found.bindings)
        }
        guard !items.isEmpty else { throw value.error("at least one weight is positive") }
        return MixPlan(name: name, items: items, bindings: bound)
    }

    private func item(
        _ key: String, _ entry: SettingValue
    ) throws(SettingsError) -> (item: MixPlan.Item, weight: Double, bindings: [BindingPlan]) {
        let isFlow = key.hasPrefix("flow.")
        var weight = entry
        var with: SettingValue?
        if !entry.isScalar {
            let section = try entry.section()
            try section.allow(isFlow ? ["weight"] : ["weight", "with"])
            weight = try section.required("weight")
            with = section.value("with")
        }
        let number = try weight.number(in: 0...Self.weightMax)
        if isFlow {
            let name = String(key.dropFirst(5))
            return (.flow(try index(of: name, in: plan.flows.map(\.name), "flow", entry)), number, [])
        }
        let operation = try operation(named: key, entry)
        let bindings = try bindings(with, operation, [])
        try checkBound(operation, bindings, entry)
        return (.operation(operation), number, bindings)
    }

    /// Operations that a mix can send.
    func operations(of mix: Int) -> Set<Int> {
        var found: Set<Int> = []
        for (item, _) in plan.mixes[mix].items {
            switch item {
            case .operation(let index): found.insert(index)
            case .flow(let index):
                for case .request(let request) in plan.flows[index].steps { found.insert(request.operation) }
            }
        }
        return found
    }
}
