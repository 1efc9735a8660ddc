internal import ArgumentParser
internal import Engine
internal import Glibc
internal import Report

/// `loadgen run`: one run, from a scenario file, options, or both (options win).
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs one scenario and judges it.",
        discussion: """
            Examples:
              loadgen run --rate 15000 --duration 60s --target 127.0.0.1:9880 --instruments instruments.csv \\
                --threshold "p(99)<50ms and errors==0" --html report.html --json summary.json
              loadgen run --scenario config/scenarios/steady-15k.yaml --seed 8 --html report.html

            Thresholds: [metric[{op:new|cancel|replace}].]statistic comparison value, joined by "and".
              p(99)<50ms   response_time{op:new}.p(99.9)<200ms   service_time.max<1s   send_lag.p(99)<1ms
              errors==0    rejects<5%    errors.count<10    throughput>=14800    requests>=100000
            """)

    @Option(help: "Scenario file (YAML); options given here override it.")
    var scenario: String?
    @Option(help: "Requests a second.")
    var rate: Double?
    @Option(help: "Length of the run: 90s, 15m, 1500ms.")
    var duration: String?
    @Option(help: "Arrivals: poisson or even.")
    var arrivals: String?
    @Option(help: "Seed of every random choice.")
    var seed: UInt64?
    @Option(help: "Address of the FIX acceptor, host:port, numeric.")
    var target: String?
    @Flag(help: "Allow a target that is not on this machine.")
    var allowRemote = false
    @Option(help: "FIX sessions, 1 to 512.")
    var sessions: Int?
    @Option(help: "SenderCompIDs are this and a number from 1.")
    var senderPrefix: String?
    @Option(help: "TargetCompID.")
    var targetCompID: String?
    @Option(help: "Field 553 of the Logon (the SenderCompID where only a password is given).")
    var username: String?
    @Option(help: "Field 554 of the Logon.")
    var password: String?
    @Option(help: "Number of client accounts.")
    var accounts: Int?
    @Option(help: "Number of the first client account.")
    var accountFirst: Int?
    @Option(help: "Zipf exponent of the accounts; 0 is uniform.")
    var accountExponent: Double?
    @Option(help: "CSV file of the instruments: \(InstrumentList.header).")
    var instruments: String?
    @Option(help: "Zipf exponent of the instruments; 0 is uniform.")
    var instrumentExponent: Double?
    @Option(help: "Client k holds instruments (k * stride + j) mod M.")
    var holdingsStride: Int?
    @Option(help: "... for j below this.")
    var holdingsPerAccount: Int?
    @Option(help: "Weights of the operations: new=70,cancel=20,replace=10.")
    var mix: String?
    @Option(help: "Share of new orders that cross the previous close, 0 to 1.")
    var marketable: Double?
    @Option(help: "How long an answer may take.")
    var timeout: String?
    @Option(help: "The most unanswered requests.")
    var maxInFlight: Int?
    @Option(help: "At that cap: queue or drop.")
    var onSaturation: String?
    @Flag(help: "Send at real-time priority if the system permits it: keeps the send lag low on a busy machine.")
    var realtime = false
    @Option(help: "Least time of a turn of the sending loop, such as 200us: fewer wake-ups, more send lag.")
    var coalesce: String?
    @Flag(help: "Connect lost sessions again.")
    var reconnect = false
    @Option(help: "A condition that must hold; may be repeated.")
    var threshold: [String] = []
    @Option(help: "Write the JSON summary here.")
    var json: String?
    @Option(help: "Write the HTML report here.")
    var html: String?
    @Option(help: "Append a line for each final acknowledgement here.")
    var ackLog: String?
    @Option(help: "JSON file with sections of the target's own figures for the HTML report.")
    var serverJSON: String?
    @Option(help: "Seconds to wait for that file once the load has ended and the summary is written, 0 to 3600.")
    var serverJSONWait = 0
    @Option(help: "Version of the sources, for the report.")
    var revision: String?

    func validate() throws {
        guard (0...3_600).contains(serverJSONWait) else {
            throw ValidationError("--server-json-wait must be 0 to 3600 seconds")
        }
    }

    func run() throws {
        let settings: RunSettings
        do {
            settings = try RunSettings(self)
        } catch {
            Terminal.complain("loadgen: \(error)")
            throw ProgramExit.badScenario
        }
        let verdict = try perform(settings)
        if verdict != .pass { throw ExitCode(verdict.exitCode) }
    }

    private func perform(_ settings: RunSettings) throws -> Verdict {
        let live = LiveLine()
        let result: LoadResult
        do {
            let engine = try LoadEngine(settings.configuration, stop: Interrupt.flag) { live.show($0) }
            Interrupt.install()
            live.announce(settings)
            result = try engine.run()
        } catch {
            Terminal.complain("loadgen: \(error)")
            throw error.code == .configuration ? ProgramExit.badScenario : ProgramExit.failure
        }
        live.clear()
        let report = RunReport(context: settings.context, result: result, thresholds: settings.thresholds)
        try write { if let path = settings.json { try TextFile.write(SummaryDocument.text(report), to: path) } }
        Terminal.say(TextReport.text(report))
        if report.result.isAckLogIncomplete {
            Terminal.complain("loadgen: the acknowledgement log could not be written completely")
            throw ProgramExit.failure
        }
        try write { try writePage(report, settings) }
        return report.verdict
    }

    /// The page, with the target's own sections, which may come later than the end of the load.
    private func writePage(_ report: RunReport, _ settings: RunSettings) throws {
        guard let page = settings.html else { return }
        guard let path = settings.serverJSON else { return try TextFile.write(HTMLPage.text(report), to: page) }
        for _ in 0..<(serverJSONWait * 20) where !TextFile.exists(path) { usleep(50_000) }
        let sections = try ServerSection.list(json: TextFile.read(path), name: path)
        try TextFile.write(HTMLPage.text(report, sections), to: page)
    }

    private func write(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch {
            Terminal.complain("loadgen: \(error)")
            throw ProgramExit.failure
        }
    }
}
