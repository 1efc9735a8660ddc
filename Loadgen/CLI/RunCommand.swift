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
              loadgen run --scenario config/scenarios/market-open-15min.yaml --time-scale 15 --html report.html
              loadgen run --scenario config/scenarios/steady-15k.yaml --schedule \\
                "rate(1000/s) random_arrivals(5m) rate(15000/s)"
              loadgen run --scenario config/scenarios/smoke.yaml --users 500 --duration 2m

            Options win over the file. Those about the load (--rate, --duration, --users, --schedule, --arrivals, --mix,
            --replay) are for files with one scenario. config/scenarios/steady-15k.yaml explains the keys of a file.

            Thresholds: [metric[{op:order.new,scenario:NAME}].]statistic comparison value, joined by "and".
              p(99)<50ms   response_time{op:order.new}.p(99.9)<200ms   service_time.max<1s   send_lag.p(99)<1ms
              errors==0    rejects<5%    errors.count<10    throughput>=14800    requests>=100000   apdex(50ms)>=0.94
            A metric without data fails.

            Ctrl-C stops sending, waits for the answers, writes the outputs and exits 105; twice ends at once.

            Exit codes: 0 all thresholds hold; 99 one does not; 104 bad scenario or option; 105 interrupted;
            120 thresholds hold but the generator was the limit, so the measurement is invalid;
            1 the target could not be reached or a file not be written.
            """)

    @Option(help: "Scenario file (YAML); options given here override it.")
    var scenario: String?
    @Option(help: "Requests a second: 15000, 1000/s, 60/min.")
    var rate: String?
    @Option(help: "Length of the run: 90s, 15m, 1500ms.")
    var duration: String?
    @Option(help: "JMeter's one-liner: \"rate(1000/s) random_arrivals(15m) rate(10000/s)\".")
    var schedule: String?
    @Option(help: "A constant number of users in place of a rate.")
    var users: String?
    @Option(help: "Arrivals: poisson, poisson-exact or even; others have parameters, which a file gives.")
    var arrivals: String?
    @Option(help: "CSV file of times or counts for a scenario whose arrivals are a replay.")
    var replay: String?
    @Option(help: "Lengths become so many times shorter, rates stay: 60 turns a minute into a second.")
    var timeScale: String?
    @Option(help: "Seed of every random choice.")
    var seed: String?
    @Option(help: "Processes that share the load.")
    var workers = 1
    @Option(help: "Address of the target, host:port, numeric.")
    var target: String?
    @Flag(help: "Allow a target that is not on this machine.")
    var allowRemote = false
    @Option(name: .customLong("sessions"), help: "Connections (FIX: sessions), 1 to 20000.")
    var sessions: String?
    @Option(help: "SenderCompIDs are this and a number from 1.")
    var senderPrefix: String?
    @Option(help: "TargetCompID.")
    var targetCompID: String?
    @Option(help: "Field 553 of the Logon (the SenderCompID where only a password is given).")
    var username: String?
    @Option(help: "Field 554 of the Logon.")
    var password: String?
    @Option(help: "Number of client accounts.")
    var accounts: String?
    @Option(help: "Number of the first client account.")
    var accountFirst: String?
    @Option(help: "Zipf exponent of the accounts; 0 is uniform.")
    var accountExponent: String?
    @Option(help: "CSV file of the instruments: \(InstrumentList.header).")
    var instruments: String?
    @Option(help: "Zipf exponent of the instruments; 0 is uniform.")
    var instrumentExponent: String?
    @Option(help: "Client k holds instruments (k * stride + j) mod M.")
    var holdingsStride: String?
    @Option(help: "... for j below this.")
    var holdingsPerAccount: String?
    @Option(help: "Weights of the operations: new=70,cancel=20,replace=10.")
    var mix: String?
    @Option(help: "Share of new orders that cross the previous close: 0.3 or 30%.")
    var marketable: String?
    @Option(help: "How long an answer may take.")
    var timeout: String?
    @Option(help: "The most unanswered requests.")
    var maxInFlight: String?
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
        let outputs: RunOutputs
        let result: RunResult
        do throws(LoadError) {
            outputs = try RunOutputs(settings)
            Interrupt.install()
            result = try RunExecution(settings).run(outputs)
        } catch {
            Terminal.complain("loadgen: \(error)")
            throw error.code == .configuration ? ProgramExit.badScenario : ProgramExit.failure
        }
        do {
            return try outputs.write(result)
        } catch {
            Terminal.complain("loadgen: \(error)")
            throw ProgramExit.failure
        }
    }
}
