/// A chain's profile from measurements: fits of its services, start-ups, visits, and what nobody measured.
public struct ChainCalibration: Sendable, Equatable {
    /// What was fitted, in the order of the profile.
    public private(set) var fits: [ServiceFit] = []
    /// The profile with the measured figures.
    public private(set) var profile: ChainProfile
    /// Services of the base that have no steps and keep their figures.
    public private(set) var unmeasured: [String] = []

    /// What is measured beside the steps.
    public struct Evidence: Sendable {
        /// Steps of load tests, of any services.
        public var steps: [StepMeasurement] = []
        /// Start-up times by service.
        public var startups: [(service: String, startup: ServiceProfile.Startup)] = []
        /// Visits by class.
        public var visits: VisitCounts?
        /// Workers by service, where they are known.
        public var workers: [String: Int] = [:]

        /// Nothing measured yet.
        public init() {}
    }

    /// Utilisation at which the 95th percentiles of the services share out the chain's target.
    static let budgetUtilisation = 0.75

    /// Fits all services that have steps.
    ///
    /// - Parameter base: names, bounds and what is not measured; nil for a chain of the measured services in the order
    ///   of their first steps, with 1 to four times the measured replicas, at least 10.
    /// - Throws: where steps, start-ups, visits or workers are of a service the base does not have, a fit fails, or the
    ///   result contradicts itself.
    public init(_ evidence: Evidence, base: ChainProfile? = nil, latencyTarget: Double? = nil) throws(SimulationFault) {
        var names: [String] = []
        for step in evidence.steps where !names.contains(step.service) { names.append(step.service) }
        guard !names.isEmpty else { throw SimulationFault(.measurement, "no steps to calibrate with") }
        profile = base ?? Self.fresh(names, evidence)
        if let latencyTarget { profile.latencyTarget = latencyTarget }
        let known = profile.services.map(\.name)
        let named = names + evidence.startups.map(\.service) + evidence.workers.keys.sorted()
        if let stranger = named.first(where: { !known.contains($0) }) {
            throw SimulationFault(
                .measurement, "service '\(stranger)' is not in the profile, which has \(known.joined(separator: ", "))")
        }
        if let counts = evidence.visits {
            profile.classes = counts.classes
            profile.mix = counts.mix
        }
        for index in profile.services.indices { try measure(index, evidence, isNew: base == nil) }
        shareLatency()
        if let fault = profile.fault { throw SimulationFault(.profile, fault) }
    }

    private static func fresh(_ names: [String], _ evidence: Evidence) -> ChainProfile {
        ChainProfile(
            services: names.map { name in
                let most = evidence.steps.filter { $0.service == name }.map(\.replicas).max() ?? 1
                return ServiceProfile(
                    name: name, bounds: 1...min(1_000, max(10, 4 * most)), serviceTime: 1, latencyBudget: 1)
            })
    }

    private mutating func measure(_ index: Int, _ evidence: Evidence, isNew: Bool) throws(SimulationFault) {
        let name = profile.services[index].name
        let steps = evidence.steps.filter { $0.service == name }
        if steps.isEmpty {
            unmeasured.append(name)
        } else {
            let fit = try ServiceFit(
                steps, workers: evidence.workers[name],
                arrivalVariation: isNew ? 1 : profile.services[index].arrivalVariation)
            profile.services[index].workers = fit.workers
            profile.services[index].serviceTime = fit.serviceTime
            profile.services[index].serviceVariation = fit.serviceVariation
            profile.services[index].sharing = fit.sharing
            profile.services[index].unloaded = fit.unloaded
            profile.services[index].discipline = fit.discipline
            fits.append(fit)
        }
        if let startup = evidence.startups.first(where: { $0.service == name }) {
            profile.services[index].startup = startup.startup
        }
        if let counts = evidence.visits {
            guard let ratios = counts.ratios(of: name) else {
                throw SimulationFault(.measurement, "no visits of service '\(name)' were counted")
            }
            profile.services[index].visits = ratios
        }
    }

    /// Gives each measured service the share of the target that its 95th percentile has in their sum.
    private mutating func shareLatency() {
        let tails = profile.services.map { service in
            ServiceFit(service).predict(rate: service.capacity * Self.budgetUtilisation, replicas: 1).p95
        }
        let sum = tails.reduce(0, +)
        for index in profile.services.indices {
            profile.services[index].latencyBudget = profile.latencyTarget * tails[index] / sum
        }
    }
}

extension ServiceFit {
    /// The response model of a profile, as if it had been fitted.
    public init(_ profile: ServiceProfile) {
        self.init(
            service: profile.name, workers: profile.workers, serviceTime: profile.serviceTime,
            serviceVariation: profile.serviceVariation, arrivalVariation: profile.arrivalVariation,
            sharing: profile.sharing, unloaded: profile.unloaded, discipline: profile.discipline, meanError: 0,
            p95Error: 0, steps: 0, kneeRate: 0)
    }
}
