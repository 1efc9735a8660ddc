internal import Forecasting
internal import Foundation
internal import Synchronization

/// One retraining on a thread of its own with the lowest priority; it touches nothing that serves.
final class ForecastRetraining: Sendable {
    /// Whole days that retraining needs beyond those of the profile: to train, to validate and to judge on.
    static let days = 20

    private let outcome = Mutex<Result<Retraining.Verdict, ForecastError>?>(nil)
    private let isStopped = Atomic<Bool>(false)
    private let isOver = Atomic<Bool>(false)

    /// Begins to fit a successor of `champion` to measured bins.
    init(_ champion: NetworkForecaster, _ rows: [LoadSample]) {
        Thread.detachNewThread { [self] in
            setpriority(.init(PRIO_PROCESS.rawValue), 0, 19)
            let result = Result { () throws(ForecastError) -> Retraining.Verdict in
                try Retraining().run(
                    champion, on: try Self.series(rows, champion.features.session),
                    shouldStop: { self.isStopped.load(ordering: .relaxed) })
            }
            outcome.withLock { $0 = result }
            isOver.store(true, ordering: .releasing)
        }
    }

    /// The whole days among measured bins, by the reader that training data pass.
    private static func series(_ rows: [LoadSample], _ session: TradingSession) throws(ForecastError) -> LoadSeries {
        let text = SampleStore.head + rows.map(SampleStore.line).joined()
        return try SeriesReader(timeColumn: "time", valueColumn: "value", session: session).read(Array(text.utf8))
    }

    /// What came of it; nil while it runs.
    func verdict() -> Result<Retraining.Verdict, ForecastError>? { outcome.withLock { $0 } }

    /// Ends it after the step it is in.
    func stop() async {
        isStopped.store(true, ordering: .relaxed)
        while !isOver.load(ordering: .acquiring) { try? await Task.sleep(for: .milliseconds(5)) }
    }
}
