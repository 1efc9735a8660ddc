internal import ArgumentParser
internal import Foundation

/// `springtide demo`: the whole of it, on this machine, with a verdict.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Run a trading day in miniature against real servers and judge it.",
        discussion: """
            Starts a private Redis Cluster and PostgreSQL, seeds them, runs the services and the load generator as
            processes of their own, and then proves from PostgreSQL alone that nothing was lost and every invariant
            holds. Writes DIRECTORY/index.html.

            Examples:
              springtide demo
              springtide demo --accounts 5000000
              springtide demo --kill 10 --duration 40s --rate 2000     kill -9 of the node, ten times in mid-load
              springtide demo --redis-stop 10 --rate 5000              Redis stands still for ten seconds
              springtide demo --autoscale --minutes 5                  a day in which the sidecar decides replicas

            With --autoscale risk checks of requests go through replicas with a small processor quota each, and the
            autoscaler orders as many as the load is going to need; the day is a trading day in minutes, --rate its
            largest rate. The promises are then also: the response time kept through the open, fewer replica-minutes
            than a static number of replicas, and the scale-up ordered before the surge.

            Exit codes: 0 all promises kept, 99 one was broken, 1 it could not run.
            """)

    @Option(
        help: """
            Orders a second, Poisson (15000); with --autoscale the day's largest rate (what five replicas serve at 60 %, \
            at most 1500).
            """)
    var rate: Double?
    @Option(help: "Length of the load, such as 60s.") var duration = "60s"
    @Option(help: "Client accounts.") var accounts = 100_000
    @Option(help: "Instruments.") var instruments = 2_000
    @Option(help: "FIX sessions.") var sessions = 8
    @Option(help: "Seed of the load.") var seed: UInt64 = 7
    @Option(help: "Directory of the report.") var report = "demo-report"
    @Flag(help: "Judge correctness only, not speed.") var correctnessOnly = false
    @Option(name: .customLong("kill"), help: "Kill the node (SIGKILL) this often in mid-load.") var kills = 0
    @Option(help: "Let Redis stand still for so many seconds in mid-load.") var redisStop = 0
    @Option(help: "Append the node's spans of sampled requests to this file.") var trace: String?
    @Option(help: "With --trace: the node begins a trace for one request in so many; 0 for those that bring one.")
    var traceEvery = 100
    @OptionGroup var day: AutoscaleOptions

    func validate() throws {
        try day.validate(report: report)
        guard let seconds = Self.seconds(duration), (1...86_400).contains(seconds) else {
            throw ValidationError("--duration must be 1s to 86400s, such as 60s")
        }
        guard (rate ?? 1) >= 1, (rate ?? 1) <= 1_000_000 else { throw ValidationError("--rate must be 1 to 1000000") }
        guard (1...8_000_000).contains(accounts) else { throw ValidationError("--accounts must be 1 to 8000000") }
        guard (1...8_000).contains(instruments) else { throw ValidationError("--instruments must be 1 to 8000") }
        guard (1...512).contains(sessions) else { throw ValidationError("--sessions must be 1 to 512") }
        guard (0...1_000).contains(kills), (0...3_600).contains(redisStop) else {
            throw ValidationError("--kill must be 0 to 1000, --redis-stop 0 to 3600")
        }
        guard !day.autoscale || (kills == 0 && redisStop == 0) else {
            throw ValidationError("--kill and --redis-stop are for the demo without --autoscale")
        }
        let isPlain =
            duration == "60s" && accounts == 100_000 && instruments == 2_000 && sessions == 8 && !correctnessOnly
            && trace == nil
        guard !day.autoscale || isPlain else {
            throw ValidationError(
                "--duration, --accounts, --instruments, --sessions, --correctness-only and --trace are for the demo "
                    + "without --autoscale; the day's length is --minutes")
        }
        guard (0...1_000_000).contains(traceEvery) else { throw ValidationError("--trace-every must be 0 to 1000000") }
    }

    static func seconds(_ text: String) -> Int? { text.hasSuffix("s") ? Int(text.dropLast()) : Int(text) }

    func run() async throws {
        if day.autoscale {
            try await AutoscaleDay.run(day.plan(peak: rate, seed: seed, report: report))
            return
        }
        var plan = DemoPlan(
            rate: rate ?? 15_000, seconds: Self.seconds(duration) ?? 60, accounts: accounts, instruments: instruments,
            sessions: sessions, seed: seed, report: report, correctnessOnly: correctnessOnly, kills: kills,
            redisStop: redisStop)
        if let trace {
            plan.trace = URL(fileURLWithPath: trace).path
            plan.traceSampleEvery = traceEvery
        }
        let run = try await DemoRun.start(plan)
        do {
            try await run.run()
        } catch {
            await run.stop()
            throw error
        }
        let result = await run.result
        await run.stop()
        guard Self.tell(result, plan) else { throw ExitCode(99) }
    }

    /// Prints the verdict; true where every promise was kept.
    private static func tell(_ result: DemoResult, _ plan: DemoPlan) -> Bool {
        let promises = result.promises(plan)
        say("\nCache tiers     requests    answered   share")
        for row in result.tierRows {
            say("  \(row[0].padded(to: 12))\(row[1].padded(to: 12))\(row[2].padded(to: 11))\(row[3])")
        }
        let shares = result.processorRows.map { $0.joined(separator: " ") }
        say("Processors      \(shares.joined(separator: ", "))")
        say("Commits         \(result.commitText)\n")
        if result.loadExit == 99 { say("Not reached: \(result.saturation).\n") }
        return tell(promises, report: "\(plan.report)/index.html")
    }

    /// Prints promises and the verdict; true where all were kept.
    static func tell(_ promises: [DemoResult.Promise], report: String) -> Bool {
        for promise in promises {
            say("\(promise.isKept ? "  ok    " : "  BROKEN") \(promise.text) (\(promise.detail))")
        }
        let isKept = promises.allSatisfy(\.isKept)
        say("\nVERDICT: \(isKept ? "all promises kept" : "a promise was broken"); report: \(report)")
        return isKept
    }
}
