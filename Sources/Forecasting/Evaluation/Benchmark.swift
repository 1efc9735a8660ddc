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
    private let shiftedTable: FeatureTable
    private let shiftStart: Int
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
        let middle = testDay + (series.days.count - testDay) / 2
        shiftStart = table.firstRow(ofDay: middle)
        shiftedTable = try FeatureTable(
            series.scaled(by: 1.5, from: middle * series.session.binsPerDay), features)
    }

    /// One thing to fit and score.
    private enum Job: Sendable {
        case rules
        case forest
        case network(NetworkForecaster.Configuration, seed: UInt64)
    }

    /// Trains and scores everything.
    public func run() throws(ForecastError) -> Outcome {
        var plain = Evaluation(name, table, test: split.test, train: split.fit)
        var shifted = Evaluation(
            "\(name), load x 1.5", shiftedTable, test: shiftStart..<split.test.upperBound, train: split.fit)
        // The longest first, so that no thread is left alone with them.
        let kinds = Model.allCases.filter(plan.models.contains).map { $0.configuration(horizon: table.horizon) }
        let jobs = kinds.flatMap { kind in plan.seeds.map { Job.network(kind, seed: $0) } } + [.forest, .rules]
        let scored = try ParallelJobs<Job, Scored>.run(jobs, threads: plan.threads) { [plain, shifted] job in
            do throws(ForecastError) {
                switch job {
                case .rules: return .success(try rules(plain))
                case .forest: return .success(try forest(plain))
                case .network(let kind, let seed): return .success(try network(kind, seed: seed, plain, shifted))
                }
            } catch {
                return .failure(error)
            }
        }
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

    private func network(
        _ kind: NetworkForecaster.Configuration, seed: UInt64, _ plain: Evaluation, _ shifted: Evaluation
    ) throws(ForecastError) -> Scored {
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
        let warm = max(split.calibration.lowerBound, shiftStart - 2 * table.bins)..<split.test.upperBound
        let moved = [forecaster.predict(shiftedTable, origins: warm)] + others(shiftedTable, warm)
        let after = join.combine(shiftedTable, moved, origins: shiftStart..<split.test.upperBound)
        scored.shifted.append(shifted.entry(join.name, seed: seed, after))
        return scored
    }
}
