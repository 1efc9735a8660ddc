import Foundation
import LocalStack

/// What went wrong, for people.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String
}

/// One load of a service, to be fitted or to be predicted.
struct Load {
    var replicas = 1
    /// Share of the capacity of one replica, for each of them.
    var share: Double
    var isCheck: Bool
}

/// The servers, the services on them, and what is asked of both.
final class CalibrationBench {
    let stack: LocalStack
    let directory: String
    let seconds: Double
    let repeats: Int
    private var seed = 1

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

    /// A program of ours that listens, and where.
    func serve(_ name: String, _ arguments: [String]) async throws -> (process: ChildProcess, ready: [String: Any]) {
        let ready = path("\(name).json")
        try? FileManager.default.removeItem(atPath: ready)
        let process = try ChildProcess.start(
            [Self.program("springtide")] + arguments + ["--ready-file", ready], log: path("\(name).log"))
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

    /// One run of the load generator: its summary's file, nil where the generator itself was the limit.
    func step(_ name: String, _ target: [String], _ load: [String]) async throws -> String? {
        seed += 1
        let file = path("\(name).json")
        let arguments =
            [Self.program("loadgen"), "run"] + target + load
            + ["--seed", "\(seed)", "--realtime", "--json", file]
        let log = path("loadgen.log")
        let code = await (try ChildProcess.start(arguments, log: log)).wait()
        guard code == 0 || code == 120 else {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            throw BenchFailure(description: "loadgen ended with \(code):\n\(text.suffix(2_000))")
        }
        return code == 0 ? file : nil
    }

    /// Requests a second that as many users as keep the service busy get answered.
    func capacity(_ target: [String], users: Int) async throws -> Double {
        for attempt in 0..<3 {
            guard
                let file = try await step(
                    "capacity-\(attempt)", target, ["--users", "\(users)", "--duration", "\(seconds)s"]),
                let data = FileManager.default.contents(atPath: file),
                let object = try JSONSerialization.jsonObject(with: data) as? [String: Any],
                let rate = (object["totals"] as? [String: Any])?["answered_per_second"] as? Double
            else { continue }
            return rate
        }
        throw BenchFailure(description: "the load generator was the limit three times: the machine is too busy")
    }

    /// Measures the loads in turn, over and over; `prepare` sets the replicas. Hands back the arguments for `calibrate`.
    func measure(
        _ service: String, _ loads: [Load], capacity: Double, _ target: [String],
        prepare: (Int) async throws -> Void = { _ in }
    ) async throws -> [String] {
        var files: (fitted: [String], checked: [String]) = ([], [])
        var limited = 0
        for count in Set(loads.map(\.replicas)).sorted() {
            try await prepare(count)
            for round in 0..<repeats {
                for (index, load) in loads.enumerated() where load.replicas == count {
                    let rate = (load.share * capacity * Double(count)).rounded()
                    guard
                        let file = try await step(
                            "\(service)-\(index)-\(round)", target, ["--rate", "\(rate)", "--duration", "\(seconds)s"])
                    else {
                        limited += 1
                        continue
                    }
                    let place = "\(service):\(count):\(file)"
                    if load.isCheck { files.checked.append(place) } else { files.fitted.append(place) }
                }
            }
        }
        if limited > 0 { say("-- \(limited) steps were left out: the generator was their limit") }
        return ["--summary"] + files.fitted + ["--check"] + files.checked
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
        case 99: say("\(service): p95 NOT within 15 % at every load that was not fitted\n")
        default: throw BenchFailure(description: "autoscaler calibrate ended with \(code)")
        }
    }
}

/// One line, at once: the programs that run in between print too.
func say(_ text: String) {
    print(text)
    fflush(nil)
}
