import Arrivals
import Engine
import Testing

/// Finished requests as the engine makes them, with other figures in them.
enum FinishedRequests {
    private final class First: SampleSink {
        var sample: RequestSample?
        func finished(_ sample: RequestSample) { self.sample = self.sample ?? sample }
    }

    /// The first request of a second of simulated time.
    static func one() throws -> RequestSample {
        let target = TargetPlan(.inProcess("echo"), at: try #require(Endpoint("127.0.0.1:1")))
        var plan = LoadPlan(name: "one", seed: 1, target: target)
        plan.operations = [OperationPlan(name: "call", request: .call)]
        plan.mixes = [MixPlan(name: "mix", items: [(.operation(0), 1)])]
        plan.scenarios = [ScenarioPlan(name: "main", mix: 0, executor: .arrivals(.even, .constant(10, seconds: 1)))]
        let sink = First()
        _ = try LoadEngine(plan, clock: .simulated(SimulatedClock()), samples: sink).run()
        return try #require(sink.sample)
    }
}
