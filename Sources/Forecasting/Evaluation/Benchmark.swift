internal import Learning

/// The comparison of all forecasters on one series: rules, regressions, forest, the paper's LSTM, its GRU variant and the
/// default, the trained ones once a seed.
///
/// Everything is fitted on days before the test; the networks keep the epoch that was best on the validation days. The
/// result depends on data, plan and seeds only, not on threads.
public struct Benchmark: Sendable {
    /// How much is trained.
    public struct Plan: Sendable, Equatable {
        /// Days before the test that choose the epoch, and days after them that warm up the joins.
        public var validationDays = 25
        public var calibrationDays = 25
        /// Epochs of the 3 x 128 networks, and windows of each.
        public var largeEpochs = 10
        public var largeWindows = 9_600
        /// Epochs of the default, and windows of each.
        public var compactEpochs = 20
        public var compactWindows = 25_600
        /// Networks trained.
        public var models = Model.allCases
        /// Trees of a forest, and rows they are grown on.
        public var trees = 40
        public var forestRows = 12_000
        /// Days between refits of the rolling ridge, and days it looks back.
        public var refitDays = 10
        public var refitMemoryDays = 120
        /// Seeds of training.
        public var seeds: [UInt64] = [1, 2, 3]
        /// Threads: 1 or 2.
        public var threads = 2

        /// The defaults above.
        public init() {}
    }

    /// The networks that can take part.
    public enum Model: String, Sendable, CaseIterable {
        /// SealOS+'s LSTM, the same of gated recurrent units, and the default.
        case lstm, gru, compact

        /// Sizes and target.
        public func configuration(horizon: Int) -> NetworkForecaster.Configuration {
            switch self {
            case .lstm: .sealos(horizon: horizon)
            case .gru: .gru(horizon: horizon)
            case .compact: .compact(horizon: horizon)
            }
        }
    }

    /// What a benchmark found.
    public struct Outcome: Sendable {
        /// Scores on the test days as they are.
        public let evaluation: Evaluation
        /// Scores of the default over the second half of the test days, its load times 1.5.
        public let shifted: Evaluation
    }

    /// Names of the baselines that skill is counted against.
    public static let baselines = ["persistence", "seasonal naive", "profile x level", "profile x EWMA", "ridge AR"]

    private let name: String
    private let plan: Plan
    private let table: FeatureTable
    private let split: DaySplit
    private let shift: ShiftedTest
    private let report: @Sendable (String) -> Void

    /// Prepares the comparison on `series` with the test from day number `testDay` on.
    ///
    /// `report` is called from the threads at work with a line for each step that is done.
    public init(
        _ name: String, _ series: LoadSeries, _ features: FeatureStream.Configuration, testDay: Int, plan: Plan,
        report: @escaping @Sendable (String) -> Void
    ) throws(ForecastError) {
        guard !plan.seeds.isEmpty, (1...2).contains(plan.threads) else {
            throw ForecastError(.configuration, "a benchmark without seeds, or \(plan.threads) threads")
        }
        self.name = name
        self.plan = plan
        self.report = report
        table = try FeatureTable(series, features)
        split = try DaySplit(
            table, testDay: testDay, validationDays: plan.validationDays, calibrationDays: plan.calibrationDays,
            window: 30)
        guard split.test.count > 4 * table.bins else { throw ForecastError(.tooFewDays, "fewer than 4 days to test") }
        shift = try ShiftedTest(series, features, testDay: testDay, end: split.test.upperBound)
    }

    /// One thing to fit and score.
    private enum Job: Sendable {
        case rules
        case forest
        case network(NetworkForecaster.Configuration, seed: UInt64)
    }

    /// A job and what it belongs to.
    private struct Task: Sendable {
        let benchmark: Benchmark
        let number: Int
        let job: Job
    }

    /// Trains and scores everything.
    public func run() throws(ForecastError) -> Outcome {
        guard let outcome = try Self.run([self], threads: plan.threads).first else {
            throw ForecastError(.configuration, "a benchmark without an outcome")
        }
        return outcome
    }

    /// Runs benchmarks together on one or two threads, the longest jobs of all first, so that no thread is left alone
    /// with one of them; the outcomes are those of each alone.
    public static func run(_ benchmarks: [Benchmark], threads: Int) throws(ForecastError) -> [Outcome] {
        let tasks = benchmarks.enumerated().flatMap { number, benchmark in
            benchmark.jobs.map { Task(benchmark: benchmark, number: number, job: $0) }
        }
        let costs = tasks.map { $0.benchmark.multiplications($0.job) }
        let order = tasks.indices.sorted { (costs[$1], $0) < (costs[$0], $1) }
        let scored = try ParallelJobs<Task, Scored>.run(order.map { tasks[$0] }, threads: threads) { task in
            do throws(ForecastError) {
                return .success(try task.benchmark.score(task.job))
            } catch {
                return .failure(error)
            }
        }
        var parts = [Scored](repeating: Scored(), count: tasks.count)
        for (place, part) in zip(order, scored) { parts[place] = part }
        return benchmarks.enumerated().map { number, benchmark in
            benchmark.outcome(zip(tasks, parts).filter { $0.0.number == number }.map(\.1))
        }
    }

    private var jobs: [Job] {
        let kinds = Model.allCases.filter(plan.models.contains).map { $0.configuration(horizon: table.horizon) }
        return kinds.flatMap { kind in plan.seeds.map { Job.network(kind, seed: $0) } } + [.forest, .rules]
    }

    /// Multiplications of a job, roughly: each parameter counts for each window trained on and each forecast.
    private func multiplications(_ job: Job) -> Int {
        switch job {
        case .rules: return 0
        case .forest: return 1
        case .network(let kind, _):
            let sizes = kind.network
            let inner = sizes.kind.gates * sizes.hidden * sizes.hidden * (2 * sizes.layers - 1)
            let trained =
                kind.hasRidgeBase
                ? plan.compactEpochs * plan.compactWindows : plan.largeEpochs * plan.largeWindows
            return inner * (3 * trained + split.test.count)
        }
    }

    private func score(_ job: Job) throws(ForecastError) -> Scored {
        switch job {
        case .rules: try rules(plainEvaluation)
        case .forest: try forest(plainEvaluation)
        case .network(let kind, let seed): try network(kind, seed: seed)
        }
    }

    private var plainEvaluation: Evaluation { Evaluation(name, table, test: split.test, train: split.fit) }
    private var shiftedEvaluation: Evaluation { shift.evaluation(name, train: split.fit) }

    private func outcome(_ scored: [Scored]) -> Outcome {
        var plain = plainEvaluation
        var shifted = shiftedEvaluation
        for part in scored.reversed() where part.isRule { for entry in part.plain { plain.add(entry) } }
        for part in scored where !part.isRule {
            for entry in part.plain { plain.add(entry) }
            for entry in part.shifted { shifted.add(entry) }
        }
        return Outcome(evaluation: plain, shifted: shifted)
    }

    /// Entries of one job.
    private struct Scored: Sendable {
        var isRule = false
        var plain: [Evaluation.Entry] = []
        var shifted: [Evaluation.Entry] = []
    }

    private func rules(_ evaluation: Evaluation) throws(ForecastError) -> Scored {
        let forecasters: [any Forecaster] = [
            Persistence(), SeasonalNaive(), ProfileLevel(), ProfileEWMA(),
            try RidgeForecaster(table, rows: split.fit),
            try RidgeForecaster(table, rows: split.fit, inputs: .differences),
            RollingRidge(everyDays: plan.refitDays, memoryDays: plan.refitMemoryDays),
        ]
        var scored = Scored(isRule: true)
        for forecaster in forecasters {
            let predictions = forecaster.predict(table, origins: split.test)
            scored.plain.append(evaluation.entry(forecaster.name, seed: nil, predictions))
        }
        report("\(name): rules and regressions")
        return scored
    }

    private func forest(_ evaluation: Evaluation) throws(ForecastError) -> Scored {
        let forest = try ForestForecaster(
            table, rows: split.fit, trees: plan.trees, rowsMax: plan.forestRows, seed: plan.seeds[0])
        let predictions = forest.predict(table, origins: split.test)
        report("\(name): random forest")
        return Scored(isRule: true, plain: [evaluation.entry(forest.name, seed: nil, predictions)])
    }

    private func network(_ kind: NetworkForecaster.Configuration, seed: UInt64) throws(ForecastError) -> Scored {
        let isCompact = kind.hasRidgeBase
        var settings = ForecastTrainer.Configuration()
        settings.epochs = isCompact ? plan.compactEpochs : plan.largeEpochs
        settings.windowsPerEpoch = isCompact ? plan.compactWindows : plan.largeWindows
        settings.seed = seed
        settings.threads = 1
        let trainer = try ForecastTrainer(kind, table, split, settings)
        while !trainer.isDone {
            guard let progress = try trainer.runEpoch() else { break }
            report(
                "\(name): \(kind.name), seed \(seed), epoch \(progress.epoch)/\(settings.epochs), loss "
                    + "\(FixedText.decimals(progress.loss, 4)), validation \(FixedText.decimals(progress.validation, 4))"
            )
        }
        let forecaster = trainer.forecaster
        var scored = Scored()
        let plain = plainEvaluation
        let alone = forecaster.predict(table, origins: split.calibration.lowerBound..<split.test.upperBound)
        scored.plain.append(plain.entry(kind.name, seed: seed, alone.slice(split.test)))
        let join = forecaster.joined
        func others(_ table: FeatureTable, _ origins: Range<Int>) -> [Predictions] {
            join.members.dropFirst().map { $0.predict(table, origins: origins) }
        }
        let joined = join.combine(table, [alone] + others(table, alone.origins), origins: split.test)
        scored.plain.append(plain.entry(join.name, seed: seed, joined))
        report("\(name): \(kind.name), seed \(seed), scored")
        guard isCompact else { return scored }
        // The join comes into the shift with the experience of the days before it.
        let warm = max(split.calibration.lowerBound, shift.origins.lowerBound - 2 * table.bins)..<split.test.upperBound
        let moved = [forecaster.predict(shift.table, origins: warm)] + others(shift.table, warm)
        let after = join.combine(shift.table, moved, origins: shift.origins)
        scored.shifted.append(shiftedEvaluation.entry(join.name, seed: seed, after))
        return scored
    }
}
