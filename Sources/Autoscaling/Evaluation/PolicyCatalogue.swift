/// The policies of an evaluation by name, each made anew for a run.
public struct PolicyCatalogue: Sendable {
    /// One policy of the evaluation.
    public struct Entry: Sendable {
        /// The name in tables.
        public let name: String
        /// The shield that stands behind it, as one does when it is served; nil for none.
        public let shield: Shield.Settings?
        /// How it reads metrics: what replaces Kubernetes' autoscalers as the sidecar does, they as a cluster has them.
        public var path: MetricsPath
        /// The policy for a chain, the load of a run and its seed.
        public let make: @Sendable (ChainProfile, LoadTrace, UInt64) throws -> any ScalingPolicy

        /// A policy that `make` gives for a chain, the load of the run and its seed.
        public init(
            _ name: String, shield: Shield.Settings? = nil, path: MetricsPath = .gathered,
            make: @escaping @Sendable (ChainProfile, LoadTrace, UInt64) throws -> any ScalingPolicy
        ) {
            self.name = name
            self.shield = shield
            self.path = path
            self.make = make
        }

        /// Runs the policy through a load.
        public func run(
            _ profile: ChainProfile, _ load: LoadTrace, _ options: SimulatorOptions
        ) throws -> PolicyRun {
            var settings = shield
            settings?.period = options.controlPeriod
            return try PolicyRun(
                try make(profile, load, options.seed), profile, load, options,
                shield: try settings.map { settings throws(PolicyFault) in try Shield(profile, settings) })
        }
    }

    /// In the order of tables.
    public var entries: [Entry]

    /// Rules, oracle, hybrid scheduler and learned policies.
    ///
    /// Kubernetes' autoscalers read metrics as a cluster gathers them, the sidecar's policies directly and behind the
    /// shield, as they are served; `hpa-direct` and `forecast-gathered` are the other way round.
    /// - Parameters:
    ///   - tuning: numbers of the rules, calibrated on days of their own.
    ///   - models: learned policies; each is run behind the shield, and alone as `<name> alone`.
    public init(_ tuning: RuleTuning = RuleTuning(), models: [ScalingModel] = []) {
        let hpa: @Sendable (ChainProfile, LoadTrace, UInt64) throws -> any ScalingPolicy = { profile, _, _ in
            try HPAPolicy(profile, .init(metrics: [.cpu(percent: 70)]))
        }
        entries = [
            Entry("static") { profile, load, _ in try StaticPolicy(profile, peak: load.peak) },
            Entry("hpa", make: hpa),
            Entry("hpa-direct", path: .direct, make: hpa),
            Entry("hpa50") { profile, _, _ in
                try HPAPolicy(profile, .init(metrics: [.cpu(percent: 50)]), name: "hpa50")
            },
            Entry("keda") { profile, _, _ in try KEDAPolicy(profile, utilisation: tuning.kedaUtilisation) },
            Entry("autopilot") { profile, _, _ in
                var settings = AutopilotPolicy.Settings()
                settings.utilisation = tuning.autopilotUtilisation
                return try AutopilotPolicy(profile, settings)
            },
            Entry("forecast", shield: Shield.Settings(), path: .direct) { profile, _, _ in
                try ForecastRule(profile, tuning.forecast)
            },
            Entry("forecast-brief", shield: RuleTuning.briefShield, path: .direct) { profile, _, _ in
                try ForecastRule(profile, tuning.brief)
            },
            Entry("forecast-gathered", shield: Shield.Settings()) { profile, _, _ in
                try ForecastRule(profile, tuning.gathered)
            },
            Entry("oracle") { profile, load, _ in try OraclePolicy(profile, rates: load.rates) },
            Entry("hybrid", shield: Shield.Settings(), path: .direct) { profile, _, seed in
                try HybridPolicy(profile, .init(seed: seed))
            },
        ]
        for model in models {
            let name = model.isValueBased ? "dqn" : "ppo"
            for isShielded in [true, false] {
                let title = isShielded ? name : "\(name) alone"
                entries.append(
                    Entry(title, shield: isShielded ? Shield.Settings() : nil, path: .direct) { profile, _, _ in
                        try LearnedPolicy(model, profile)
                    })
            }
        }
    }

    /// All names, in the order of tables.
    public var names: [String] { entries.map(\.name) }
}
