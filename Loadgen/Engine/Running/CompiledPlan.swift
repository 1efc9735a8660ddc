internal import Arrivals

/// A plan made flat for the loop: every request a mix can send is a *site* with its sources resolved by index.
struct CompiledPlan {
    /// A place that sends requests.
    struct Site {
        var operation: Int
        /// Source of each field of the operation, nil where it has none.
        var sources: [ValueSource?]
        var probability: Double
    }

    /// One step of a mix item.
    enum Step {
        case request(site: Int)
        case think(ThinkTime)
    }

    /// An operation or a flow of a mix.
    struct Item {
        /// Its steps in `steps`.
        var first: Int
        var count: Int
        var hasVariables: Bool
    }

    /// A mix by the sums of its weights.
    struct Mix {
        var firstItem: Int
        /// Share of all iterations that items up to and including this one get; the last is 1.
        var cumulative: [Double]

        /// The item of a draw in (0, 1].
        func item(_ draw: Double) -> Int {
            guard cumulative.count > 1 else { return firstItem }
            var (low, high) = (0, cumulative.count - 1)
            while low < high {
                let middle = (low + high) / 2
                if draw <= cumulative[middle] { high = middle } else { low = middle + 1 }
            }
            return firstItem + low
        }
    }

    private(set) var sites: [Site] = []
    /// By site, for transports.
    private(set) var saves: [[SavePlan]] = []
    private(set) var steps: [Step] = []
    private(set) var items: [Item] = []
    private(set) var mixes: [Mix] = []
    /// Scenario and operation of each row of the result.
    private(set) var rows: [(scenario: Int, operation: Int)] = []
    /// Row of `scenario * operations + operation`, -1 for none.
    private(set) var rowOf: [Int32]
    let feeders: [Feeder]
    private let plan: LoadPlan

    /// A checked plan.
    init(_ plan: LoadPlan) {
        self.plan = plan
        feeders = plan.feeders.map { Feeder($0, seed: plan.seed) }
        rowOf = [Int32](repeating: -1, count: plan.scenarios.count * plan.operations.count)
        for mix in plan.mixes { add(mix) }
        for (scenario, planned) in plan.scenarios.enumerated() {
            for operation in operations(of: plan.mixes[planned.mix]).sorted() {
                rowOf[scenario * plan.operations.count + operation] = Int32(rows.count)
                rows.append((scenario, operation))
            }
        }
    }

    func row(scenario: Int, operation: Int) -> Int32 { rowOf[scenario * plan.operations.count + operation] }

    private mutating func add(_ mix: MixPlan) {
        let total = mix.items.reduce(0) { $0 + $1.weight }
        var sum = 0.0
        let first = items.count
        var cumulative: [Double] = []
        for (index, entry) in mix.items.enumerated() {
            sum += entry.weight
            cumulative.append(index + 1 < mix.items.count ? sum / total : 1)
            switch entry.item {
            case .operation(let operation):
                var request = FlowRequest(operation: operation)
                request.bindings = mix.bindings[index]
                add([.request(request)], hasVariables: false)
            case .flow(let flow): add(plan.flows[flow].steps, hasVariables: !plan.flows[flow].variables.isEmpty)
            }
        }
        mixes.append(Mix(firstItem: first, cumulative: cumulative))
    }

    private mutating func add(_ flow: [FlowStep], hasVariables: Bool) {
        items.append(Item(first: steps.count, count: flow.count, hasVariables: hasVariables))
        for step in flow {
            switch step {
            case .think(let time): steps.append(.think(time))
            case .request(let request):
                steps.append(.request(site: sites.count))
                let fields = plan.operations[request.operation].fields
                let sources = fields.map { field in
                    request.bindings.last { $0.field == field.name }?.source ?? field.fallback
                }
                sites.append(Site(operation: request.operation, sources: sources, probability: request.probability))
                saves.append(request.saves)
            }
        }
    }

    private func operations(of mix: MixPlan) -> Set<Int> {
        var found: Set<Int> = []
        for entry in mix.items {
            switch entry.item {
            case .operation(let operation): found.insert(operation)
            case .flow(let flow):
                for case .request(let request) in plan.flows[flow].steps { found.insert(request.operation) }
            }
        }
        return found
    }
}

extension ThinkTime {
    /// A pause, seconds; at most a day.
    func draw(_ random: inout Xoshiro256) -> Double {
        let drawn: Double
        switch self {
        case .none: drawn = 0
        case .constant(let seconds): drawn = seconds
        case .exponential(let mean): drawn = -mean * Normal.log(random.unit())
        case .uniform(let low, let high): drawn = low + (high - low) * random.unit()
        case .lognormal(let median, let sigma): drawn = median * Normal.exp(sigma * Normal.draw(&random))
        }
        return min(max(drawn, 0), 86_400)
    }
}
