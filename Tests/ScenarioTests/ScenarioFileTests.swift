import Arrivals
import Engine
import Foundation
import Scenario
import Settings
import Testing

@Suite("Scenario files")
struct ScenarioFileTests {
    private func plan(_ text: String) throws -> LoadPlan { try Samples.file(text).plan }

    @Test("The short form is one scenario called main")
    func short() throws {
        let plan = try plan(
            Samples.fix(
                "name: x", "seed: 9",
                "target: {address: \"127.0.0.1:9880\", sessions: 8, timeout: 2s, reconnect: true}",
                "stages: [{rate: 100, over: 10s}, {rate: 100, hold: 1.5m}]", "mix: {new: 3, cancel: 1}",
                "accounts: {first: 20, count: 5}", "orders: {marketable: 10%}",
                "thresholds: [\"p(99)<50ms and errors==0\"]",
                "realtime: true", "coalesce: 200us", "outputs: {ack_log: a.csv}"))
        #expect(plan.name == "x" && plan.seed == 9 && plan.scenarios.map(\.name) == ["main"])
        #expect(
            plan.target.connections == 8 && plan.target.timeoutNanoseconds == 2_000_000_000 && plan.target.reconnects)
        guard case .arrivals(.poisson, let profile) = plan.scenarios[0].executor else {
            Issue.record("not Poisson arrivals")
            return
        }
        #expect(
            profile.segments == [.init(from: 0, to: 100, seconds: 10), .init(from: 100, to: 100, seconds: 90)])
        #expect(plan.operations.map(\.name) == ["order.new", "order.cancel", "order.replace"])
        #expect(plan.mixes[0].items.map(\.item) == [.operation(0), .operation(1)])
        #expect(plan.mixes[0].items.map(\.weight) == [3, 1])
        #expect(plan.orders?.workload.accountFirst == 20 && plan.orders?.workload.accountCount == 5)
        #expect(plan.orders?.workload.marketableShare == 0.1 && plan.orders?.instruments.instruments.count == 2)
        #expect(plan.thresholds.map(\.text) == ["p(99)<50ms", "errors==0"])
        #expect(plan.pacing.wantsRealtime && plan.pacing.coalescingNanoseconds == 200_000)
        guard case .fix(let target) = plan.target.transport else { return }
        #expect(target.ackLogPath == "a.csv")
    }

    @Test("Silence is 7, Poisson, 70 : 20 : 10, and FIX")
    func defaults() throws {
        let plan = try plan(Samples.fix())
        #expect(plan.seed == 7 && plan.target.connections == 32 && plan.target.maxInFlight == 20_000)
        #expect(plan.mixes[0].items.map(\.weight) == [70, 20, 10])
        #expect(plan.recording == Recording() && plan.pacing == Pacing() && plan.seconds == 10)
    }

    @Test("time_scale shortens lengths and leaves rates, think times and timeouts")
    func scaled() throws {
        let text = """
            version: 1
            time_scale: 60
            target: {address: 127.0.0.1:9880, timeout: 10s}
            instruments: {file: i.csv}
            record: {warmup: 30s}
            scenarios:
              a: {executor: arrivals, start: 15m, stages: [{rate: 15000, over: 0s}, {rate: 15000, hold: 60s}]}
              u: {executor: ramping-users, stages: [{to: 10, over: 15m}, {hold: 1m}], think: {exponential: 667ms}}
              s: {executor: stepped-users, from: 2, to: 5, by: 2, settle: 6s, hold: 60s, think: none}
              c: {executor: find-capacity, rate: [10, 100], until: errors==0, step: 60s, settle: 6s, steps_max: 4}
              t: {schedule: rate(10/s) random_arrivals(60s) even_arrivals(60s)}
              m: {arrivals: {process: mmpp, states: [{rate: 1, dwell: 6s}, {rate: 5, dwell: 600ms}]}, stages: [{rate: 9, hold: 60s}]}
            thresholds: [{check: errors==0, abort_on_fail: true, delay: 60s}]
            """
        let plan = try plan(text)
        #expect(plan.scenarios[0].start == 15 && plan.recording.warmupSeconds == 0.5)
        #expect(plan.target.timeoutNanoseconds == 10_000_000_000 && plan.thresholds[0].delaySeconds == 1)
        guard case .arrivals(_, let profile) = plan.scenarios[0].executor,
            case .users(let users, let think) = plan.scenarios[1].executor,
            case .steppedUsers(let steps, .none) = plan.scenarios[2].executor,
            case .findCapacity(let search) = plan.scenarios[3].executor,
            case .arrivals(.superposition(let streams), let line) = plan.scenarios[4].executor,
            case .arrivals(.mmpp(let states), _) = plan.scenarios[5].executor
        else {
            Issue.record("executors differ")
            return
        }
        #expect(profile.segments == [.init(from: 15_000, to: 15_000, seconds: 1)])
        #expect(users.stages == [.init(users: 10, seconds: 15), .init(users: 10, seconds: 1)])
        #expect(think == .exponential(mean: 0.667))
        #expect(steps.counts == [2, 4, 5] && steps.settleSeconds == 0.1 && steps.holdSeconds == 1)
        #expect(search.rates == 10...100 && search.stepSeconds == 1 && search.settleSeconds == 0.1)
        #expect(line.seconds == 2 && streams.map(\.startSeconds) == [0, 1])
        #expect(states.dwellSeconds == [0.1, 0.01])
    }

    @Test("Flows bind feeders, columns, literals and what was saved")
    func flows() throws {
        let plan = try plan(
            """
            version: 1
            target: {address: 127.0.0.1:9880}
            instruments: {file: i.csv}
            feeders:
              symbol: {type: zipf, size: 50, exponent: 1.1, prefix: SYM, first: 600, shuffle: true}
              rows: {type: csv, file: orders.csv, order: shuffled}
            flows:
              life:
                - {op: order.new, with: {symbol: $symbol, qty: $rows.qty, side: buy}, save: {id: $.order_id, px: "tag:44"}}
                - {think: {lognormal: {median: 300ms, sigma: 0.5}}}
                - {op: order.cancel, with: {id: $id}, probability: 45%}
            mixes:
              open: {flow.life: 70, order.new: {weight: 30, with: {account: 17, symbol: $$x}}, order.replace: 0}
            scenarios:
              s: {executor: constant-users, users: 5, duration: 1m, mix: open, graceful_stop: 5s, think: {uniform: [0s, 1s]}}
            thresholds:
              response_time{op:new}: ["p(95)<25ms", {check: "p(99.9)<200ms", abort_on_fail: true, delay: 30s}]
              throughput{scenario:s}: ["rate>=1"]
              apdex(50ms): "value>=0.94"
            """)
        guard case .zipf(50, 1.1, "SYM", 600, true) = plan.feeders[0].kind,
            case .csv(["symbol", "qty"], let rows, .shuffled) = plan.feeders[1].kind,
            case .request(let new) = plan.flows[0].steps[0], case .think(let pause) = plan.flows[0].steps[1],
            case .request(let cancel) = plan.flows[0].steps[2],
            case .users(let users, .uniform(0, 1)) = plan.scenarios[0].executor
        else {
            Issue.record("differs: \(plan)")
            return
        }
        #expect(rows == [["600000", "100"], ["600,001", "2\"00"]])
        #expect(
            new.bindings == [
                .init(field: "symbol", source: .feeder(0)), .init(field: "qty", source: .column(feeder: 1, column: 1)),
                .init(field: "side", source: .literal(Array("buy".utf8))),
            ])
        #expect(new.saves == [.init(variable: 0, extract: .order), .init(variable: 1, extract: .tag(44))])
        #expect(pause == .lognormal(median: 0.3, sigma: 0.5))
        #expect(cancel.probability == 0.45 && cancel.bindings == [.init(field: "id", source: .variable(0))])
        #expect(plan.flows[0].variables == ["id", "px"])
        #expect(plan.mixes[0].items.map(\.item) == [.flow(0), .operation(0)])
        #expect(plan.mixes[0].bindings[1].map(\.source) == [.literal(Array("17".utf8)), .literal(Array("$x".utf8))])
        #expect(users.users(at: 0) == 5 && users.users(at: 59) == 5 && users.seconds == 60)
        #expect(plan.scenarios[0].gracefulStop == 5)
        #expect(plan.thresholds.map(\.operation) == ["order.new", "order.new", nil, nil])
        #expect(plan.thresholds.map(\.abortsOnFail) == [false, true, false, false])
        #expect(plan.objectiveNanoseconds == 50_000_000)
    }

    @Test("HTTP operations are templates; what a flow saves needs no binding")
    func http() throws {
        let plan = try plan(
            """
            version: 1
            target: {transport: http, address: 127.0.0.1:80, host: shop, headers: {accept: text/plain}, tls: {verify: false}}
            feeders: {symbol: {type: uniform, range: [1, 9], prefix: S}}
            operations:
              place: {method: POST, path: "/o?s=${symbol}", headers: {x-a: "${symbol}!"}, body: '{"n":"${n}"}', expect: 201}
              look: {path: "/o/${id}/${n}", expect: 200-204}
            flows:
              f:
                - {op: place, with: {n: 5}, save: {id: "$.orders[0].id", n: "header:ETag"}}
                - {op: look}
            mix: {flow.f: 1}
            stages: [{rate: 10, hold: 1s}]
            """)
        guard case .http(let place) = plan.operations[0].request, case .http(let look) = plan.operations[1].request,
            case .request(let first) = plan.flows[0].steps[0], case .request(let second) = plan.flows[0].steps[1],
            case .http(let target) = plan.target.transport
        else {
            Issue.record("differs")
            return
        }
        #expect(plan.operations[0].fields.map(\.name) == ["symbol", "n"])
        #expect(plan.operations[0].fields.map(\.fallback) == [.feeder(0), nil])
        #expect(place.method == "POST" && place.expected == 201...201 && look.expected == 200...204)
        #expect(place.path.pieces.count == 2 && look.path.pieces.count == 4)
        #expect(first.bindings == [.init(field: "n", source: .literal(Array("5".utf8)))])
        #expect(
            first.saves == [
                .init(variable: 0, extract: .json(["orders", "0", "id"])), .init(variable: 1, extract: .header("etag")),
            ])
        #expect(second.bindings.map(\.source) == [.variable(0), .variable(1)])
        #expect(target.host == "shop" && target.headers == [.init(name: "accept", value: "text/plain")])
        #expect(plan.target.window == 1 && plan.target.tls?.verifies == false && plan.orders == nil)
    }

    @Test("Recordings, days, sines and superpositions")
    func processes() throws {
        func arrivals(_ text: String) throws -> (ArrivalProcess, RateProfile) {
            let body = Samples.fix().replacing("stages: [{rate: 100, hold: 10s}]\n", with: "") + text
            guard case .arrivals(let process, let profile) = try plan(body).scenarios[0].executor else {
                throw Samples.Missing(description: "no arrivals")
            }
            return (process, profile)
        }
        let counts = try arrivals("arrivals: {process: replay-counts, file: counts.csv, bucket: 2s}")
        #expect(counts.0.expected(over: counts.1) == 7 && counts.1.seconds == 6)
        let repeated = try arrivals(
            "arrivals: {process: replay-counts, counts: [3, 0, 4], repeat: true}\nduration: 7s")
        #expect(repeated.0.expected(over: repeated.1) == 17 && abs(repeated.1.mass - 17) < 1e-9)
        let times = try arrivals("arrivals: {process: replay, file: times.csv, speed: 2}")
        #expect(times.0.expected(over: times.1) == 3)
        let scaled = try arrivals("arrivals: {process: replay-counts, counts: [3, 0, 4, 9]}\ntime_scale: 2")
        #expect(scaled.0.expected(over: scaled.1) == 3 && scaled.1.seconds == 2)
        let day = try arrivals("day: {market: a-share, rate: 50, duration: 55s}")
        // The break is 1.5 of 5.5 hours; over the rest the mean rate is the one given.
        #expect(abs(day.1.seconds - 55) < 1e-6 && abs(day.1.mass - 50 * 40) < 1)
        let sine = try arrivals(
            "arrivals: {process: sine, amplitude: 50%, period: 10s}\nstages: [{rate: 100, hold: 20s}]")
        #expect(abs(sine.1.rate(at: 2.5) - 150) < 1e-6 && abs(sine.1.mass - 2_000) < 1e-6)
        let both = try arrivals(
            "arrivals: [{process: poisson, share: 75%}, {process: weibull, shape: 0.5, share: 0.25}]\nstages: [{rate: 8, hold: 9s}]"
        )
        guard case .superposition(let streams) = both.0 else { return }
        #expect(streams.map(\.share) == [0.75, 0.25])
        let line = try arrivals("schedule: rate(60/min) random_arrivals(10s) rate(3)")
        #expect(line.1.segments == [.init(from: 1, to: 3, seconds: 10)])
    }

    @Test("A connection for each user, within the descriptors")
    func connections() throws {
        let text = """
            version: 1
            target: {address: 127.0.0.1:9880, connections: users}
            instruments: {file: i.csv}
            scenarios:
              a: {executor: constant-users, users: 500, duration: 5s}
              b: {executor: stepped-users, from: 100, to: 492, by: 100, hold: 5s}
            """
        #expect(try plan(text).target.connections == 992)
        #expect(Samples.refusal(text, descriptors: 1_023).contains("992 users; 991 are possible"))
    }

    @Test("Only a permitted target may be remote")
    func remote() throws {
        let text = Samples.fix("target: {address: 10.0.0.1:80}")
        #expect(try Samples.file(text, remote: true).plan.target.endpoint.description == "10.0.0.1:80")
    }

    @Test("Outputs, metrics and secrets")
    func outputs() throws {
        let file = try Samples.file(
            Samples.fix(
                "target: {address: \"127.0.0.1:1\", password: s3cret}",
                "outputs: {html: r.html, json: '-', hlog: a.hlog, hgrm: a.hgrm, csv: a.csv, jtl: {file: a.jtl, dialect: \"2\"}, openmetrics: \"127.0.0.1:9401\"}",
                "server_metrics: [{scrape: \"http://127.0.0.1:9400/metrics\"}, {pid_file: a.pid}, {process: redis-server, component: Redis}]"
            ))
        #expect(
            file.outputs.html == "r.html" && file.outputs.jtlDialect == .old && file.outputs.openMetrics?.port == 9_401)
        #expect(
            file.serverMetrics == [
                .scrape(url: "http://127.0.0.1:9400/metrics"),
                .pidFile(component: "services", path: "a.pid"), .process(component: "Redis", name: "redis-server"),
            ])
        #expect(file.secrets == ["s3cret"])
    }

    @Test(
        "The scenarios that come with the program are read",
        arguments: [
            ("smoke", 5, 800), ("steady-15k", 60, 900_000), ("market-open-15min", 1_150, nil),
            ("stepped-users", 350, nil), ("find-capacity", 704, nil), ("burst-replay", 60, 253_900),
        ] as [(String, Double, Double?)])
    func documented(name: String, seconds: Double, expected: Double?) throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("config/scenarios/\(name).yaml")
        let plan = try Samples.file(try String(contentsOf: path, encoding: .utf8)).plan
        #expect(plan.seconds == seconds)
        if let expected, case .arrivals(let process, let profile) = plan.scenarios[0].executor {
            #expect(abs(process.expected(over: profile) - expected) < 0.001)
        }
    }

    @Test("Random cuts and repeats of a scenario never crash the reader")
    func mutations() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("config/scenarios/market-open-15min.yaml")
        let original = Array(try String(contentsOf: path, encoding: .utf8).utf8)
        var state: UInt64 = 11
        func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for _ in 0..<1_500 {
            var bytes = original
            for _ in 0...below(3) {
                let start = below(bytes.count - 20)
                switch below(3) {
                case 0: bytes.removeSubrange(start..<start + 1 + below(12))
                case 1: bytes[start] = UInt8(32 + below(95))
                default: bytes.insert(contentsOf: bytes[start..<start + 1 + below(12)], at: below(bytes.count))
                }
            }
            _ = Samples.refusal(String(decoding: bytes, as: UTF8.self))
        }
    }
}
