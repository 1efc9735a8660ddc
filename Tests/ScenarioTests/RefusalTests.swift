import Scenario
import Testing

@Suite("Scenarios that are refused")
struct RefusalTests {
    private typealias Case = (text: String, message: String)

    private func expect(_ cases: [Case]) {
        for (text, message) in cases {
            let said = Samples.refusal(text)
            #expect(said == message, "\(text)")
        }
    }

    @Test("Structure: version, unknown keys, types, repeated keys")
    func structure() {
        expect([
            ("", "s.yaml: version must be 1; this program reads no other"),
            (Samples.fix("version: 2"), "s.yaml:1:10: version must be 1; this program reads no other"),
            (Samples.fix("sed: 1"), "s.yaml:5:1: unknown key sed; did you mean seed?"),
            (
                Samples.fix("target: {adress: 127.0.0.1:1}"),
                "s.yaml:2:10: unknown key target.adress; did you mean target.address?"
            ),
            (Samples.fix("outputs: {htm: x}"), "s.yaml:5:11: unknown key outputs.htm; did you mean outputs.html?"),
            (Samples.fix("accounts: 5"), "s.yaml:5:11: accounts must hold keys"),
            (Samples.fix("seed: -1"), "s.yaml:5:7: seed must be a whole number from 0 to 2^64 - 1"),
            (Samples.fix("name: ''"), "s.yaml:5:7: name must be a text that is not empty"),
            (Samples.fix("time_scale: 0"), "s.yaml:5:13: time_scale must be a number in 0.001...100000"),
            ("version: 1\nversion: 1\n", "s.yaml:1:1: version appears twice"),
            ("a: [\n", "s.yaml:2:1: not YAML: did not find expected node content"),
        ])
    }

    @Test("Targets")
    func targets() {
        expect([
            (
                Samples.fix("target: {}"),
                "s.yaml:2:9: target.address is missing: where the target listens, such as 127.0.0.1:9880 (option --target)"
            ),
            (
                Samples.fix("target: {address: nowhere}"),
                "s.yaml:2:19: target.address: nowhere is not a numeric address with a port, such as 127.0.0.1:9880"
            ),
            (
                Samples.fix("target: {address: 10.0.0.1:80}"),
                "s.yaml:2:19: target.address: 10.0.0.1:80 is not on this machine; --allow-remote permits that"
            ),
            (
                Samples.fix("target: {address: 127.0.0.1:1, transport: udp}"),
                "s.yaml:2:43: target.transport must be one of fix, tcp, http, inproc"
            ),
            (
                Samples.fix("target: {address: 127.0.0.1:1, connections: 0}"),
                "s.yaml:2:45: target.connections must be a whole number in 1...20000"
            ),
            (
                Samples.fix("target: {address: 127.0.0.1:1, connections: 2000}"),
                "s.yaml:2:45: target.connections: 2000 connections, but this process may open 1024 descriptors, "
                    + "32 of them for other things (ulimit -n)"
            ),
            (
                Samples.fix("target: {address: 127.0.0.1:1, sessions: 1, connections: 1}"),
                "s.yaml:2:42: target.sessions: is another name of connections; only one of them"
            ),
            (
                Samples.fix("target: {address: 127.0.0.1:1, timeout: 0s}"),
                "s.yaml:2:41: target.timeout must be a time from 1ms to 10m"
            ),
            (
                Samples.fix("target: {address: 127.0.0.1:1, host: x}"),
                "s.yaml:2:38: target.host: has no meaning for transport fix"
            ),
            (
                Samples.http("target: {transport: http, address: 127.0.0.1:1, password: x}"),
                "s.yaml:2:59: target.password: has no meaning for transport http"
            ),
            (
                Samples.fix("target: {address: 127.0.0.1:1, tls: {cert_file: a}}"),
                "s.yaml:2:37: target.tls: cert_file and key_file come together"
            ),
            (
                Samples.http("target: {transport: http, address: 127.0.0.1:1, headers: {\"a b\": x}}"),
                "s.yaml:2:66: target.headers.a b: \"a b\" is no header name"
            ),
            (
                Samples.fix("target: {transport: inproc}"),
                "s.yaml:2:9: target.function is missing: the name of the function to call"
            ),
            (
                Samples.fix("pacing: {mode: spin, realtime: true}"),
                "s.yaml:5:32: pacing.realtime: a thread that spins at real-time priority stops the machine; "
                    + "choose one of them"
            ),
            (
                Samples.fix("pacing: {timer_slack: 0s}"),
                "s.yaml:5:23: pacing.timer_slack must be a time from 1ns to 50ms"
            ),
            (Samples.fix("pacing: {spin: 10us}"), "s.yaml:5:16: pacing.spin: has a meaning in mode hybrid only"),
            (Samples.fix("coalesce: 2ms"), "s.yaml:5:11: coalesce must be a time from 0s to 1ms"),
            (Samples.fix("record: {interval: 10ms}"), "s.yaml:5:20: record.interval must be a time from 100ms to 1m"),
            (
                Samples.fix("record: {warmup: 10s}"),
                "s.yaml:5:18: record.warmup: 10 s is not shorter than the run of 10 s"
            ),
        ])
    }

    @Test("Orders and files")
    func orders() {
        expect([
            (
                Samples.fix("instruments: {}"),
                "s.yaml:3:14: instruments.file is missing: a CSV file of "
                    + "symbol,previous_close_milli,tick_milli,limit_down_milli,limit_up_milli (option --instruments)"
            ),
            (
                Samples.fix("instruments: {file: no.csv}"),
                "s.yaml:3:21: instruments.file: no.csv: No such file or directory"
            ),
            (
                Samples.fix("accounts: {count: 0}"),
                "s.yaml:5:19: accounts.count must be a whole number in 1...268435456"
            ),
            (Samples.fix("orders: {marketable: 1.5}"), "s.yaml:5:22: orders.marketable must be a share from 0 to 1"),
            (
                Samples.fix("orders: {quantity_max: 150}"),
                "s.yaml:5:24: orders.quantity_max: 150 is not a multiple of 100"
            ),
            (Samples.http("accounts: {count: 5}"), "s.yaml:5:11: accounts: has a meaning for FIX targets only"),
        ])
    }

    @Test("Stages and processes")
    func arrivals() {
        let stage = "must be {rate: R, hold: T}, {rate: R, over: T} or {pause: T}"
        expect([
            (
                Samples.fix("stages: [{rate: -1, hold: 1s}]"),
                "s.yaml:4:17: stages[0].rate must be a rate such as 15000, 1000/s or 60/min"
            ),
            (Samples.fix("stages: [{rate: 5}]"), "s.yaml:4:10: stages[0] \(stage)"),
            (Samples.fix("stages: [{rate: 5, hold: 1s, over: 1s}]"), "s.yaml:4:10: stages[0] \(stage)"),
            (Samples.fix("stages: [{hold: 1s}]"), "s.yaml:4:10: stages[0].rate is missing: requests a second"),
            (
                Samples.fix("stages: [{rate: 5, hold: 10}]"),
                "s.yaml:4:26: stages[0].hold must be a time such as 10s, 1.5m or 500ms"
            ),
            (
                Samples.fix("stages: [{rate: 5, hlod: 1s}]"),
                "s.yaml:4:20: unknown key stages[0].hlod; did you mean stages[0].hold?"
            ),
            (Samples.fix("stages: [{rate: 5, hold: 0s}]"), "s.yaml:4:26: stages[0].hold must be longer than 0s"),
            (
                Samples.fix("stages: [{rate: 5, over: 10us}]"),
                "s.yaml:4:26: stages[0].over: 10000 ns is below the resolution of 1 ms"
            ),
            (Samples.fix("stages: [{rate: 5, over: 0s}]"), "s.yaml:4:9: stages: the stages take no time"),
            (Samples.fix("stages: [{rate: 0, hold: 5s}]"), "s.yaml:4:9: stages: the rate gives no request at all"),
            (Samples.fix("stages: []"), "s.yaml:4:9: stages: the stages take no time"),
            (Samples.fix("stages: [7]"), "s.yaml:4:10: stages[0] must hold keys"),
            (
                Samples.fix("stages: [{rate: 2000000, hold: 1s}]"),
                "s.yaml:4:17: stages[0].rate must be a rate from 0 to 1000000 a second"
            ),
            (
                Samples.fix("time_scale: 1000", "stages: [{rate: 5, hold: 500ms}]"),
                "s.yaml:4:26: stages[0].hold: 500000 ns after time_scale is below the resolution of 1 ms"
            ),
            (
                Samples.fix("arrivals: sometimes"),
                "s.yaml:5:11: arrivals must be one of poisson, poisson-exact, even, sine, mmpp, hawkes, pareto, lognormal, "
                    + "weibull, gamma, replay, replay-counts"
            ),
            (Samples.fix("arrivals: hawkes"), "s.yaml:5:11: arrivals: hawkes needs parameters: {process: hawkes, ...}"),
            (
                Samples.fix("arrivals: {process: hawkes, branching: 1, decay: 5/s}"),
                "s.yaml:5:40: arrivals.branching must be a number in 0...0.99"
            ),
            (
                Samples.fix("arrivals: {process: poisson, decay: 5/s}"),
                "s.yaml:5:30: unknown key arrivals.decay; did you mean arrivals.share?"
            ),
            (
                Samples.fix("arrivals: [{process: poisson, share: 1}]"),
                "s.yaml:5:11: arrivals must be a list of two or more streams"
            ),
            (
                Samples.fix("arrivals: {process: sine, period: 5s}", "stages: [{rate: 5, over: 5s}]"),
                "s.yaml:4:26: stages[0].over: a sine swings around a rate that is held"
            ),
            (
                Samples.fix("arrivals: {process: replay-counts, file: counts.csv}"),
                "s.yaml:4:9: stages: stands beside a recording, which has rates of its own"
            ),
            (Samples.fix("schedule: rate(5)"), "s.yaml:4:9: stages: stands beside a schedule, which says all of it"),
            (Samples.fix("users: 5"), "s.yaml:5:8: users: has no meaning for executor arrivals"),
        ])
    }

    @Test("Recordings and schedules")
    func recordings() {
        func without(_ line: String) -> String {
            Samples.fix(line).replacing("stages: [{rate: 100, hold: 10s}]\n", with: "")
        }
        expect([
            (
                without("arrivals: {process: replay, file: back.csv}"),
                "s.yaml:4:11: arrivals: replay: time 2, 4, is before the one above it; sort the times first"
            ),
            (
                without("arrivals: {process: replay, file: no.csv}"),
                "s.yaml:4:35: arrivals.file: no.csv: No such file or directory"
            ),
            (
                without("arrivals: {process: replay-counts, counts: [1, -1]}"),
                "s.yaml:4:48: arrivals.counts[1] must be a whole number in 0...1000000000"
            ),
            (
                without("arrivals: {process: replay-counts, counts: [1], repeat: true}"),
                "s.yaml:4:11: arrivals: a recording that repeats needs a duration"
            ),
            (
                without("schedule: rate(5/s) random_arrivals(1x)"),
                "s.yaml:4:11: schedule: column 28: a unit of time expected: ms, s, m, h or d, not \"x\""
            ),
            (
                without("seed: 1"),
                "s.yaml:1:1: stages is missing: a list of {rate: R, hold: T} or {rate: R, over: T} (options --rate, --duration)"
            ),
        ])
    }

    @Test("Feeders")
    func feeders() {
        func feeder(_ text: String) -> String { Samples.fix("feeders: {f: \(text)}") }
        expect([
            (feeder("{type: zpf}"), "s.yaml:5:21: feeders.f.type must be one of zipf, uniform, lognormal, csv"),
            (feeder("{type: zipf}"), "s.yaml:5:14: feeders.f.size is missing"),
            (feeder("{type: uniform, range: [5, 1]}"), "s.yaml:5:37: feeders.f.range: 5 is greater than 1"),
            (feeder("{type: uniform, range: 5}"), "s.yaml:5:37: feeders.f.range must be a list"),
            (
                feeder("{type: csv, file: ragged.csv}"),
                "s.yaml:5:32: feeders.f.file: ragged.csv:3: 1 fields; the first line has 2"
            ),
            (
                feeder("{type: csv, file: twice.csv}"),
                "s.yaml:5:32: feeders.f.file: twice.csv:1: a column is named twice"
            ),
            (feeder("{type: csv, file: quote.csv}"), "s.yaml:5:32: feeders.f.file: quote.csv:2: a quote is not closed"),
            (
                feeder("{type: csv, file: empty.csv}"),
                "s.yaml:5:32: feeders.f.file: empty.csv:1: the first line names the columns"
            ),
            (
                feeder("{type: csv, file: orders.csv, order: backwards}"),
                "s.yaml:5:51: feeders.f.order must be one of sequential, random, shuffled"
            ),
            (
                Samples.fix("feeders: {\"a b\": {type: csv}}"),
                "s.yaml:5:11: feeders.a b: a name has 1 to 64 letters, digits, \".\", \"_\" or \"-\""
            ),
        ])
    }
}
