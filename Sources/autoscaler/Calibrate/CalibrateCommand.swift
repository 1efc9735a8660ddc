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
            and 95th percentiles against the simulator's own queueing model, below the knee; with three or more replica \
            counts also what replicas lose to each other. Steps come as CSV (service,replicas,rate,mean,p95, perhaps \
            answered) or as JSON summaries of loadgen. Steps given as --check are not fitted: they must be predicted, \
            or nothing is written.

            Example:
              loadgen run --scenario steps.yaml --json risk.json
              autoscaler calibrate --summary risk:1:risk.json --startups startups.csv --profile chain.yaml \\
                --check other.csv --out calibrated.yaml

            Exit codes: 0 written, 1 the check failed, 2 wrong data or arguments.
            """)

    @Option(parsing: .upToNextOption, help: "CSV files with the columns service,replicas,rate,mean,p95[,answered].")
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
    @Option(parsing: .upToNextOption, help: "CSV files with steps to predict, with the columns of --steps.")
    var check: [String] = []
    @Option(help: "Largest mean error of the predicted 95th percentiles.")
    var checkLimit = 0.15
    @Option(help: "Where the profile goes; - for standard output.")
    var out: String

    func validate() throws {
        guard !steps.isEmpty || !summary.isEmpty else { throw ValidationError("--steps or --summary is needed") }
        guard checkLimit > 0, checkLimit <= 10 else {
            throw ValidationError("--check-limit is more than 0, at most 10")
        }
        guard StepMeasurement.TimeUnit(rawValue: times) != nil else { throw ValidationError("--times is s, ms or us") }
    }

    func run() throws {
        do {
            let calibration = try calibrate()
            var comments = Self.comments(calibration)
            Terminal.complain(Self.table(calibration))
            for name in calibration.unmeasured {
                Terminal.complain("calibrate: service '\(name)' has no steps and keeps its figures")
            }
            let predicted = try calibration.check(try read(check))
            for row in predicted {
                let text =
                    "\(row.service): \(row.steps) other steps, error of the mean \(Self.percent(row.mean)), "
                    + "of p95 \(Self.percent(row.p95))"
                Terminal.complain("check: \(text)")
                comments.append("Checked on \(text).")
            }
            if let worst = predicted.max(by: { $0.p95 < $1.p95 }), !(worst.p95 <= checkLimit) {
                throw FailedCheck(
                    description:
                        "service '\(worst.service)': p95 at other loads is \(Self.percent(worst.p95)) off, more "
                        + "than \(Self.percent(checkLimit)); nothing was written. Measure more steps, or raise "
                        + "--check-limit")
            }
            try InputFile.write(calibration.profile.yaml(comments: comments), to: out)
        } catch let fault as SimulationFault {
            throw UserError("calibrate: \(fault)")
        } catch let error as SettingsError {
            throw UserError("\(error)")
        }
    }

    /// A prediction that is too far off.
    struct FailedCheck: Error, CustomStringConvertible {
        let description: String
    }

    private func calibrate() throws -> ChainCalibration {
        var evidence = ChainCalibration.Evidence()
        evidence.steps = try read(steps)
        for text in summary {
            let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 3, !parts[0].isEmpty, let replicas = Int(parts[1]), (1...1_000).contains(replicas)
            else {
                throw UserError("--summary: '\(text)' is not SERVICE:REPLICAS:FILE")
            }
            evidence.steps += try StepSummary.read(parts[2], service: parts[0], replicas: replicas)
        }
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

    // MARK: What is said

    private static func percent(_ share: Double) -> String { String(format: "%.1f %%", 100 * share) }

    private static func table(_ calibration: ChainCalibration) -> String {
        let header = [
            "service", "steps", "workers", "time ms", "variation", "capacity/s", "knee/s", "mean off", "p95 off",
        ]
        let rows = calibration.fits.map { fit in
            [
                fit.service, "\(fit.steps)", "\(fit.workers)", String(format: "%.4g", fit.serviceTime * 1e3),
                String(format: "%.2f", fit.serviceVariation), String(format: "%.1f", fit.capacity),
                String(format: "%.1f", fit.kneeRate), percent(fit.meanError), percent(fit.p95Error),
            ]
        }
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        return ([header] + rows).map { row in
            row.enumerated().map { column, cell in
                let blanks = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + blanks : blanks + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    private static func comments(_ calibration: ChainCalibration) -> [String] {
        ["Written by `autoscaler calibrate`."]
            + calibration.fits.map { fit in
                "\(fit.service): \(fit.steps) steps, error of the mean \(percent(fit.meanError)), of p95 "
                    + "\(percent(fit.p95Error)); \(String(format: "%.1f", fit.capacity)) requests a second a replica, "
                    + "\(String(format: "%.1f", fit.kneeRate)) below the knee."
            }
    }
}
