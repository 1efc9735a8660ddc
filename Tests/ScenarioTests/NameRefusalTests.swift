import Scenario
import Testing

@Suite("Names that stand for nothing, and contradictions")
struct NameRefusalTests {
    private func expect(_ cases: [(text: String, message: String)]) {
        for (text, message) in cases {
            let said = Samples.refusal(text)
            #expect(said == message, "\(text)")
        }
    }

    @Test("Mixes")
    func mixes() {
        expect([
            (Samples.fix("mix: {}"), "s.yaml:5:6: mix: an empty mix sends nothing"),
            (Samples.fix("mix: {new: 0}"), "s.yaml:5:6: mix: at least one weight is positive"),
            (Samples.fix("mix: {new: -1}"), "s.yaml:5:12: mix.new must be a number in 0...1000000000"),
            (
                Samples.fix("mix: {cancle: 1}"),
                "s.yaml:5:15: mix.cancle: there is no operation cancle; did you mean cancel?"
            ),
            (
                Samples.fix("mix: {new: 1, order.new: 1}"),
                "s.yaml:5:26: mix.order.new: the same operation under two names"
            ),
            (Samples.fix("mix: opening"), "s.yaml:5:6: mix: there is no mix opening"),
            (
                Samples.fix("mix: opne", "mixes: {open: {new: 1}}"),
                "s.yaml:5:6: mix: there is no mix opne; did you mean open?"
            ),
            (Samples.fix("mix: {flow.x: 1}"), "s.yaml:5:15: mix.flow.x: there is no flow x"),
            (
                Samples.fix("mix: {new: {weight: 1, with: {colour: x}}}"),
                "s.yaml:5:39: mix.new.with.colour: order.new has no field colour; did you mean account?"
            ),
            (
                Samples.fix("mix: {new: {weight: 1, with: {side: up}}}"),
                "s.yaml:5:37: mix.new.with.side must be one of buy, sell"
            ),
            (
                Samples.fix("mix: {new: {weight: 1, with: {qty: 0}}}"),
                "s.yaml:5:36: mix.new.with.qty must be a whole number from 1"
            ),
            (
                Samples.fix("mix: {new: {weight: 1, with: {symbol: $sym}}}"),
                "s.yaml:5:39: mix.new.with.symbol: $sym is neither a feeder nor saved before"
            ),
            (
                Samples.fix("operations: {x: {path: /}}"),
                "s.yaml:5:17: operations.x: FIX targets have order.new, order.cancel and order.replace; others are for HTTP"
            ),
        ])
    }

    @Test("Flows")
    func flows() {
        func flow(_ steps: String) -> String { Samples.fix("flows: {f: [\(steps)]}") }
        expect([
            (flow(""), "s.yaml:5:12: flows.f: a flow has at least one step"),
            (flow("{think: 1s}"), "s.yaml:5:12: flows.f: a flow has at least one request"),
            (flow("{wait: 1s}"), "s.yaml:5:14: unknown key flows.f[0].wait; did you mean flows.f[0].with?"),
            (
                flow("{op: order.nwe}"),
                "s.yaml:5:18: flows.f[0].op: there is no operation order.nwe; did you mean order.new?"
            ),
            (
                flow("{op: order.cancel, with: {id: $id}}, {op: order.new, save: {id: $.order_id}}"),
                "s.yaml:5:43: flows.f[0].with.id: $id is used before it is saved"
            ),
            (
                flow("{op: order.new, save: {id: $.ordr}}"),
                "s.yaml:5:40: flows.f[0].save.id must be $.order_id or tag:NUMBER"
            ),
            (
                flow("{op: order.new, probability: 50%, save: {id: $.order_id}}"),
                "s.yaml:5:58: flows.f[0].save.id: a request that may be left out cannot save what later steps need"
            ),
            (
                flow("{op: order.new, probability: 2}"),
                "s.yaml:5:42: flows.f[0].probability must be a share from 0 to 1"
            ),
            (flow("{op: order.new}, {think: 10ns}"), "s.yaml:5:38: flows.f[1].think must be a time from 1us to 1h"),
            (
                flow("{op: order.new}, {think: {gauss: 1s}}"),
                "s.yaml:5:39: unknown key flows.f[1].think.gauss; did you mean flows.f[1].think.constant?"
            ),
            (
                flow("{op: order.new}, {think: {uniform: [2s, 1s]}}"),
                "s.yaml:5:48: flows.f[1].think.uniform: the first time is longer than the second"
            ),
            (
                Samples.fix(
                    "feeders: {id: {type: uniform, range: [1, 2]}}",
                    "flows: {f: [{op: order.new, save: {id: $.order_id}}]}"),
                "s.yaml:6:36: flows.f[0].save.id: a feeder has this name; choose another"
            ),
        ])
    }

    @Test("Operations of HTTP targets")
    func operations() {
        func operation(_ text: String) -> String { Samples.http("operations: {get: \(text)}") }
        expect([
            (
                Samples.http("operations: {}"),
                "s.yaml:3:13: operations: is missing: what is sent, such as {quote.get: {path: /quote}}"
            ),
            (
                operation("{path: quote}"),
                "s.yaml:3:26: operations.get.path: a path begins with \"/\" and has neither blanks nor other than ASCII characters"
            ),
            (
                operation("{path: /, method: get}"),
                "s.yaml:3:37: operations.get.method: get is no method; capital letters, such as GET"
            ),
            (
                operation("{path: /, expect: 299-200}"),
                "s.yaml:3:37: operations.get.expect must be a status or a range of them, such as 200 or 200-299"
            ),
            (operation("{path: \"/${id\"}"), "s.yaml:3:26: operations.get.path: \"${\" without \"}\""),
            (
                operation("{path: \"/${id}\"}"),
                "s.yaml:1:1: mix: get needs a value for ${id}: a feeder, or with: {id: ...}"
            ),
            (
                operation("{path: /, headers: {Content-Length: 5}}"),
                "s.yaml:3:55: operations.get.headers.Content-Length: Content-Length is set by the generator"
            ),
            (
                Samples.http("operations: {a: {path: /}, b: {path: /}}"),
                "s.yaml:1:1: mix: is missing: a name of mixes, or weights such as {a: 1}"
            ),
            (
                Samples.http(
                    "operations: {a: {path: \"/${rows.x}\"}}", "feeders: {rows: {type: csv, file: orders.csv}}"),
                "s.yaml:3:24: operations.a.path: feeder rows has no column x; did you mean qty?"
            ),
        ])
    }

    @Test("Scenarios")
    func scenarios() {
        func only(_ text: String) -> String {
            Samples.fix("scenarios: {s: \(text)}").replacing("stages: [{rate: 100, hold: 10s}]\n", with: "")
        }
        expect([
            (
                Samples.fix("scenarios: {}"),
                "s.yaml:4:9: stages: belongs into one of the scenarios, since the file has that section"
            ),
            (
                only("{executor: users}"),
                "s.yaml:4:27: scenarios.s.executor must be one of arrivals, constant-users, ramping-users, stepped-users, find-capacity"
            ),
            (only("{executor: constant-users, duration: 5s}"), "s.yaml:4:16: scenarios.s.users is missing: how many"),
            (
                only("{executor: constant-users, users: 0, duration: 5s}"),
                "s.yaml:4:50: scenarios.s.users must be a whole number in 1...100000"
            ),
            (
                only("{executor: constant-users, users: 5, duration: 0s}"),
                "s.yaml:4:63: scenarios.s.duration must be longer than 0s"
            ),
            (
                only("{executor: ramping-users, stages: [{to: 5}]}"),
                "s.yaml:4:51: scenarios.s.stages[0] must be {to: USERS, over: TIME} or {hold: TIME}"
            ),
            (
                only("{executor: ramping-users, stages: [{to: 0, over: 5s}]}"),
                "s.yaml:4:50: scenarios.s.stages: no stage has a user"
            ),
            (
                only("{executor: ramping-users, stages: [{to: 5, over: 0s}]}"),
                "s.yaml:4:50: scenarios.s.stages: the stages take no time"
            ),
            (
                only("{executor: stepped-users, from: 1, to: 5, by: 0, hold: 5s}"),
                "s.yaml:4:62: scenarios.s.by must be a whole number in 1...100000"
            ),
            (
                only("{executor: find-capacity, rate: [5, 1], until: errors==0}"),
                "s.yaml:4:48: scenarios.s.rate: the least rate is not below the greatest"
            ),
            (
                only("{executor: find-capacity, rate: [1, 5], until: p(99)<}"),
                "s.yaml:4:63: scenarios.s.until: threshold \"p(99)<\", column 7: expected a number"
            ),
            (
                only("{executor: find-capacity, rate: [1, 5], until: errors==0, tolerance: 0}"),
                "s.yaml:4:85: scenarios.s.tolerance must be a share from 0.001 to 0.5"
            ),
            (
                only("{stages: [{rate: 5, hold: 20h}], start: 5h}"),
                "s.yaml:4:56: scenarios.s.start: a run lasts at most a day"
            ),
            (
                Samples.fix("target: {address: 127.0.0.1:1, connections: users}"),
                "s.yaml:2:45: target.connections: users: no scenario has users"
            ),
            (
                only("{executor: constant-users, users: 5000, duration: 5s}")
                    .replacing("9880}", with: "9880, connections: users}"),
                "s.yaml:2:48: target.connections: a connection for each of 5000 users; 992 are possible (descriptors of "
                    + "this process: 1024, see ulimit -n)"
            ),
        ])
    }

    @Test("Thresholds, outputs and metrics")
    func thresholds() {
        func check(_ text: String) -> String { Samples.fix("thresholds: \(text)") }
        expect([
            (check("[p(99)<]"), "s.yaml:5:14: thresholds[0]: threshold \"p(99)<\", column 7: expected a number"),
            (
                check("[latency.p(99)<5ms]"),
                "s.yaml:5:14: thresholds[0]: threshold \"latency.p(99)<5ms\", column 1: expected a metric or p(99), avg, med, min, max"
            ),
            (
                check("{errors: [rat<1]}"),
                "s.yaml:5:23: thresholds.errors[0]: threshold \"errors.rat<1\", column 8: expected rate or count"
            ),
            (
                check("{\"errors{op:order.nwe}\": [rate<1]}"),
                "s.yaml:5:39: thresholds.errors{op:order.nwe}[0]: there is no operation order.nwe; did you mean order.new?"
            ),
            (
                check("{\"errors{scenario:mian}\": [rate<1]}"),
                "s.yaml:5:40: thresholds.errors{scenario:mian}[0]: there is no scenario mian; did you mean main?"
            ),
            (
                Samples.fix("mix: {new: 1}", "thresholds: [\"errors{op:cancel}==0\"]"),
                "s.yaml:6:14: thresholds[0]: order.cancel is never sent, so it has no figures"
            ),
            (
                check("5"),
                "s.yaml:5:13: thresholds must be a list of conditions, or a mapping of metrics to lists of checks"
            ),
            (
                check("[{check: errors==0, delay: 5s}]"),
                "s.yaml:5:40: thresholds[0].delay: has a meaning together with abort_on_fail only"
            ),
            (
                check("[{check: errors==0, abort_on_fail: true, delay: 10s}]"),
                "s.yaml:5:22: thresholds[0].check: its delay is not shorter than the run of 10 s"
            ),
            (
                Samples.fix("outputs: {html: a, json: a}"),
                "s.yaml:5:26: outputs.json: a is already written by outputs.html"
            ),
            (
                Samples.fix("outputs: {jtl: {file: a, dialect: 4}}"),
                "s.yaml:5:35: outputs.jtl.dialect must be one of 5, 2"
            ),
            (
                Samples.fix("outputs: {openmetrics: 10.0.0.1:80}"),
                "s.yaml:5:24: outputs.openmetrics must be a numeric loopback address with a port, such as 127.0.0.1:9401"
            ),
            (
                Samples.http("outputs: {ack_log: a}"),
                "s.yaml:5:20: outputs.ack_log: acknowledgements are those of FIX targets"
            ),
            (
                Samples.fix("server_metrics: [{component: a}]"),
                "s.yaml:5:18: server_metrics[0] must have one of scrape, pid_file, process"
            ),
            (
                Samples.fix("server_metrics: [{scrape: https://a/}]"),
                "s.yaml:5:27: server_metrics[0].scrape must be a page of this machine, such as http://127.0.0.1:9400/metrics"
            ),
            (
                Samples.fix("server_metrics: [{scrape: http://127.0.0.1:1/m, component: a}]"),
                "s.yaml:5:60: server_metrics[0].component: belongs to pid_file or process"
            ),
        ])
    }
}
