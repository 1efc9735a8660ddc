internal import ArgumentParser
internal import Foundation
internal import Learning
internal import Synchronization

/// `autoscaler learners`: the learning algorithms on the standard environments, beside published results.
struct LearnersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "learners",
        abstract: "Show that PPO and DQN learn what published implementations learn.",
        discussion: """
            Trains each algorithm with published settings on CartPole-v1 and Acrobot-v1, once a seed, and plays 100 fresh
            greedy episodes with the last and with the best network. The result depends on the seeds only; the times do \
            not. All cases with five seeds cost some minutes.

            Exit codes: 0 every case reached its level, 1 one did not, 2 wrong arguments.

            Example:
              autoscaler learners --seeds 1,2,3,4,5 --json learners.json --html learners.html
            """)

    @Option(help: "Seeds, separated by commas.")
    var seeds = "1,2,3,4,5"
    @Option(help: "Cases: \(LearnerCase.allCases.map(\.rawValue).joined(separator: ",")).")
    var cases = LearnerCase.allCases.map(\.rawValue).joined(separator: ",")
    @Option(help: "Threads, 1 or 2, each training another seed; the result is the same.")
    var threads = 2
    @Flag(help: "A twentieth of the steps: shows that everything runs, not how good it is.")
    var quick = false
    @Option(help: "Write all figures here as JSON; - for standard output.")
    var json: String?
    @Option(help: "Write a page with the learning curves here; - for standard output.")
    var html: String?

    func run() throws {
        try InputFile.requireWritable([json, html])
        let jobs = try parsedCases().flatMap { each in try parsedSeeds().map { (each, $0) } }
        guard (1...2).contains(threads) else { throw UserError("--threads must be 1 or 2") }
        let runs = try trained(jobs)
        let table = LearnerTable(runs: runs)
        if json != "-", html != "-" { Terminal.say(table.text) }
        if let json { try InputFile.write(try table.json(), to: json) }
        if let html { try InputFile.write(LearnerPage.html(table), to: html) }
        if !quick, !table.isReached { throw ExitCode(1) }
    }

    private func parsedSeeds() throws -> [UInt64] {
        let numbers = try seeds.split(separator: ",").map { text in
            guard let seed = UInt64(text) else { throw UserError("--seeds: '\(text)' is no seed") }
            return seed
        }
        guard !numbers.isEmpty, Set(numbers).count == numbers.count else {
            throw UserError("--seeds must name at least one seed, each once")
        }
        return numbers
    }

    private func parsedCases() throws -> [LearnerCase] {
        let known = LearnerCase.allCases.map(\.rawValue).joined(separator: ", ")
        let chosen = try cases.split(separator: ",").map { text in
            guard let each = LearnerCase(rawValue: String(text)) else {
                throw UserError("--cases: '\(text)' is none of \(known)")
            }
            return each
        }
        guard !chosen.isEmpty else { throw UserError("--cases must name at least one of \(known)") }
        return chosen
    }

    /// Trains all jobs, every second one on the second thread; in the order of the jobs.
    private func trained(_ jobs: [(LearnerCase, UInt64)]) throws -> [LearnerRun] {
        let finished = Mutex<[Int: LearnerRun]>([:])
        let (quick, threads) = (quick, threads)
        let share: @Sendable (Int) -> Void = { thread in
            for index in stride(from: thread, to: jobs.count, by: threads) {
                let (each, seed) = jobs[index]
                let run = each.run(seed: seed, stepsDivisor: quick ? 20 : 1) { step in
                    guard Terminal.isInteractive, thread == 0 else { return }
                    Terminal.redraw("\(each.rawValue), seed \(seed): \(step) steps")
                }
                finished.withLock { $0[index] = run }
            }
        }
        if threads == 2 { try ThreadPair(half: share).run() } else { share(0) }
        if Terminal.isInteractive { Terminal.redraw("") }
        return finished.withLock { results in jobs.indices.compactMap { results[$0] } }
    }
}
