import Autoscaling
import Foundation
import LocalStack
import Synchronization
import Testing

/// `autoscaler run` with a forecaster that `autoscaler forecast train` wrote.
@Suite struct AutoscalerForecastTests {
    /// Bins of two seconds from 11:30 to 13:30, in a local time in which it is a quarter past noon or so.
    private struct Hours {
        /// Hours that local time is ahead of UTC.
        let offset: Int
        /// Seconds since 1970 of the local wall clock.
        var local: Int { Int(Date().timeIntervalSince1970) + offset * 3_600 }
        static let bins = 3_600

        init() {
            let utc = Int(Date().timeIntervalSince1970) / 3_600 % 24
            offset = 12 - utc
        }

        /// Requests in a bin, with noise of 2 %.
        static func load(_ bin: Int, day: Int) -> Double {
            let noise = Double((bin &* 7_919 &+ day &* 104_729) % 1_000) / 1_000 - 0.5
            return 1_200 * exp(0.1 * sin(2 * .pi * Double(bin) / 900) + 0.04 * noise)
        }

        /// Rows of bins of the day so many days ago, before a second of the day.
        func rows(daysAgo: Int, before second: Int = 86_400) -> String {
            let day = local / 86_400 - daysAgo
            let start = 41_400
            return (0..<Self.bins).prefix { start + 2 * $0 < second }.map { bin in
                "\(day * 86_400 + start + 2 * bin),\(Self.load(bin, day: day))\n"
            }.joined()
        }
    }

    private func bench(_ services: FakeServices, _ forecast: String, _ more: String = "") throws -> SidecarBench {
        let bench = try SidecarBench("")
        try bench.write(SidecarBench.text(services, folder: bench.folder, "forecast: {\(forecast)}\n" + more))
        return bench
    }

    private func write(_ text: String, _ path: String) throws {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    @Test("Forecasts of a trained model reach journal and metrics; out of range and a damaged file are told, not fatal")
    func wholeLife() async throws {
        let services = try FakeServices()
        services.setRate(600)
        let hours = Hours()
        let port = try Loopback.freePort()
        let bench = try bench(
            services,
            "kind: network, model: m.safetensors, history: [history.csv], samples: samples.csv, "
                + "utc_offset_hours: \(hours.offset)", "listen: 127.0.0.1:\(port)\n")
        defer { bench.remove() }
        let days = (1...9).reversed().map { hours.rows(daysAgo: $0) }.joined()
        try write("time,value\n" + days, "\(bench.folder)/history.csv")
        try await train(bench)
        // Bins of the next seconds too, so that reading the past leaves no gap; the sidecar's own follow them.
        let past = hours.rows(daysAgo: 0, before: hours.local % 86_400 + 20)
        try write("time,value\n" + past + "torn,", "\(bench.folder)/samples.csv")
        let sidecar = try bench.start("run.log")
        let isForecast = try await bench.until {
            try bench.decisions().contains { $0.round.observation.forecast?.points.count ?? 0 > 6 }
        }
        #expect(isForecast, "\(bench.log("run.log").suffix(3_000))")
        #expect(try bench.events().contains { $0.code == "ForecastModelLoaded" })
        #expect(try bench.events().contains { $0.code == "ForecastSamplesDamaged" }, "the torn line")
        let known = try #require(try bench.decisions().last { $0.round.observation.forecast?.points.count ?? 0 > 6 })
        for point in known.round.observation.forecast?.points ?? [] {
            // The shape is within ±10 % of 600, and so is the fake services' rate.
            #expect(point.q50 > 400 && point.q50 < 900 && point.q90 >= point.q50)
        }
        let isWindowFull = try await bench.until {
            try bench.decisions().contains {
                $0.round.observation.forecast != nil && $0.round.observation.forecastNote == nil
            }
        }
        #expect(isWindowFull, "\(bench.log("run.log").suffix(2_000))")
        let metrics = Loopback.httpGet(port: port, path: "/metrics") ?? ""
        #expect(metrics.contains("autoscaler_forecast_model_loaded 1"))
        #expect(metrics.contains("autoscaler_forecast_rps{horizon="))

        // A file that is damaged is refused at SIGHUP; the forecaster before stays.
        try write("no model", "\(bench.folder)/m.safetensors")
        sidecar.signal(SIGHUP)
        let isRefused = try await bench.until { try bench.events().contains { $0.code == "ForecastModelRefused" } }
        #expect(isRefused && sidecar.isRunning)
        let text = try bench.events().first { $0.code == "ForecastModelRefused" }?.text ?? ""
        #expect(text.contains("the forecaster before stays"), "\(text)")

        // Forty times the load is far from all days of training.
        services.setRate(24_000)
        let isOutside = try await bench.until {
            try bench.decisions().contains { $0.round.events.contains { $0.code == "ForecastOutOfRange" } }
        }
        #expect(isOutside, "\(bench.log("run.log").suffix(2_000))")
        let page = Loopback.httpGet(port: port, path: "/metrics") ?? ""
        #expect(page.contains("autoscaler_forecast_fallbacks_total{reason=\"ForecastOutOfRange\"}"))
        #expect(page.contains("autoscaler_forecast_model_refusals_total 1"))
        sidecar.signal(SIGTERM)
        #expect(await sidecar.wait() == 0)
        let kept = try String(contentsOfFile: "\(bench.folder)/samples.csv", encoding: .utf8).split(separator: "\n")
        #expect(kept.first == "time,value" && !kept.contains { $0.hasPrefix("torn") })
        #expect(kept.count > past.split(separator: "\n").count + 1, "bins of the run were added")
        #expect(bench.log("run.log").components(separatedBy: "autoscaler: ForecastModelRefused").count == 2)
    }

    /// A model of the days in `history.csv`, small and fast.
    private func train(_ bench: SidecarBench) async throws {
        let training = try await bench.run(
            "forecast", "train", "--data", "\(bench.folder)/history.csv", "--session", "11:30-13:30", "--interval", "2",
            "--horizon", "10", "--profile-days", "5", "--validation-days", "1", "--epochs", "1", "--windows", "256",
            "--threads", "1", "--out", "\(bench.folder)/m.safetensors")
        try #require(training.code == 0, "\(training.output)")
    }

    @Test(
        "Errors that stay ten times those expected are drift: the reactive rule acts, and a successor is trained once")
    func drift() async throws {
        let services = try FakeServices()
        services.setRate(600)
        let hours = Hours()
        let bench = try bench(
            services,
            "kind: network, model: m.safetensors, samples: samples.csv, retrained: next.safetensors, "
                + "utc_offset_hours: \(hours.offset)")
        defer { bench.remove() }
        let days = "time,value\n" + (1...11).reversed().map { hours.rows(daysAgo: $0) }.joined()
        try write(days, "\(bench.folder)/history.csv")
        try await train(bench)
        try write(days + hours.rows(daysAgo: 0, before: hours.local % 86_400), "\(bench.folder)/samples.csv")
        let sidecar = try bench.start("run.log")
        let isDrift = try await bench.until {
            // A third and three times what is expected, bin by bin.
            services.setRate(hours.local / 2 % 2 == 0 ? 1_800 : 200)
            return try bench.events().contains { $0.code == "ForecastRetraining" }
        }
        #expect(isDrift, "\(bench.log("run.log").suffix(2_000))")
        let isReactive = try await bench.until { try bench.decisions().last?.round.level == .reactive }
        #expect(isReactive)
        #expect(try bench.decisions().contains { $0.round.events.contains { $0.code == "ForecastDrift" } })
        let ends: Set = ["ForecastRetrained", "ForecastKept"]
        #expect(try await bench.until { try bench.events().contains { ends.contains($0.code) } })
        #expect(try bench.events().count { $0.code == "ForecastRetraining" } == 1)
        let isReplaced = try bench.events().contains { $0.code == "ForecastRetrained" }
        #expect(FileManager.default.fileExists(atPath: "\(bench.folder)/next.safetensors") == isReplaced)
        sidecar.signal(SIGTERM)
        #expect(await sidecar.wait() == 0)
    }

    @Test(
        "A forecaster that is no model, a policy's, or missing is refused at the start: persistence forecasts, nobody shrinks",
        arguments: ["noise", "text", "missing"])
    func refusedAtStart(kind: String) async throws {
        let services = try FakeServices()
        services.setRate(600)
        let bench = try bench(services, "kind: network, model: m.safetensors")
        defer { bench.remove() }
        switch kind {
        case "noise":
            try Data((0..<900).map { UInt8(truncatingIfNeeded: $0 &* 31) }).write(
                to: URL(fileURLWithPath: "\(bench.folder)/m.safetensors"))
        case "text": try write("{}", "\(bench.folder)/m.safetensors")
        default: break
        }
        let sidecar = try bench.start("run.log")
        let hasGrown = try await bench.until {
            services.state.withLock { $0.replicas.values.allSatisfy { $0 >= 9 } }
        }
        #expect(hasGrown, "\(kind): \(bench.log("run.log").suffix(2_000))")
        #expect(try bench.events().first { $0.code == "ForecastModelRefused" }?.text.contains("newest rate") == true)
        let counts = try bench.decisions().map { $0.round.decision.replicas.reduce(0, +) }
        #expect(counts == counts.sorted(), "never fewer replicas")
        #expect(
            try bench.decisions().allSatisfy { $0.round.observation.forecastNote?.code == "ForecastModelRefused" })
        #expect(try bench.decisions().last?.round.observation.forecast != nil)
        #expect(try bench.decisions().last?.round.acting == .forecast)
        let count = try bench.events().count { $0.code == "ForecastModelRefused" }
        sidecar.signal(SIGHUP)
        #expect(
            try await bench.until { try bench.events().count { $0.code == "ForecastModelRefused" } == count + 1 })
        sidecar.signal(SIGTERM)
        #expect(await sidecar.wait() == 0)
        #expect(
            bench.log("run.log").components(separatedBy: "autoscaler: ForecastModelRefused").count == 2, "one warning")
    }
}
