internal import Learning

/// How the services' steps are laid out for a network.
public enum ScalingForm: String, Sendable, CaseIterable {
    /// Form C of the reference: one network for all services, each a row of its own numbers and the chain's, each with
    /// the seven steps of `ReplicaAction`. Works for any number of services.
    case shared
    /// Form A, as SealOS+ describes it: all services in one row, one step of one service: 1 + 4K actions, which are
    /// nothing, and -2, -1, +1 and +2 of each service in turn. Belongs to one number of services.
    case single

    /// The steps of form A for one service.
    static let singleSteps: [ReplicaAction] = [.downTwo, .downOne, .upOne, .upTwo]

    /// Sizes for a chain of `services`.
    func space(services: Int) -> DecisionSpace {
        switch self {
        case .shared: DecisionSpace(width: ScalingFeatures.count, heads: [ReplicaAction.count], agents: services)
        case .single:
            DecisionSpace(
                width: services * ScalingFeatures.serviceNames.count + ScalingFeatures.globalNames.count,
                heads: [1 + services * Self.singleSteps.count])
        }
    }

    /// Writes what `state` shows and allows.
    func observe(_ state: ScalingState, _ rules: MaskRules, _ view: ObservationView) {
        let width = ScalingFeatures.serviceNames.count
        let spent = state.spentProcessors
        for index in state.services.indices {
            let mask = state.mask(index, rules: rules, spent: spent)
            switch self {
            case .shared:
                let row = view.rows.row(index)
                state.encodeService(index, into: row, at: 0)
                if index == 0 {
                    state.encodeGlobal(into: row, at: width)
                } else {
                    row[width..<row.count].copy(from: view.rows.row(0)[width..<row.count])
                }
                for action in ReplicaAction.allCases where !mask[action] {
                    view.allowed[index, action.rawValue] = 0
                }
            case .single:
                state.encodeService(index, into: view.rows.row(0), at: index * width)
                for (place, action) in Self.singleSteps.enumerated() where !mask[action] {
                    view.allowed[0, 1 + index * Self.singleSteps.count + place] = 0
                }
            }
        }
        if self == .single { state.encodeGlobal(into: view.rows.row(0), at: state.services.count * width) }
    }

    /// The step of each of `services` that a network's choices mean.
    func steps(_ choices: Span<Int>, services: Int) -> [ReplicaAction] {
        var steps = Array(repeating: ReplicaAction.hold, count: services)
        switch self {
        case .shared:
            for index in 0..<services { steps[index] = ReplicaAction(rawValue: choices[index]) ?? .hold }
        case .single where choices[0] > 0:
            let (service, place) = (choices[0] - 1).quotientAndRemainder(dividingBy: Self.singleSteps.count)
            steps[service] = Self.singleSteps[place]
        case .single: break
        }
        return steps
    }

    /// What a network's scores mean as choices among steps.
    ///
    /// - Parameters:
    ///   - choices: what it chose.
    ///   - score: its score of an action at a moment; not finite where the action is forbidden.
    func explained(
        _ choices: Span<Int>, _ state: ScalingState, _ rules: MaskRules, measure: StepChoice.Measure,
        score: (_ action: Int, _ moment: Int) -> Double
    ) -> [StepChoice] {
        let spent = state.spentProcessors
        let masks = state.services.indices.map { state.mask($0, rules: rules, spent: spent) }
        func step(_ word: String, _ reason: MaskReason?, _ action: Int, _ moment: Int) -> StepChoice.Step {
            let score = score(action, moment)
            return StepChoice.Step(word, score: reason == nil && score.isFinite ? score : nil, mask: reason?.rawValue)
        }
        switch self {
        case .shared:
            var all: [StepChoice] = []
            for index in masks.indices {
                let steps = ReplicaAction.allCases.map { step($0.word, masks[index].reason($0), $0.rawValue, index) }
                all.append(
                    StepChoice(service: index, measure: measure, chosen: steps[choices[index]].word, steps: steps))
            }
            return all
        case .single:
            var steps = [step(ReplicaAction.hold.word, nil, 0, 0)]
            for (index, mask) in masks.enumerated() {
                for action in Self.singleSteps {
                    let word = "\(state.profile.services[index].name) \(action.word)"
                    steps.append(step(word, mask.reason(action), steps.count, 0))
                }
            }
            return [StepChoice(service: nil, measure: measure, chosen: steps[choices[0]].word, steps: steps)]
        }
    }

    /// The choices nearest to wanted replicas; in form A the one step that closes the largest gap relative to what is
    /// ordered.
    func choices(
        toward targets: [Int], _ state: ScalingState, _ rules: MaskRules, into choices: inout [Int]
    ) {
        let spent = state.spentProcessors
        let steps = state.services.indices.map { index in
            ReplicaAction.nearest(
                to: targets[index], from: state.services[index].ordered,
                allowed: state.mask(index, rules: rules, spent: spent))
        }
        switch self {
        case .shared: for index in steps.indices { choices[index] = steps[index].rawValue }
        case .single:
            choices[0] = 0
            var largest = 0.0
            for index in steps.indices {
                let ordered = state.services[index].ordered
                let mask = state.mask(index, rules: rules, spent: spent)
                let gap = Double(abs(targets[index] - ordered)) / Double(max(ordered, 1))
                guard gap > largest else { continue }
                let allowed = Self.singleSteps.enumerated().filter { mask[$0.element] }
                let best = allowed.min {
                    abs($0.element.replicas(from: ordered) - targets[index])
                        < abs($1.element.replicas(from: ordered) - targets[index])
                }
                guard let best,
                    abs(best.element.replicas(from: ordered) - targets[index]) < abs(ordered - targets[index])
                else { continue }
                choices[0] = 1 + index * Self.singleSteps.count + best.offset
                largest = gap
            }
        }
    }
}
