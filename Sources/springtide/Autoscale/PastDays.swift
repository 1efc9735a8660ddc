internal import Foundation
internal import LocalStack

/// Days before today as the sidecar knows them: the load generator's trading days of other seeds and sizes, counted
/// second by second.
struct PastDays: Sendable {
    let plan: AutoscalePlan
    /// Largest rate of today.
    let peak: Double

    /// Writes `day-1.csv` and so on into a directory; their names, the oldest first.
    func write(to directory: String) async throws -> [String] {
        var names: [String] = []
        for number in 0..<AutoscalePlan.pastDays {
            let size = peak * AutoscalePlan.scale(pastDay: number)
            let seed = plan.seed &+ 1_000 &+ UInt64(number)
            let quiet = ["--rate", "\(AutoscalePlan.quiet(size))"]
            var counts = try await Self.counts(
                quiet + ["--duration", "\(plan.preOpen)s"], plan.preOpen, seed: seed, directory)
            counts += try await Self.counts(
                [
                    "--day", "a-share", "--rate", "\(size / AutoscalePlan.peakOverMean)", "--duration",
                    "\(plan.session)s",
                ],
                plan.session, seed: seed, directory)
            counts += try await Self.counts(
                quiet + ["--duration", "\(plan.afterClose)s"], plan.afterClose, seed: seed, directory)
            names.append("day-\(number + 1).csv")
            try Self.table(counts).write(
                toFile: "\(directory)/\(names[number])", atomically: true, encoding: .utf8)
        }
        return names
    }

    /// A row a second: seconds since the day's first, and arrivals.
    static func table(_ counts: [Int]) -> String {
        "time,value\n" + counts.enumerated().map { "\($0),\($1)\n" }.joined()
    }

    /// Arrivals by second of a schedule of the load generator.
    private static func counts(
        _ options: [String], _ seconds: Int, seed: UInt64, _ directory: String
    ) async throws -> [Int] {
        let file = "\(directory)/arrivals.txt"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let program = try ChildProcess.start(
            [DemoRun.sibling("loadgen"), "schedule", "--process", "poisson", "--seed", "\(seed)", "--out", file]
                + options, log: "\(directory)/schedule.log")
        guard await program.wait() == 0, let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            let log = (try? String(contentsOfFile: "\(directory)/schedule.log", encoding: .utf8)) ?? ""
            throw LocalFailure("a past day cannot be drawn:\n\(log.suffix(1_000))")
        }
        return counts(text, seconds: seconds)
    }

    /// Lines of nanoseconds after the start, counted by second; those beyond `seconds` are left out.
    static func counts(_ lines: String, seconds: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: seconds)
        for line in lines.utf8.split(separator: UInt8(ascii: "\n")) {
            guard let nanoseconds = Int(Substring(line)) else { continue }
            let second = nanoseconds / 1_000_000_000
            if counts.indices.contains(second) { counts[second] += 1 }
        }
        return counts
    }
}
