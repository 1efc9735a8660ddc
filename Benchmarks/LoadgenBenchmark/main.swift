import Arrivals
import Engine
import Glibc
import MallocCount
import Telemetry

// The generator against the cheapest target in the same process: what the generator itself costs.
//   LoadgenBenchmark [RATE [SECONDS [even] [realtime] [coalesce]]]   default 15000 for 10 s, Poisson, over 32 FIX
//       sessions; `coalesce` with at least 300 us between turns. Then bare sockets with the same arrivals.
//   LoadgenBenchmark parts                only the costs of single steps, and runs without a socket
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

/// What an arrival costs under each process.
func costOfArrivals(_ profile: RateProfile) throws {
    let processes: [ArrivalProcess] = [
        .poisson, .poissonExact(count: nil), .even,
        .mmpp(try MarkovStates(rates: [5_000, 40_000], dwellSeconds: [0.1, 0.02])),
        .hawkes(try SelfExcitation(branching: 0.8, decay: 200)),
        .renewal(try GapDistribution(.pareto, shape: 2.5)), .renewal(try GapDistribution(.lognormal, shape: 1)),
        .renewal(try GapDistribution(.weibull, shape: 0.5)), .renewal(try GapDistribution(.gamma, shape: 4)),
    ]
    for process in processes {
        _ = cost("arrival, \(process.name)", Int(profile.mass)) {
            ArrivalSchedule(process, profile: profile, seed: 7).reduce(into: UInt64(0)) { $0 ^= $1 }
        }
    }
}

let profile = RateProfile.constant(rate, seconds: seconds)
var histogram = HDRHistogram.latency()
cost("histogram record", 1_000_000) { for value in 0..<1_000_000 as Range<Int64> { histogram.record(value * 997) } }
cost("histogram percentile", 100) { for _ in 0..<100 { _ = histogram.value(atPercentile: 99) } }

/// Ten thousand users without a socket: what a closed request costs, in simulated time.
func closedUsers() throws -> (requests: Int, nanoseconds: Double) {
    let endpoint = Endpoint("127.0.0.1:1")
    guard let endpoint else { return (0, 0) }
    InProcessTarget.register("5ms") { _ in InProcessReply(after: 5_000_000) }
    var plan = LoadPlan(name: "users", seed: 7, target: TargetPlan(.inProcess("5ms"), at: endpoint))
    plan.operations = [OperationPlan(name: "call", request: .call)]
    plan.mixes = [MixPlan(name: "mix", items: [(.operation(0), 1)])]
    let users = UserProfile([.init(users: 10_000, seconds: 10), .init(users: 10_000, seconds: 50)])
    plan.scenarios = [ScenarioPlan(name: "users", mix: 0, executor: .users(users, .exponential(mean: 0.662)))]
    let start = ProcessMetrics.threadCPUSeconds()
    let result = try LoadEngine(plan, clock: .simulated(SimulatedClock())).run()
    return (result.total, (ProcessMetrics.threadCPUSeconds() - start) / Double(max(result.total, 1)) * 1e9)
}

do {
    try costOfArrivals(profile)
    let instruments = try InstrumentList(csv: csv, name: "benchmark")
    let workload = Workload(WorkloadConfiguration(), instruments: instruments, seed: 7)
    let total = cost("order drawn", 100_000) {
        (0..<100_000 as Range<UInt64>).reduce(Int64(0)) { $0 + workload.draw($1).price }
    }
    let closed = try closedUsers()
    print("10,000 users, 60 s in simulated time: \(closed.requests) requests, \(Int(closed.nanoseconds)) ns each")
    if arguments.contains("parts") { exit(0) }
    guard total > 0, let acker = Acker(), let target = Endpoint("127.0.0.1:\(acker.port)") else { exit(1) }
    let isEven = arguments.contains("even")
    var plan = LoadPlan(name: "benchmark", seed: 7, target: TargetPlan(.fix(FIXTarget()), at: target))
    plan.target.connections = 32
    plan.pacing.wantsRealtime = arguments.contains("realtime")
    if arguments.contains("coalesce") { plan.pacing.coalescingNanoseconds = 300_000 }
    plan.orders = OrderDrawing(instruments: instruments)
    plan.operations = [
        OperationPlan(name: "order.new", request: .newOrder), OperationPlan(name: "order.cancel", request: .cancel),
        OperationPlan(name: "order.replace", request: .replace),
    ]
    plan.mixes = [MixPlan(name: "mix", items: [(.operation(0), 70), (.operation(1), 20), (.operation(2), 10)])]
    plan.scenarios = [ScenarioPlan(name: "steady", mix: 0, executor: .arrivals(isEven ? .even : .poisson, profile))]
    let allocated = malloc_count()
    let result = try LoadEngine(plan).run()
    let allocations = Double(malloc_count() - allocated)
    acker.stop()
    func microseconds(_ histogram: HDRHistogram, _ percentile: Double) -> String {
        "\(histogram.value(atPercentile: percentile) / 1_000) us"
    }
    print(
        "\(Int(rate))/s \(isEven ? "even" : "Poisson") for \(Int(seconds)) s\(result.isRealtime ? ", real-time" : ""): "
            + "offered \(result.offered), sent \(result.sent), answered \(result.answered), ok \(result.count(.ok))")
    print(
        "generator CPU \((result.cpuRatio * 1_000).rounded() / 10) % of a core, "
            + "\((result.cpuRatio * result.wallSeconds / Double(max(result.sent, 1)) * 1e8).rounded() / 100) us a request, "
            + "run-queue wait \((result.runQueueWaitRatio * 1_000).rounded() / 10) %")
    print(
        "send lag p50 \(microseconds(result.lag, 50)), p99 \(microseconds(result.lag, 99)), "
            + "response p50 \(microseconds(result.response, 50)), p99 \(microseconds(result.response, 99)), "
            + "machine stall p99 \(microseconds(result.witness, 99)), dispersion of sends "
            + result.sendDispersion.map { $0.map { "\(($0 * 100).rounded() / 100)" } ?? "-" }.joined(separator: " / "))
    print(
        "allocations of the generator's thread: \((allocations / Double(max(result.sent, 1)) * 1_000).rounded() / 1_000) a request"
    )
    Floor.measure(profile, seconds: seconds)
    for limit in result.generatorLimits(plan) { print("generator-limited: \(limit)") }
} catch {
    print("benchmark failed: \(error)")
    exit(1)
}
