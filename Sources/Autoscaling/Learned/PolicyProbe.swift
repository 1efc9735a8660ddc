internal import Learning

/// What a learned policy sees and may do, for tests and for people who want to know why.
package struct PolicyProbe {
    private var state: ScalingState
    private let rules: MaskRules

    /// A probe of a chain.
    package init(_ profile: ChainProfile, rules: MaskRules = MaskRules()) throws(PolicyFault) {
        state = try ScalingState(profile)
        self.rules = rules
    }

    /// Takes in an observation.
    package mutating func observe(_ observation: Observation) throws(PolicyFault) { try state.observe(observation) }

    /// Takes in what is in force.
    package mutating func applied(_ replicas: [Int], at time: Double) { state.applied(replicas, at: time) }

    /// The steps a service may take.
    package func mask(_ index: Int) -> ActionMask {
        state.mask(index, rules: rules, spent: state.spentProcessors)
    }

    /// The numbers a service's agent sees, before the normaliser, in the order of `ScalingFeatures.names`.
    package func features(_ index: Int) -> [Float] {
        let buffer = FloatBuffer(count: ScalingFeatures.count)
        return withExtendedLifetime(buffer) {
            state.encodeService(index, into: buffer.floats, at: 0)
            state.encodeGlobal(into: buffer.floats, at: ScalingFeatures.serviceNames.count)
            return buffer.floats.array
        }
    }
}
