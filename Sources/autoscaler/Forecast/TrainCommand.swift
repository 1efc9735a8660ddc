internal import ArgumentParser
internal import Dispatch
internal import Forecasting

/// `autoscaler forecast train`: fits a forecaster and keeps the best of its epochs.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train a forecaster on whole days of load.",
        discussion: """
            Models: compact, an LSTM of 48 units with quantiles on top of a ridge regression (the default: the most exact
            one measured); lstm, SealOS+'s 3 x 128 with dropout 0.3, trained on the squared error; gru, the same with
            gated recurrent units.

            After each epoch the file has the weights that were best on the validation days, and the state to go on from
            with --resume. Ctrl-C ends training after the last whole epoch; a second one at once.

            Example:
              autoscaler forecast train --data sse_index_000001_1min_2015-2017.csv.zst --time-column dt \\
                --value-column vol --session a-share --extra-columns open high low close --horizon 5 \\
                --until 2017-01-01 --out model.safetensors
            """)

    @OptionGroup var series: SeriesOptions
    @Option(help: "a-share, us, 24x7, or segments such as 09:00-11:30,13:30-15:00.")
    var session = "24x7"
    @Option(help: "Length of a bin in seconds.")
    var interval = 60
    @Option(help: "Which end of its bin a row's time is: start or end (default: end for a-share).")
    var stamp: String?
    @Option(help: "Bins ahead to forecast.")
    var horizon = 5
    @Option(help: "Days in the mean of the profile, 5 to 250.")
    var profileDays: Int?
    @Option(help: "\(Benchmark.Model.allCases.map(\.rawValue).joined(separator: ", ")).", transform: model(named:))
    var model = Benchmark.Model.compact
    @Option(help: "Train on days before this one only, such as 2017-01-01.")
    var until: String?
    @Option(help: "Days at the end that choose the best epoch.")
    var validationDays = 25
    @Option(help: "Epochs at most.")
    var epochs = 20
    @Option(help: "Epochs without a better validation that end training.")
    var patience = 6
    @Option(help: "Windows of an epoch.")
    var windows = 25_600
    @Option(help: "Seed of everything random.")
    var seed: UInt64 = 1
    @Option(help: "Threads, 1 or 2; the result is the same.")
    var threads = 2
    @Option(help: "File of the model.")
    var out: String
    @Flag(help: "Go on from the state in the file of the model.")
    var resume = false

    func run() throws {
        try InputFile.requireWritable([out])
        let end = try until.map { try day($0) }
        let (trainer, days) = try asUserError { () throws -> (ForecastTrainer, Int) in
            let stampKind = try stamp.map { text in
                guard let kind = TradingSession.Stamp(rawValue: text) else {
                    throw UserError("--stamp is '\(text)', not start or end")
                }
                return kind
            }
            let session = try TradingSession(session, intervalSeconds: interval, stamp: stampKind)
            var loaded = try series.read(session)
            if let end { loaded = try loaded.prefix(days: loaded.index(ofDay: end)) }
            let features = try FeatureStream.Configuration(
                session: session, horizon: horizon, profileDays: profileDays ?? (session.isContinuous ? 7 : 60),
                indicators: try series.indicators())
            return (try makeTrainer(loaded, features), loaded.days.count)
        }
        if resume { try asUserError { try trainer.resume(from: out) } }
        Interrupt.install()
        Terminal.complain(
            "forecast: \(model.rawValue), horizon \(horizon), \(days) days, \(validationDays) of them to validate, seed "
                + "\(seed)\(trainer.epoch > 0 ? ", resumed after epoch \(trainer.epoch)" : "")")
        try train(trainer)
    }

    private func makeTrainer(_ loaded: LoadSeries, _ features: FeatureStream.Configuration) throws -> ForecastTrainer {
        let kind = model.configuration(horizon: horizon)
        let table = try FeatureTable(loaded, features)
        let split = try DaySplit(
            table, testDay: loaded.days.count, validationDays: validationDays, calibrationDays: 0, window: kind.window)
        var settings = ForecastTrainer.Configuration()
        settings.epochs = epochs
        settings.windowsPerEpoch = windows
        settings.patience = patience
        settings.seed = seed
        settings.threads = threads
        return try ForecastTrainer(kind, table, split, settings)
    }

    private func train(_ trainer: ForecastTrainer) throws {
        let live = TrainingLine(epochs: epochs)
        while !trainer.isDone {
            let progress = try trainer.runEpoch(
                shouldStop: { Interrupt.isSet }, onStep: { live.show(trainer.epoch, step: $0, of: $1) })
            guard let progress else { break }
            try asUserError { try trainer.writeState(to: out) }
            live.show(progress)
        }
        live.clear()
        guard trainer.bestValidation.isFinite else {
            Terminal.complain("forecast: interrupted before the first epoch was whole; nothing was written")
            throw ExitCode(130)
        }
        let state = trainer.isDone ? "done" : "interrupted; go on with --resume"
        Terminal.complain(
            "forecast: \(state), \(trainer.epoch) epochs, best validation RMSE of logs "
                + "\(FixedText.decimals(trainer.bestValidation, 4)), in \(out)")
    }
}

/// Progress of training: a line that is redrawn on a terminal, else a line an epoch.
private final class TrainingLine {
    private let epochs: Int
    private let start = DispatchTime.now().uptimeNanoseconds
    private var firstEpoch: Int?
    private var lastShown = UInt64(0)
    private var last = ""

    init(epochs: Int) { self.epochs = epochs }

    func show(_ epoch: Int, step: Int, of steps: Int) {
        if firstEpoch == nil { firstEpoch = epoch }
        let now = DispatchTime.now().uptimeNanoseconds
        guard Terminal.isInteractive, now - lastShown > 200_000_000 else { return }
        lastShown = now
        let done = Double(epoch) + Double(step) / Double(steps)
        Terminal.redraw("epoch \(epoch + 1)/\(epochs), step \(step)/\(steps), \(left(done, now)) left at most\(last)")
    }

    func show(_ progress: ForecastTrainer.Progress) {
        last = ", validation \(FixedText.decimals(progress.validation, 4))"
        clear()
        let now = DispatchTime.now().uptimeNanoseconds
        Terminal.complain(
            "epoch \(progress.epoch)/\(epochs): loss \(FixedText.decimals(progress.loss, 4)), validation RMSE of logs "
                + "\(FixedText.decimals(progress.validation, 4)), skill against profile x level "
                + "\(FixedText.decimals(100 * progress.skill, 1)) %, \(left(Double(progress.epoch), now)) left at most"
                + (progress.isBest ? ", best so far" : ""))
    }

    func clear() { if Terminal.isInteractive { Terminal.redraw("") } }

    private func left(_ done: Double, _ now: UInt64) -> String {
        let share = done - Double(firstEpoch ?? 0)
        guard share > 0 else { return "?" }
        let seconds = Double(now - start) / 1e9 / share * (Double(epochs) - done)
        return seconds < 90 ? "\(Int(seconds.rounded())) s" : "\(Int((seconds / 60).rounded())) min"
    }
}

/// The network of that name.
func model(named name: String) throws -> Benchmark.Model {
    guard let model = Benchmark.Model(rawValue: name) else {
        throw UserError("'\(name)' is none of \(Benchmark.Model.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return model
}
