internal import ArgumentParser
internal import Arrivals

/// `loadgen schedule`: draws the arrivals of a run without sending anything, tests them and writes them.
struct ScheduleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule",
        abstract: "Draws arrivals without sending: tests them, or writes their times.",
        discussion: """
            Examples:
              loadgen schedule --process poisson --rate 15000 --duration 60s --seed 7 --stats
              loadgen schedule --process hawkes --branching 0.8 --decay 200/s --stages "15000:60s,>45000:2s" --stats
              loadgen schedule --schedule "rate(1000/s) random_arrivals(15m) rate(10000/s)" --out times.txt
              loadgen schedule --process mmpp --rates 5000,40000 --dwell 1s,200ms --duration 10m --stats
              loadgen schedule --process replay-counts --input requests.csv --bucket 1m --speed 60 --stats
              loadgen schedule config/scenarios/steady-15k.yaml --instruments instruments.csv

            Processes: poisson, poisson-exact, even, sine, trading-day, pareto, lognormal, weibull, gamma, erlang, mmpp,
            hawkes, replay, replay-counts. Without --rate it is 15000 a second, without --duration 60 s.
            With a scenario file the arrivals of each of its open scenarios are tested, as `loadgen run` would send them.
            Exit codes: 0 all tests hold; 99 one does not; 104 an option cannot be used; 1 a file cannot be written.
            """)

    @Argument(help: "A scenario file, in place of the options for a process and its rates.")
    var scenario: String?
    @Option(help: "Of a scenario file: CSV file of the instruments.")
    var instruments: String?
    @Option(help: "Of a scenario file: how much shorter everything is.")
    var timeScale: String?
    @Option(help: "How arrivals scatter around the rate; the names are above.")
    var process: String?
    @Option(help: "Mean arrivals a second: 15000, 900/m.")
    var rate: String?
    @Option(help: "Length: 90s, 15m, 1h 30m.")
    var duration: String?
    @Option(help: "Rates in place of --rate and --duration: 15000:60s holds, >45000:2s ramps; joined by commas.")
    var stages: String?
    @Option(help: "JMeter's line in their place: rate(1000/s) random_arrivals(15m) rate(10000/s).")
    var schedule: String?
    @Option(help: "Seed of the draws (7, or the scenario's).")
    var seed: String?
    @Option(help: "poisson-exact: the number of arrivals.")
    var count: String?
    @Option(help: "A rate that swings as a sine by this much around --rate.")
    var amplitude: String?
    @Option(help: "Time from one peak of the sine to the next.")
    var period: String?
    @Option(help: "Turns by which the sine is ahead; 0.75 begins at its lowest rate.")
    var phase: String?
    @Option(help: "A trading day of that mean rate: a-share or us, compressed into --duration.")
    var day: String?
    @Option(help: "pareto, lognormal, weibull, gamma: the shape (2.5, 1, 0.7, 2).")
    var shape: String?
    @Option(help: "erlang: exponential stages of a gap (2).")
    var erlangStages: String?
    @Option(help: "mmpp: rate of each state, by commas; relative where --rate is given.")
    var rates: String?
    @Option(help: "mmpp: mean time in each state, by commas.")
    var dwell: String?
    @Option(help: "mmpp: probabilities from each state to each, row by row, by commas; other states alike if absent.")
    var transitions: String?
    @Option(help: "hawkes: arrivals that one arrival triggers on average, 0 to 0.99 (0.7).")
    var branching: String?
    @Option(help: "hawkes: how fast an excitation dies away (200/s).")
    var decay: String?
    @Option(help: "Replays: CSV file; nanoseconds in the first column, or counts in the last.")
    var input: String?
    @Option(help: "Replays: its column, from 1.")
    var column: String?
    @Option(help: "replay-counts: length of a bucket (1s).")
    var bucket: String?
    @Option(help: "replay-counts: random or even places within a bucket (random).")
    var placement: String?
    @Option(help: "Replays: recorded seconds that pass in one (1).")
    var speed: String?
    @Flag(name: .customLong("repeat"), help: "Replays: begin again until --duration is over.")
    var repeats = false
    @Option(help: "replay: the most an arrival is moved either way (0s).")
    var jitter: String?
    @Option(help: "replay: length of the recording, after which it repeats.")
    var length: String?
    @Option(help: "Split the rate over this many independent streams of the process (1).")
    var streams: String?
    @Option(help: "Take every Nth arrival only, as one of N workers does.")
    var workers: String?
    @Option(help: "Which of the workers, from 0.")
    var worker: String?
    @Flag(help: "Test the arrivals and print JSON; the default where nothing is written.")
    var stats = false
    @Option(help: "Write the times, nanoseconds after the start, to this file; - is standard output.")
    var out: String?
    @Option(help: "text: a number a line; binary: 8 bytes each, little-endian (text).")
    var format: String?

    func run() throws {
        if let scenario {
            guard ScheduleDocument.say(try ScenarioSchedules.read(scenario, self)) else { throw ProgramExit.testFailed }
            return
        }
        let settings: ScheduleSettings
        do {
            settings = try ScheduleSettings(self)
        } catch {
            Terminal.complain("loadgen: \(error)")
            throw ProgramExit.badScenario
        }
        if let out {
            do {
                try settings.write(to: out)
            } catch {
                Terminal.complain("loadgen: \(error)")
                throw ProgramExit.failure
            }
        }
        guard settings.wantsStatistics else { return }
        let passed = ScheduleDocument.say([settings.schedule])
        if !passed { throw ProgramExit.testFailed }
    }
}

extension ProgramExit {
    /// A judged test of the arrivals failed.
    static let testFailed = ExitCode(99)
}
