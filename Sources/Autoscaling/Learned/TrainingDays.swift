public import Learning

/// Parts of simulated days to learn from: the kind, the day and the start are drawn for each episode.
///
/// A third of the episodes begin before the open, a sixth in the last hour, the rest anywhere, so that a policy does not
/// learn a seed's calendar and still sees the open often. Days and forecasters are made once.
public struct TrainingDays: ScalingDays {
    /// Seconds of an episode.
    public let seconds: Int
    private let kinds: [(days: [LoadTrace], forecaster: TrainedForecast)]

    /// Days of `kinds`, `count` of each, sizes varied, from `DaySeeds.training`; forecasters for metrics read by `path`.
    public init(
        kinds: [DayKind] = [.mild, .bursty, .eventful, .china], peak: Double, path: MetricsPath = .gathered,
        count: Int = 16, seconds: Int = 3_600
    ) throws(SimulationFault) {
        precondition(!kinds.isEmpty && !kinds.contains(.flash) && count > 0 && seconds >= 60, "days to learn from")
        self.seconds = seconds
        var made: [(days: [LoadTrace], forecaster: TrainedForecast)] = []
        for (index, kind) in kinds.enumerated() {
            var generator = kind.days(peak: peak)
            generator.dayVariation = 0.2
            var days: [LoadTrace] = []
            let first = DaySeeds.training.lowerBound + UInt64(1_000 * index)
            for seed in first..<first + UInt64(count) { days.append(try generator.load(seed: seed)) }
            made.append((days, try kind.forecaster(peak: peak, path: path)))
        }
        self.kinds = made
    }

    public func draw(
        _ role: EnvironmentRole, _ episode: Int, _ random: inout Xoshiro256StarStar
    ) -> (load: LoadTrace, forecaster: (any LoadForecasting)?) {
        let (days, forecaster) = kinds[random.below(kinds.count)]
        let day = days[random.below(days.count)]
        let last = max(1, day.duration - seconds)
        let part = random.below(6)
        let start = part < 2 ? random.below(1_200) : part == 2 ? max(0, last - random.below(600)) : random.below(last)
        return (day.window(start..<start + seconds), forecaster)
    }
}
