internal import Autoscaling
internal import Foundation

/// The steps in a JSON summary of `loadgen run` (schema version 2): stepped users, a search for the capacity, or a plain
/// run, which is one step.
struct StepSummary {
    /// One step, or the whole of a plain run.
    fileprivate struct Step: Decodable {
        struct Times: Decodable {
            var mean_us: Double
            var p95_us: Double
            var p50_us: Double?
            var p99_us: Double?
        }
        var begin: Double
        var end: Double
        var offered: Double
        var counts: [String: Double]
        var response: Times
    }

    /// A step and the share of the processors that the hypervisor withheld meanwhile; nil where the file does not say.
    struct Reading {
        var step: StepMeasurement
        var steal: Double?
    }

    private struct Document: Decodable {
        struct Schedule: Decodable {
            var seconds: Double
            var warmup_seconds: Double
        }
        struct Totals: Decodable {
            var error_ratio: Double
            var answered_per_second: Double
        }
        struct Watch: Decodable {
            struct Sample: Decodable {
                var second: Double
                var machine_steal: Double?
            }
            var samples: [Sample]
        }
        var schema_version: Int
        var verdict: String
        var watch: Watch?
        var schedule: Schedule
        var totals: Totals
        var response: Step.Times
        var steps: [Step]

        /// Mean over the samples, each of about a second before its time, that are mostly of a stretch of seconds.
        func steal(_ begin: Double, _ end: Double) -> Double? {
            let shares = (watch?.samples ?? []).filter { $0.second > begin + 0.5 && $0.second <= end + 0.5 }
                .compactMap(\.machine_steal)
            return shares.isEmpty ? nil : shares.reduce(0, +) / Double(shares.count)
        }
    }

    /// Outcomes that are no answer.
    private static let failures = ["timeout", "error", "unknown", "dropped"]

    /// The steps of `service`, which had so many replicas.
    static func read(_ file: String, service: String, replicas: Int) throws -> [Reading] {
        let document: Document
        do {
            document = try JSONDecoder().decode(Document.self, from: Data(try InputFile.read(file)))
        } catch let error as DecodingError {
            throw UserError("\(file) is no summary of loadgen, schema version 2: \(Self.text(error))")
        }
        guard document.schema_version == 2 else {
            throw UserError("\(file) has schema version \(document.schema_version); 2 is read")
        }
        guard document.verdict != "generator_limited" else {
            throw UserError("\(file): the generator limited this run, so its times are not the service's")
        }
        if document.steps.isEmpty {
            let answered = 1 - document.totals.error_ratio
            guard answered > 0 else { throw UserError("\(file): nothing was answered") }
            let step = StepMeasurement(
                service: service, replicas: replicas, rate: document.totals.answered_per_second / answered,
                answered: answered, document.response)
            let steal = document.steal(document.schedule.warmup_seconds, .greatestFiniteMagnitude)
            return [Reading(step: step, steal: steal)]
        }
        return document.steps.compactMap { step in
            let total = step.counts.values.reduce(0, +)
            let failed = Self.failures.reduce(0) { $0 + (step.counts[$1] ?? 0) }
            guard step.end > step.begin, total > 0, step.response.mean_us > 0 else { return nil }
            return Reading(
                step: StepMeasurement(
                    service: service, replicas: replicas, rate: step.offered / (step.end - step.begin),
                    answered: 1 - failed / total, step.response),
                steal: document.steal(step.begin, step.end))
        }
    }

    /// `SERVICE:REPLICAS:FILE`, nil where the text is not of that form.
    static func place(_ text: String) -> (service: String, replicas: Int, file: String)? {
        let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, !parts[0].isEmpty, let replicas = Int(parts[1]), (1...1_000).contains(replicas)
        else { return nil }
        return (parts[0], replicas, parts[2])
    }

    private static func text(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "'\(key.stringValue)' is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "it is no JSON object"
                : "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' is not as it should be"
        @unknown default: "it cannot be read"
        }
    }
}

extension StepMeasurement {
    /// A step with the times of a summary.
    fileprivate init(
        service: String, replicas: Int, rate: Double, answered: Double, _ times: StepSummary.Step.Times
    ) {
        self.init(
            service: service, replicas: replicas, rate: rate, mean: times.mean_us / 1e6, p95: times.p95_us / 1e6,
            answered: answered, p50: times.p50_us.map { $0 / 1e6 }, p99: times.p99_us.map { $0 / 1e6 })
    }
}
