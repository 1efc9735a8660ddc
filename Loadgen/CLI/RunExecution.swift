internal import Engine
internal import Settings

/// Carries a plan out, with the live view beside it.
struct RunExecution {
    /// The most processes of one run.
    static let workersMax = 64

    private let settings: RunSettings

    init(_ settings: RunSettings) { self.settings = settings }

    /// Runs in this process.
    ///
    /// Several workers belong here: each runs the plan with its `LoadPlan.stripe`, and their results are merged with
    /// `RunResult.merge`.
    ///
    /// - Parameter samples: gets every finished request.
    func run(_ samples: (any SampleSink)?) throws(LoadError) -> RunResult {
        guard settings.workers == 1 else {
            throw LoadError(.configuration, "--workers: this build runs one process only")
        }
        let view = LiveView(settings.plan)
        defer { view.close() }
        let engine = try LoadEngine(settings.plan, stop: Interrupt.flag, samples: samples) { view.show($0) }
        view.open()
        return try engine.run()
    }
}
