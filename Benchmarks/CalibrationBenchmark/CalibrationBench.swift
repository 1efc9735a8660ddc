import Foundation
import LocalStack

/// What went wrong, for people.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String
}

/// A service as the load generator meets it.
struct OwnService {
    var name: String
    /// Target, accounts and the like, as in a scenario file.
    var scenario: String
    /// Operations and their weights.
    var mix: String
    /// What starts the load generator.
    var generator: [String] = []
}

/// One load of a service, to be fitted or to be predicted.
struct Load {
    var replicas = 1
    /// Share of the knee of one replica, for each of them.
    var share: Double
    var isCheck: Bool

    /// Loads of so many replicas: shares to fit, and shares to predict.
    static func of(_ replicas: Int, fit: [Double], check: [Double]) -> [Load] {
        (fit.map { Load(replicas: replicas, share: $0, isCheck: false) }
            + check.map { Load(replicas: replicas, share: $0, isCheck: true) }).sorted { $0.share < $1.share }
    }
}

/// The servers, the services on them, and what is asked of both.
final class CalibrationBench {
    let stack: LocalStack
    let directory: String
    let seconds: Double
    let repeats: Int
    /// Services whose check failed.
    private(set) var missed: [String] = []
    /// Steps that were measured again.
    private(set) var repeated = 0
    private var seed = 1
    /// Orders of replicas so far.
    var orderings = 0

    private init(_ stack: LocalStack, seconds: Double, repeats: Int) throws {
        self.stack = stack
        self.seconds = seconds
        self.repeats = repeats
        directory = "\(stack.postgres.directory)/bench"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    /// Starts the servers and writes the sample market.
    static func start(seconds: Double, repeats: Int) async throws -> CalibrationBench {
        say("-- Redis Cluster, PostgreSQL and a sample market")
        let bench = try CalibrationBench(try LocalStack(), seconds: seconds, repeats: repeats)
        do {
            let connection = bench.stack.postgres.connection
            try bench.write(bench.configuration(), to: "node.yaml")
            try await bench.run("springtide", "migrate", "--config", bench.path("node.yaml"))
            try await SampleMarket.write(to: connection)
            try bench.write(SampleMarket.instrumentFile, to: "instruments.csv")
            return bench
        } catch {
            bench.stop()
            throw error
        }
    }

    /// Ends everything.
    func stop() { stack.stop() }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
    }

    // MARK: Services

    /// The node's configuration; `replicas` is the section of that name.
    func configuration(replicas: String = "{}") -> String {
        """
        postgres: {connection: "\(stack.postgres.connection)"}
        redis: {mode: cluster, addresses: [\(stack.redis.addresses.joined(separator: ", "))]}
        gateway: {fix: "127.0.0.1:0", http: "127.0.0.1:0", store: "\(directory)/fix-store"}
        market: {day: "\(SampleMarket.day)", schedule: continuous}
        risk: {preset: load}
        replicas: \(replicas)
        """
    }

    /// A program of ours that listens, and where; `prefix` is what starts it.
    func serve(_ name: String, _ arguments: [String], prefix: [String] = []) async throws -> (
        process: ChildProcess, ready: [String: Any]
    ) {
        let ready = path("\(name).json")
        try? FileManager.default.removeItem(atPath: ready)
        let process = try ChildProcess.start(
            prefix + [Self.program("springtide")] + arguments + ["--ready-file", ready], log: path("\(name).log"))
        for _ in 0..<6_000 where process.isRunning {
            if let data = FileManager.default.contents(atPath: ready),
                let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
            {
                return (process, object)
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        let log = (try? String(contentsOfFile: path("\(name).log"), encoding: .utf8)) ?? ""
        throw BenchFailure(description: "\(name) did not start:\n\(log.suffix(2_000))")
    }

    /// The port of an entry that is a number or ends in one.
    static func port(_ value: Any?) -> Int {
        (value as? Int) ?? (value as? String)?.split(separator: ":").last.flatMap { Int($0) } ?? 0
    }

    /// A program beside this one.
    static func program(_ name: String) -> String {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent(name).path
    }

    /// Runs a program of ours to its end; its output goes to a log.
    func run(_ name: String, _ arguments: String...) async throws {
        let log = path("\(name)-run.log")
        let code = await (try ChildProcess.start([Self.program(name)] + arguments, log: log)).wait()
        guard code == 0 else {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            throw BenchFailure(
                description: "\(name) \(arguments.first ?? "") ended with \(code):\n\(text.suffix(2_000))")
        }
    }

    // MARK: Steps

    /// One run of the load generator: its summary's file, nil where each attempt was disturbed.
    ///
    /// A run in which the generator was the limit, or a hypervisor withheld processors, says nothing of the service and
    /// is made again, twice at most.
    func step(
        _ name: String, of service: OwnService, _ target: [String], _ load: [String] = []
    ) async throws -> String? {
        let file = path("\(name).json")
        for _ in 0..<Self.attempts {
            seed += 1
            let arguments =
                service.generator + [Self.program("loadgen"), "run"] + target + load
                + ["--seed", "\(seed)", "--realtime", "--json", file]
            let log = path("loadgen.log")
            let code = await (try ChildProcess.start(arguments, log: log)).wait()
            switch code {
            case 0:
                let steal = try steal(file)
                if steal <= Self.stealMost { return file }
                repeated += 1
                say("-- \(name) is measured again, the hypervisor withheld \(Int(100 * steal)) % of the processors")
            case 120:
                let reasons = ((try summary(file)["generator"] as? [String: Any])?["limits"] as? [String] ?? [])
                    .joined(separator: ", ")
                repeated += 1
                say("-- \(name) is measured again, the generator was its limit: \(reasons)")
            default:
                let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
                throw BenchFailure(description: "loadgen ended with \(code):\n\(text.suffix(2_000))")
            }
        }
        return nil
    }

    private static let attempts = 3
    /// Share of the processors that the hypervisor may withhold; `autoscaler calibrate` leaves out steps above it.
    private static let stealMost = 0.05

    /// Share of the processors that the hypervisor withheld during a run.
    private func steal(_ file: String) throws -> Double {
        let samples = (try summary(file)["watch"] as? [String: Any])?["samples"] as? [[String: Any]] ?? []
        let shares = samples.compactMap { $0["machine_steal"] as? Double }
        return shares.isEmpty ? 0 : shares.reduce(0, +) / Double(shares.count)
    }

    private func summary(_ file: String) throws -> [String: Any] {
        guard let data = FileManager.default.contents(atPath: file),
            let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        else { throw BenchFailure(description: "\(file) is no summary") }
        return object
    }

    /// The greatest rate at which 95 of 100 answers take less than `limit`, the smaller of two searches of the load
    /// generator: one that meets a fast moment of the machine finds a rate that is beyond the knee in all others.
    func knee(_ service: OwnService, limit: String) async throws -> Double {
        let name = "\(service.name)-knee"
        try write(
            """
            \(service.scenario)
            scenarios:
              knee:
                executor: find-capacity
                rate: [100, 20000]
                until: "p(95)<\(limit) and errors<0.001"
                settle: 1s
                step: \(max(3, seconds))s
                tolerance: 8%
                attempts: 2
                steps_max: 24
                arrivals: poisson
                mix: \(service.mix)
            """, to: "\(name).yaml")
        var rates: [Double] = []
        for _ in 0..<2 {
            guard let file = try await step(name, of: service, ["--scenario", path("\(name).yaml")]) else {
                throw BenchFailure(description: "\(name): disturbed \(Self.attempts) times, see above")
            }
            guard let answers = try summary(file)["capacity"] as? [[String: Any]],
                let rate = answers.first?["rate"] as? Double
            else { throw BenchFailure(description: "no rate of \(service.name) has p95 below \(limit)") }
            rates.append(rate)
        }
        let rate = rates.min() ?? 0
        say(
            "-- knee: p95 stays below \(limit) up to \(Int(rate)) requests a second (searches: \(rates.map { Int($0) }))"
        )
        return rate
    }

    /// Measures the loads in turn, over and over; `prepare` sets the replicas. Hands back the arguments for `calibrate`.
    ///
    /// A repeat that was disturbed each time is left out; of every load at least half of the repeats count.
    func measure(
        _ service: OwnService, _ loads: [Load], knee: Double, prepare: (Int) async throws -> Void = { _ in }
    ) async throws -> [String] {
        try write(
            """
            \(service.scenario)
            arrivals: poisson
            stages: [{rate: 100, hold: 4s}]
            mix: \(service.mix)
            """, to: "\(service.name).yaml")
        let target = ["--scenario", path("\(service.name).yaml")]
        var files: (fitted: [String], checked: [String]) = ([], [])
        var missing = loads.map { _ in 0 }
        for round in 0..<repeats {
            for count in Set(loads.map(\.replicas)).sorted() {
                try await prepare(count)
                for (index, load) in loads.enumerated() where load.replicas == count {
                    let rate = (load.share * knee * Double(count)).rounded()
                    let name = "\(service.name)-\(index)-\(round)"
                    guard
                        let file = try await step(
                            name, of: service, target, ["--rate", "\(rate)", "--duration", "\(seconds)s"])
                    else {
                        missing[index] += 1
                        say("-- \(name) is left out, disturbed \(Self.attempts) times")
                        guard 2 * missing[index] <= repeats else {
                            throw BenchFailure(description: "\(rate)/s: disturbed in more than half of the repeats")
                        }
                        continue
                    }
                    let place = "\(service.name):\(count):\(file)"
                    if load.isCheck { files.checked.append(place) } else { files.fitted.append(place) }
                    if let times = try summary(file)["response"] as? [String: Any] {
                        say(
                            "\(load.isCheck ? "check" : "fit  ") \(count) x \(rate / Double(count)): \(Self.text(times))"
                        )
                    }
                }
            }
        }
        return ["--summary"] + files.fitted + ["--check"] + files.checked
    }

    private static func text(_ times: [String: Any]) -> String {
        ["mean", "p50", "p95", "p99"].map { name in
            "\(name) \(String(format: "%.2f", (times["\(name)_us"] as? Double ?? 0) / 1e3))"
        }.joined(separator: "  ") + " ms"
    }

    /// Calibrates as a user does, and says how the check ended.
    func calibrate(_ service: String, _ evidence: [String]) async throws {
        say("-- autoscaler calibrate: \(service)")
        let profile = path("\(service).yaml")
        let code = await
            (try ChildProcess.start(
                [Self.program("autoscaler"), "calibrate"] + evidence + ["--out", profile], log: nil
            )).wait()
        switch code {
        case 0: say("\(service): p95 within 15 % at every load that was not fitted\n")
        case 99:
            missed.append(service)
            say("\(service): p95 NOT within 15 % at every load that was not fitted\n")
        default: throw BenchFailure(description: "autoscaler calibrate ended with \(code)")
        }
    }
}

/// One line, at once: the programs that run in between print too.
func say(_ text: String) {
    print(text)
    fflush(nil)
}
