import Autoscaling
import Foundation
import LocalStack
import Synchronization
import Testing

/// What `autoscaler run` and `replay` say to configurations, journals and arguments.
@Suite struct AutoscalerConfigurationTests {
    @Test(
        "A mistake is one line with file, line, column and what to write instead, exit 2",
        arguments: [
            ("perod: 10s\n", ":1:1: unknown key perod; did you mean period?"),
            ("ladder: {stale_perods: 3}\n", "unknown key ladder.stale_perods; did you mean ladder.stale_periods?"),
            ("period: 10\n", ":1:9: period must be a time such as 10s, 1.5m or 500ms"),
            ("period: 2500ms\nforecast: {kind: ridge, history: [a, b, c]}\n", "ridge needs a period of whole seconds"),
            ("policies: {forecast_utilisation: 100%}\n", "utilisation is at most 0.99"),
            (
                "shield: {utilisation_low: 95%}\n",
                "shield.utilisation_low: utilisation_low (0.95) must be at most utilisation_high (0.92)"
            ),
            (
                "shield: {utilisation_high: 40%}\n",
                "shield.utilisation_high: utilisation_low (0.45) must be at most utilisation_high (0.4)"
            ),
            ("limits: {up_factor: 1, up_count: 0}\n", "limits.up_factor: up_factor 1 with up_count 0 never lets"),
            (
                "leadership: {kind: file, file: x, renew_deadline: 20s}\n",
                "leadership.renew_deadline: lease_duration (15s) must be longer than renew_deadline (20.0s)"
            ),
            (
                "leadership: {kind: file, file: x, retry_period: 9s}\n",
                "leadership.retry_period: renew_deadline (10.0s) must be longer than 2.2 times retry_period (9.0s)"
            ),
            ("listen: 127.0.0.1:99999\n", "listen must be host:port with a port in 0...65535"),
            (
                "metrics: {source: prometheus, server: \"http://p:9090\", endpoints: {risk: []}}\n",
                "unknown key metrics.endpoints"
            ),
            (
                "schedule: [{from: 1h, replicas: {rsk: 3}}]\n",
                "unknown service schedule[0].replicas.rsk; did you mean risk?"
            ),
            ("schedule: [{from: 1h, replicas: {risk: 99}}]\n", "must be a whole number in 1...20"),
            ("schedule: [{from: 1h}, {from: 1h}]\n", "schedule[1].from: must be after that of the step before"),
            ("metrics: {endpoints: {rsk: []}}\n", "unknown service metrics.endpoints.rsk; did you mean risk?"),
            ("metrics: {endpoints: {risk: [nowhere]}}\n", "must be a URL such as http://"),
            ("metrics: {source: prometheus}\n", "metrics.server is missing"),
            ("metrics: {series: {requests: \"a b\"}}\n", "must be a series such as name{label=\"value\"}"),
            ("actuator: {kind: processes}\n", "actuator.server is missing"),
            (
                "actuator: {kind: kubernetes, targets: {risk: pods/risk}}\n",
                "must be deployments/NAME or statefulsets/NAME"
            ),
            ("kubernetes: {metrics_port: 0}\n", "metrics_port must be a port in 1...65535 or the name of one"),
            ("kubernetes: {metrics_port: Metrics}\n", "metrics_port must be a port in 1...65535 or the name of one"),
            ("kubernetes: {metrics_path: metrics}\n", "kubernetes.metrics_path must be a path such as /metrics"),
            (
                "kubernetes: {metric_port: 1}\n",
                "unknown key kubernetes.metric_port; did you mean kubernetes.metrics_port?"
            ),
            ("policies: {shadows: [hpaa]}\n", "must be one of hpa, keda, static, forecast, reactive"),
            ("policies: {shadows: [static]}\n", "policies.peak: must be given for the policy static"),
            ("policies: {shadows: [hpa]}\n", "hpa is among counterfactuals too"),
            ("calendar: {open: \"25:00\"}\n", "calendar.open must be a time of the day such as 09:30"),
            ("calendar: {open: \"20:00\"}\n", "calendar.length: must end the session before midnight"),
            ("calendar: {holidays: [20260230]}\n", "must be a date as yyyymmdd"),
            ("calendar: {opens_at: 10:30}\n", "calendar.opens_at must be a number in"),
            ("calendar: {length: 59s}\n", "calendar.length must be a time"),
            ("calendar: {opens_at: 1790000000, length: 9s}\n", "calendar.length must be a time"),
            ("calendar: {time_scale: 0.5}\n", "calendar.time_scale must be a number in"),
            ("forecast: {history_from: soon}\n", "forecast.history_from must be a time such as -15m or 1h"),
            ("policies: {hpa_time_scale: 0}\n", "policies.hpa_time_scale must be a number in"),
            ("policies: {lookahead: -1s}\n", "policies.lookahead must be a time"),
            ("forecast: {kind: ridge}\n", "forecast.history: must name three files of past days or more"),
            ("forecast: {kind: network}\n", "forecast.model: must name the file of a forecaster"),
            ("forecast: {model: x}\n", "forecast.model: belongs to kind network, not persistence"),
            ("forecast: {kind: network, model: x, retrained: y}\n", "forecast.retrained: needs samples to train on"),
            ("forecast: {kind: network, model: x, utc_offset_hours: 15}\n", "in -14...14"),
            ("listen: 9600\n", "listen must be host:port"),
        ])
    func mistakes(text: String, message: String) async throws {
        let chain = "chain: {services: [{name: risk, replicas: {min: 1, max: 20}, service_time: 10ms}]}\n"
        let bench = try SidecarBench(text + chain)
        defer { bench.remove() }
        let outcome = try await bench.run("run", "--config", bench.config, "--once")
        #expect(outcome.code == 2)
        #expect(outcome.output.hasPrefix("autoscaler: \(bench.config):"), "\(outcome.output)")
        #expect(outcome.output.contains(message), "\(outcome.output)")
        #expect(outcome.output.split(separator: "\n").count == 1)
    }

    @Test(
        "Chains that contradict themselves are refused with their line",
        arguments: [
            ("{}", "chain.services is missing"),
            ("{services: []}", "a chain has at least one service"),
            ("{services: [{name: a}]}", "chain.services[0].service_time is missing"),
            (
                "{services: [{name: a, service_time: 1ms, replicas: {min: 9, max: 3}}]}",
                "chain.services[0].replicas.max: min 9 is more than max 3"
            ),
            ("{services: [{name: a, service_time: 1ms}, {name: a, service_time: 1ms}]}", "service 'a' appears twice"),
            ("{classes: {x: 0.5}, services: [{name: a, service_time: 1ms}]}", "their sum is 1, not 0.5"),
            ("{services: [{name: a, service_time: 1ms, visits: {ordr: 1}}]}", "visits.ordr; did you mean"),
            ("{services: [{name: a, service_time: 1ms, startup: {from: 9s, to: 1s}}]}", "startup.to: is before from"),
            ("{profile: nowhere.yaml}", "chain.profile: nowhere.yaml cannot be read"),
        ])
    func chains(chain: String, message: String) async throws {
        let bench = try SidecarBench("period: 10s\nchain: \(chain)\n")
        defer { bench.remove() }
        let outcome = try await bench.run("run", "--config", bench.config, "--once")
        #expect(outcome.code == 2)
        #expect(outcome.output.contains(message), "\(outcome.output)")
        #expect(outcome.output.hasPrefix("autoscaler: \(bench.config):2:"), "\(outcome.output)")
    }

    @Test(
        "The documented configuration runs once without any service there, and stays at its floor; that of low cost too",
        .timeLimit(.minutes(2)))
    func documented() async throws {
        let text = try String(contentsOfFile: "\(Programs.root)/config/autoscaler.yaml", encoding: .utf8)
            .replacing("127.0.0.1:9600", with: "127.0.0.1:0")
        let brief = [
            ("forecast_utilisation: 92%", "forecast_utilisation: 78%"),
            ("forecast_down_window: 12m", "forecast_down_window: 20s"), ("quantile: 0.9\n", "quantile: 0.84\n"),
            ("down_cooldown: 60s", "down_cooldown: 20s"), ("hold_near_auctions: true", "hold_near_auctions: false"),
        ]
        var cheap = text
        for (key, value) in brief {
            #expect(cheap.contains("  \(key)"), "\(key) is documented")
            cheap = cheap.replacing("  \(key)", with: "  \(value)")
        }
        for text in [text, cheap] {
            let bench = try SidecarBench(text)
            defer { bench.remove() }
            let outcome = try await bench.run("run", "--config", bench.config, "--once")
            #expect(outcome.code == 0, "\(outcome.output)")
            #expect(outcome.output.contains("\"level\":\"floor\""), "\(outcome.output)")
        }
    }

    @Test("Arguments and files that cannot be used end with 2 and say why") func arguments() async throws {
        let bench = try SidecarBench(SidecarBench.chain + "journal: {file: /no/such/folder/j}\n")
        defer { bench.remove() }
        let journal = try await bench.run("run", "--config", bench.config, "--once")
        #expect(journal.code == 2)
        #expect(journal.output.contains("/no/such/folder/j: there is no directory"), "\(journal.output)")
        let missing = try await bench.run("run", "--config", "/no/such.yaml")
        #expect(missing.code == 2 && missing.output == "autoscaler: /no/such.yaml: cannot be read\n")
        let none = try await bench.run("run")
        #expect(none.code == 2 && none.output.contains("--config"))
        let unread = try await bench.run("replay", "/no/such.jsonl")
        #expect(unread.code == 2)
        try "not a line\n".write(toFile: bench.journal, atomically: true, encoding: .utf8)
        let foreign = try await bench.run("replay", bench.journal)
        #expect(foreign.code == 2 && foreign.output.contains("line 1: no JSON"), "\(foreign.output)")
    }

    @Test("A replay under the recorded policies is the same to the last bit, over restarts and files; others differ")
    func replay() async throws {
        let services = try FakeServices()
        let bench = try SidecarBench("")
        defer { bench.remove() }
        let text = SidecarBench.text(services, folder: bench.folder, "").replacing(
            "outcome_after: 300ms", with: "outcome_after: 300ms, bytes_max: 128KiB, files_max: 50")
        try bench.write(
            text.replacing("down_window: 500ms", with: "down_window: 500ms, shadows: [keda], counterfactuals: [hpa]"))
        for part in 0..<2 {
            services.setRate(part == 0 ? 600 : 900)
            let sidecar = try bench.start("run.log")
            let next = "\(bench.journal).\(part * 2 + 1)"
            #expect(try await bench.until { FileManager.default.fileExists(atPath: next) })
            services.setRate(50)
            let count = try bench.decisions().count
            #expect(
                try await bench.until { try bench.decisions().count > count + 20 || bench.decisions().count < count })
            sidecar.signal(SIGTERM)
            #expect(await sidecar.wait() == 0)
        }
        var names = ["replay", bench.journal, "--json", "--strict"]
        for name in ["ladder", "forecast", "reactive", "keda", "hpa"] { names += ["--policy", name] }
        let log = "\(bench.folder)/replay.json"
        let child = try ChildProcess.start([SidecarBench.program] + names, log: log)
        let code = await child.wait()
        let json = try JSONSerialization.jsonObject(with: Data(bench.log("replay.json").utf8)) as? [String: Any]
        let verdicts = json?["policies"] as? [[String: Any]] ?? []
        #expect(code == 0 && verdicts.count == 5, "\(bench.log("replay.json").prefix(2_000))")
        for verdict in verdicts {
            #expect(verdict["recorded"] as? Int ?? 0 > 50, "\(verdict)")
            #expect(verdict["identical"] as? Int == verdict["recorded"] as? Int, "\(verdict)")
        }
        let twice = try await bench.run("replay", bench.journal, "--policy", "reactive", "--policy", "keda")
        let again = try await bench.run("replay", bench.journal, "--policy", "reactive", "--policy", "keda")
        #expect(twice.code == 0 && twice.output == again.output)
        // A journal has one writer.
        let holder = try bench.start("holder.log")
        let count = try bench.decisions().count
        #expect(try await bench.until { try bench.decisions().count != count })
        let second = try await bench.run("run", "--config", bench.config, "--once")
        #expect(second.code == 2 && second.output.contains("another sidecar writes this journal"), "\(second.output)")
        holder.signal(SIGKILL)
        _ = await holder.wait()
        let unknown = try await bench.run("replay", bench.journal, "--policy", "oracle")
        #expect(unknown.code == 2 && unknown.output.contains("'oracle' is none of ladder, hpa"))
    }
}
