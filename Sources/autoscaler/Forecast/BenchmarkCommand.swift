internal import ArgumentParser
internal import Forecasting

/// `autoscaler forecast benchmark`: trains and judges everything on the two recorded series, as one table.
struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark",
        abstract: "Train and judge every forecaster on two recorded series.",
        discussion: """
            The minutes of the Shanghai index, trained on 2015 and 2016 and tested on 2017, and the requests to the 1998
            World Cup site, tested on the last quarter of the days. Needs the folder with a_minute_bars and
            c_request_rates. The result depends on data and seeds only: two runs print the same bytes.

            Example:
              autoscaler forecast benchmark --data-folder data --seeds 1,2,3 --json benchmark.json
            """)

    @Option(help: "Folder of the recorded series.")
    var dataFolder: String
    @Option(help: "Seeds of training, separated by commas.")
    var seeds = "1,2,3"
    @Option(help: "Networks trained: \(Benchmark.Model.allCases.map(\.rawValue).joined(separator: ",")).")
    var models = Benchmark.Model.allCases.map(\.rawValue).joined(separator: ",")
    @Option(help: "Threads, 1 or 2; the result is the same.")
    var threads = 2
    @Flag(help: "A hundredth of the training: shows that everything runs, not how good it is.")
    var quick = false
    @Option(help: "Write all figures here as JSON.")
    var json: String?

    func run() throws {
        try InputFile.requireWritable([json])
        let numbers = try seeds.split(separator: ",").map { text in
            guard let seed = UInt64(text) else { throw UserError("--seeds: '\(text)' is no seed") }
            return seed
        }
        let models = try models.split(separator: ",").map { try model(named: String($0)) }
        var tables: [String] = []
        let outcomes = try asUserError {
            try Benchmark.run([try shanghai(numbers, models), try worldCup(numbers, models)], threads: threads)
        }
        for outcome in outcomes {
            Terminal.say(outcome.evaluation.text(baselines: Benchmark.baselines) + "\n")
            Terminal.say(outcome.shifted.text(baselines: []) + "\n")
            tables += [outcome.evaluation.json, outcome.shifted.json]
        }
        if let json { try InputFile.write("[\(tables.joined(separator: ",\n"))]\n", to: json) }
    }

    private var plan: Benchmark.Plan {
        var plan = Benchmark.Plan()
        plan.threads = threads
        if quick {
            plan.largeEpochs = 1
            plan.largeWindows = 640
            plan.compactEpochs = 1
            plan.compactWindows = 2_560
            plan.trees = 4
            plan.forestRows = 2_000
        }
        return plan
    }

    private func shanghai(_ seeds: [UInt64], _ models: [Benchmark.Model]) throws -> Benchmark {
        try asUserError {
            let session = try TradingSession("a-share")
            var reader = SeriesReader(timeColumn: "dt", valueColumn: "vol", session: session)
            let indicators: [LoadSeries.Indicator] = [.open, .high, .low, .close]
            for indicator in indicators { reader.indicatorColumns[indicator] = indicator.rawValue }
            let file = "\(dataFolder)/a_minute_bars/sse_index_000001_1min_2015-2017.csv.zst"
            let series = try reader.read(try InputFile.read(file), name: file)
            SeriesOptions.announce(series)
            let features = try FeatureStream.Configuration(
                session: session, horizon: 5, profileDays: 60, indicators: indicators)
            var plan = plan
            plan.seeds = seeds
            plan.models = models
            let testDay = series.index(ofDay: CivilTime.days(year: 2017, month: 1, day: 1))
            return try Benchmark("SSE index volume a minute", series, features, testDay: testDay, plan: plan) {
                Terminal.complain($0)
            }
        }
    }

    private func worldCup(_ seeds: [UInt64], _ models: [Benchmark.Model]) throws -> Benchmark {
        try asUserError {
            let session = try TradingSession("24x7")
            let reader = SeriesReader(timeColumn: "minute", valueColumn: "requests", session: session)
            let file = "\(dataFolder)/c_request_rates/worldcup98_per_minute_1998-04-30_06-21.csv.zst"
            let series = try reader.read(try InputFile.read(file), name: file)
            SeriesOptions.announce(series)
            let features = try FeatureStream.Configuration(session: session, horizon: 5, profileDays: 7)
            var plan = plan
            plan.seeds = seeds
            plan.models = models
            plan.validationDays = 3
            plan.calibrationDays = 3
            plan.largeEpochs = quick ? 1 : 6
            plan.compactEpochs = quick ? 1 : 10
            plan.compactWindows = quick ? 2_560 : 12_800
            plan.refitDays = 1
            plan.refitMemoryDays = 14
            return try Benchmark(
                "WorldCup98 requests a minute", series, features, testDay: series.days.count * 3 / 4, plan: plan
            ) { Terminal.complain($0) }
        }
    }
}
