internal import Engine
internal import Settings

/// Carries a plan out, with the live view beside it.
struct RunExecution {
    /// The most processes of one run.
    static let workersMax = 64

    private let settings: RunSettings

    init(_ settings: RunSettings) { self.settings = settings }

    /// Runs in this process, or in several.
    ///
    /// - Parameter outputs: get every finished request of this process, and the figures of each second.
    func run(_ outputs: RunOutputs) throws(LoadError) -> RunResult {
        let view = LiveView(settings.plan)
        defer { view.close() }
        guard settings.workers == 1 else {
            let workers = try Workers(settings) { figures in
                view.show(figures.live(settings.plan))
                outputs.show(figures)
            }
            view.open()
            return try workers.run()
        }
        let engine = try LoadEngine(settings.plan, stop: Interrupt.flag, samples: outputs.samples) { progress in
            view.show(progress)
            outputs.show(progress)
        }
        view.open()
        return try engine.run()
    }
}
