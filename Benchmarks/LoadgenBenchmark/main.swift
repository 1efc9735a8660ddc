import Arrivals
import Engine
import Glibc
import Telemetry

// The generator against the cheapest target in the same process: what the generator itself costs.
//   LoadgenBenchmark [RATE [SECONDS [realtime]]]     default 15000 for 10 s
//   LoadgenBenchmark serve PORT SECONDS   only the target, for trying `loadgen run` by hand

let arguments = CommandLine.arguments

if arguments.count == 4, arguments[1] == "serve", let port = UInt16(arguments[2]), let seconds = UInt32(arguments[3]) {
    guard let acker = Acker(port: port) else {
        print("cannot listen on 127.0.0.1:\(port)")
        exit(1)
    }
    sleep(seconds)
    acker.stop()
    exit(0)
}

let rate = arguments.count > 1 ? Double(arguments[1]) ?? 15_000 : 15_000
let seconds = arguments.count > 2 ? Double(arguments[2]) ?? 10 : 10
let rows = (0..<2_000).map { "\(600_000 + $0),10000,10,9000,11000" }
let csv = ([InstrumentList.header] + rows).joined(separator: "\n")

func cost<T>(_ name: String, _ count: Int, _ body: () -> T) -> T {
    let start = ProcessMetrics.threadCPUSeconds()
    let value = body()
    let nanoseconds = (ProcessMetrics.threadCPUSeconds() - start) / Double(count) * 1e9
    print("\(name): \(Int(nanoseconds.rounded())) ns each")
    return value
}

let profile = RateProfile.constant(rate, seconds: seconds)
_ = cost("Poisson arrival", Int(profile.mass)) {
    ArrivalSchedule(.poisson, profile: profile, seed: 7).reduce(into: UInt64(0)) { $0 ^= $1 }
}
var histogram = HDRHistogram.latency()
cost("histogram record", 1_000_000) { for value in 0..<1_000_000 as Range<Int64> { histogram.record(value * 997) } }
cost("histogram percentile", 100) { for _ in 0..<100 { _ = histogram.value(atPercentile: 99) } }

do {
    let instruments = try InstrumentList(csv: csv, name: "benchmark")
    var workload = Workload(WorkloadConfiguration(), instruments: instruments, seed: 7)
    let total = cost("request drawn", 100_000) {
        (0..<100_000).reduce(Int64(0)) { sum, _ in sum + workload.next().price }
    }
    guard total > 0, let acker = Acker(), let target = Endpoint("127.0.0.1:\(acker.port)") else { exit(1) }
    var configuration = LoadConfiguration(target: target, profile: profile, seed: 7, instruments: instruments)
    configuration.sessions = 32
    configuration.wantsRealtime = arguments.contains("realtime")
    let result = try LoadEngine(configuration).run()
    acker.stop()
    func microseconds(_ histogram: HDRHistogram, _ percentile: Double) -> String {
        "\(histogram.value(atPercentile: percentile) / 1_000) us"
    }
    print(
        "\(Int(rate))/s Poisson for \(Int(seconds)) s\(result.isRealtime ? ", real-time" : ""): "
            + "sent \(result.sent), answered \(result.answered), ok \(result.count(.ok))")
    print(
        "generator CPU \((result.cpuRatio * 1_000).rounded() / 10) % of a core, "
            + "\((result.cpuRatio * result.wallSeconds / Double(max(result.sent, 1)) * 1e8).rounded() / 100) us a request, "
            + "run-queue wait \((result.runQueueWaitRatio * 1_000).rounded() / 10) %")
    print(
        "send lag p50 \(microseconds(result.lag, 50)), p99 \(microseconds(result.lag, 99)), "
            + "response p50 \(microseconds(result.response, 50)), p99 \(microseconds(result.response, 99)), "
            + "machine stall p99 \(microseconds(result.witness, 99))")
    for limit in result.generatorLimits() { print("generator-limited: \(limit)") }
} catch {
    print("benchmark failed: \(error)")
    exit(1)
}
