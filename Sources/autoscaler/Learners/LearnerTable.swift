internal import Foundation
internal import Learning

/// All runs as text and as JSON.
struct LearnerTable {
    let runs: [LearnerRun]

    /// Runs by case, in the order of the cases.
    var cases: [(each: LearnerCase, runs: [LearnerRun])] {
        LearnerCase.allCases.compactMap { each in
            let own = runs.filter { $0.each == each }
            return own.isEmpty ? nil : (each, own)
        }
    }

    /// Whether every run reached its level.
    var isReached: Bool { runs.allSatisfy(\.isReached) }

    /// A block a case: a line a seed, what was to be reached, what others report.
    var text: String {
        var out = ""
        for (each, own) in cases {
            out += "\(each.title), \(own[0].steps) steps\n"
            out += "  seed  greedy last  greedy best  training  first >= \(Self.short(firstLevel(each)))   CPU s\n"
            for run in own {
                let first = run.curve.stepsToTrainingReturn(firstLevel(each)).map(String.init) ?? "-"
                out += "  \(Self.left(String(run.seed), 4))\(Self.right(run.last, 13))\(Self.right(run.best, 13))"
                out += "\(Self.right(run.training, 10))\(Self.padded(first, 14))\(Self.right(run.cpuSeconds, 8))\n"
            }
            let level = each.level
            let count = own.filter(\.isReached).count
            out += "  \(level.judged.rawValue) >= \(Self.short(level.least)) on \(count) of \(own.count) seeds; "
            out += "mean \(Self.short(own.map(\.judged).reduce(0, +) / Double(own.count))); "
            out += "\(Self.short(own.map(\.cpuSeconds).reduce(0, +) / Double(own.count))) s CPU a seed\n"
            out += "  \(each.published)\n\n"
        }
        return out
    }

    /// The level whose first step in training is told: a learner's speed.
    func firstLevel(_ each: LearnerCase) -> Double {
        switch each {
        case .ppoCartPole: 475
        case .dqnCartPole: 400
        case .ppoAcrobot, .dqnAcrobot: -100
        }
    }

    /// All figures with the curves.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let all = runs.map { run in
            RunFigures(
                name: run.each.rawValue, seed: run.seed, steps: run.steps, greedyLast: run.last, greedyBest: run.best,
                training: run.training.isFinite ? run.training : nil, judgedBy: run.each.level.judged.rawValue,
                least: run.each.level.least, isReached: run.isReached, cpuSeconds: run.cpuSeconds,
                published: run.each.published,
                curve: run.curve.points.map {
                    .init(
                        step: $0.step, training: $0.trainingReturn, greedy: GreedyEvaluation.mean($0.evaluationReturns))
                })
        }
        return String(decoding: try encoder.encode(all), as: UTF8.self) + "\n"
    }

    /// A run in the JSON file.
    private struct RunFigures: Encodable {
        struct Point: Encodable {
            let step: Int
            let training: Double?
            let greedy: Double
        }

        let name: String
        let seed: UInt64
        let steps: Int
        let greedyLast: Double
        let greedyBest: Double
        let training: Double?
        let judgedBy: String
        let least: Double
        let isReached: Bool
        let cpuSeconds: Double
        let published: String
        let curve: [Point]
    }

    /// At most two decimals.
    static func short(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        let text = String(format: "%.2f", value)
        return text.hasSuffix(".00") ? String(text.dropLast(3)) : text
    }

    private static func right(_ value: Double, _ width: Int) -> String { padded(short(value), width) }
    private static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(1, width - text.count)) + text
    }
    private static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
