internal import ArgumentParser
internal import Autoscaling
internal import Foundation
internal import Settings

/// `autoscaler calibrate`: a chain's profile from load tests of its services.
struct CalibrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate",
        abstract: "Fit a chain's profile to measurements and write it as YAML.",
        discussion: """
            Fits service time, workers and variation of each service to steps of load tests, by least squares of means \
            and 95th percentiles against the simulator's own queueing model, below the knee; where the steps bear it \
            out also response times without a queue, and with three or more replica counts what replicas lose to each \
            other. Steps come as CSV (service,replicas,rate,mean,p95, perhaps answered, p50, p99) or as JSON summaries \
            of loadgen. A replica that takes all that waits at once, such as a reader of a stream, is fitted as \
            batches. Steps given as --check are not fitted: each load of them, the trimmed mean of its repeats, must be \
            predicted within --check-limit, or nothing is written. Loads whose rate a replica is above every fitted \
            one are shown and marked, but prove nothing either way: at least one load must lie within the fitted rates.
            Steps of a summary during which the hypervisor withheld more than --steal-limit of the processors tell of \
            other machines on its host, and are left out.

            Example:
              loadgen run --scenario steps.yaml --json risk1.json
              loadgen run --scenario other.yaml --json risk2.json
              autoscaler calibrate --summary risk:1:risk1.json --startups startups.csv --profile chain.yaml \\
                --check risk:2:risk2.json --out calibrated.yaml

            Exit codes: 0 written, 99 the check failed or lies above the fitted rates, 2 wrong data or arguments.
            """)

    @Option(
        parsing: .upToNextOption, help: "CSV files with the columns service,replicas,rate,mean,p95[,answered,p50,p99].")
    var steps: [String] = []
    @Option(parsing: .upToNextOption, help: "SERVICE:REPLICAS:FILE, FILE being a JSON summary of `loadgen run`.")
    var summary: [String] = []
    @Option(help: "Unit of the times in the CSV files: s, ms or us.")
    var times = "s"
    @Option(help: "CSV file with the columns service,ordered,ready in seconds; an empty ready never became so.")
    var startups: String?
    @Option(help: "CSV file with the columns class,service,requests,visits.")
    var visits: String?
    @Option(help: "Profile (YAML) to start from: names, bounds and all that is not measured.")
    var profile: String?
    @Option(parsing: .upToNextOption, help: "SERVICE=N where the workers of a replica are known.")
    var workers: [String] = []
    @Option(help: "Promised 95th percentile of the whole response time, such as 50ms.")
    var latencyTarget: String?
    @Option(
        parsing: .upToNextOption,
        help: "Steps to predict: CSV files with the columns of --steps, or SERVICE:REPLICAS:FILE.")
    var check: [String] = []
    @Option(help: "Largest error of a predicted 95th percentile, as a share of the measured one.")
    var checkLimit = 0.15
    @Option(help: "Share of the processors that a hypervisor may withhold during a step of a summary, 0 to 1.")
    var stealLimit = 0.05
    @Option(help: "Where the profile goes; - for standard output.")
    var out: String

    func validate() throws {
        guard !steps.isEmpty || !summary.isEmpty else { throw ValidationError("--steps or --summary is needed") }
        guard checkLimit > 0, checkLimit <= 10 else {
            throw ValidationError("--check-limit is more than 0, at most 10")
        }
        guard stealLimit >= 0, stealLimit <= 1 else { throw ValidationError("--steal-limit is 0 to 1") }
        guard StepMeasurement.TimeUnit(rawValue: times) != nil else { throw ValidationError("--times is s, ms or us") }
    }

    func run() throws {
        try InputFile.requireWritable([out])
        do {
            let calibration = try calibrate()
            var comments = CalibrationTable.comments(calibration)
            Terminal.complain(CalibrationTable.fits(calibration))
            for name in calibration.unmeasured {
                Terminal.complain("calibrate: service '\(name)' has no steps and keeps its figures")
            }
            for guess in CalibrationTable.guesses(calibration) {
                Terminal.complain("calibrate: \(guess)")
                comments.append("\(guess).")
            }
            try judge(calibration, &comments)
            try InputFile.write(calibration.profile.yaml(comments: comments), to: out)
        } catch let fault as SimulationFault {
            throw UserError("calibrate: \(fault)")
        } catch let error as SettingsError {
            throw UserError("\(error)")
        }
    }

    /// Prints the check and adds it to the comments.
    ///
    /// - Throws: `ExitCode` 99 where a load within the fitted rates is predicted worse than allowed, or there is none.
    private func judge(_ calibration: ChainCalibration, _ comments: inout [String]) throws {
        let steps = try check.flatMap { text in
            try StepSummary.place(text).map { try undisturbed($0) } ?? read([text])
        }
        guard !check.isEmpty else { return }
        if steps.isEmpty { throw disturbed("check") }
        let checks = try calibration.check(steps)
        Terminal.complain("\npredicted / measured at loads that were not fitted, ms")
        Terminal.complain(CalibrationTable.checks(checks))
        var isMissed = false
        for fit in calibration.fits {
            let own = checks.filter { $0.measured.service == fit.service }
            guard !own.isEmpty else { continue }
            let within = own.filter { !$0.isExtrapolated }
            guard let worst = within.map(\.p95Deviation.magnitude).max() else {
                isMissed = true
                Terminal.complain(
                    "autoscaler: service '\(fit.service)': every load to check is above "
                        + "\(CalibrationTable.rate(fit.kneeRate)) requests a second a replica, the greatest fitted rate, so "
                        + "nothing is proved; nothing was written. Fit greater rates, or check lower ones")
                continue
            }
            let loads = within.count == 1 ? "1 other load" : "\(within.count) other loads"
            let above = own.count - within.count
            comments.append(
                "Checked on \(fit.service): \(loads), p95 at most \(CalibrationTable.percent(worst)) off"
                    + (above > 0 ? "; \(above) more above the fitted rates, not judged." : "."))
            guard !(worst <= checkLimit) else { continue }
            isMissed = true
            Terminal.complain(
                "autoscaler: service '\(fit.service)': p95 at another load is \(CalibrationTable.percent(worst)) off, "
                    + "more than \(CalibrationTable.percent(checkLimit)); nothing was written. Measure longer or more "
                    + "steps, or raise --check-limit")
        }
        if isMissed { throw ExitCode(99) }
    }

    private func calibrate() throws -> ChainCalibration {
        var evidence = ChainCalibration.Evidence()
        evidence.steps = try read(steps)
        for text in summary {
            guard let place = StepSummary.place(text) else {
                throw UserError("--summary: '\(text)' is not SERVICE:REPLICAS:FILE")
            }
            evidence.steps += try undisturbed(place)
        }
        if evidence.steps.isEmpty { throw disturbed("fit") }
        for text in workers {
            let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, let count = Int(parts[1]), (1...1_024).contains(count) else {
                throw UserError("--workers: '\(text)' is not SERVICE=N with N of 1 to 1024")
            }
            evidence.workers[parts[0]] = count
        }
        if let startups { evidence.startups = try ServiceProfile.Startup.read(try Self.text(startups), name: startups) }
        if let visits { evidence.visits = try VisitCounts(try Self.text(visits), name: visits) }
        return try ChainCalibration(evidence, base: try base(), latencyTarget: try target())
    }

    /// The steps of a summary during which the hypervisor withheld little; the others are named.
    private func undisturbed(_ place: (service: String, replicas: Int, file: String)) throws -> [StepMeasurement] {
        try StepSummary.read(place.file, service: place.service, replicas: place.replicas).compactMap { reading in
            guard let steal = reading.steal, steal > stealLimit else { return reading.step }
            Terminal.complain(
                "calibrate: \(place.file): a step of \(CalibrationTable.rate(reading.step.rate)) requests a second is left "
                    + "out, the hypervisor withheld \(CalibrationTable.percent(steal)) of the processors")
            return nil
        }
    }

    /// All steps were left out.
    private func disturbed(_ purpose: String) -> UserError {
        UserError(
            "no step is left to \(purpose): the hypervisor withheld more than \(CalibrationTable.percent(stealLimit)) of "
                + "the processors in each. Measure while its host is quiet, or raise --steal-limit")
    }

    private func base() throws -> ChainProfile? {
        guard let profile else { return nil }
        let top = try SettingsSection(yaml: try Self.text(profile), name: profile)
        let chain = try ChainReader.chain(top) { try? Self.text($0) }
        try top.finish()
        return chain
    }

    private func target() throws -> Double? {
        guard let latencyTarget else { return nil }
        guard let nanoseconds = QuantityText.nanoseconds(latencyTarget), nanoseconds > 0 else {
            throw UserError("--latency-target: '\(latencyTarget)' is no time such as 50ms")
        }
        return Double(nanoseconds) / 1e9
    }

    private func read(_ files: [String]) throws -> [StepMeasurement] {
        let unit = StepMeasurement.TimeUnit(rawValue: times) ?? .seconds
        return try files.flatMap { try StepMeasurement.read(try Self.text($0), name: $0, times: unit) }
    }

    private static func text(_ file: String) throws -> String {
        String(decoding: try InputFile.read(file), as: UTF8.self)
    }
}
