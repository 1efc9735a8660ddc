import Arrivals
import Engine
import Glibc
import Synchronization
import Testing

enum Samples {
    /// A file of `count` instruments at 10 yuan with a 10 % band.
    static func instruments(_ count: Int) -> String {
        ([InstrumentList.header] + (0..<count).map { "\(600_000 + $0),10000,10,9000,11000" }).joined(separator: "\n")
    }

    /// Operations order.new, order.cancel and order.replace at 70, 20 and 10 against an acceptor on loopback; no scenario.
    static func orderPlan(port: UInt16, seed: UInt64 = 7) throws -> LoadPlan {
        let endpoint = try #require(Endpoint("127.0.0.1:\(port)"))
        var plan = LoadPlan(name: "orders", seed: seed, target: TargetPlan(.fix(FIXTarget()), at: endpoint))
        plan.target.connections = 4
        plan.target.timeoutNanoseconds = 5_000_000_000
        plan.orders = OrderDrawing(instruments: try InstrumentList(csv: instruments(20), name: "test.csv"))
        plan.orders?.workload.accountCount = 100
        plan.operations = [
            OperationPlan(name: "order.new", request: .newOrder), OperationPlan(name: "order.cancel", request: .cancel),
            OperationPlan(name: "order.replace", request: .replace),
        ]
        plan.mixes = [MixPlan(name: "mix", items: [(.operation(0), 70), (.operation(1), 20), (.operation(2), 10)])]
        return plan
    }

    /// Operations call and other against a function of this process; no scenario.
    static func callPlan(_ function: String, seed: UInt64 = 7) throws -> LoadPlan {
        let endpoint = try #require(Endpoint("127.0.0.1:1"))
        var plan = LoadPlan(name: "calls", seed: seed, target: TargetPlan(.inProcess(function), at: endpoint))
        let fields = ["a", "b", "id"].map { FieldPlan(name: $0) }
        plan.operations = [
            OperationPlan(name: "call", request: .call, fields: fields),
            OperationPlan(name: "other", request: .call, fields: fields),
        ]
        plan.mixes = [MixPlan(name: "mix", items: [(.operation(0), 1)])]
        return plan
    }

    /// Runs a plan against `function` in simulated time.
    static func simulate(
        _ plan: LoadPlan, samples: (any SampleSink)? = nil, stop: StopFlag = StopFlag(),
        onProgress: @escaping (LoadProgress) -> Void = { _ in },
        _ function: @escaping InProcessTarget.Function
    ) throws -> RunResult {
        guard case .inProcess(let name) = plan.target.transport else { throw LoadError(.configuration, "no function") }
        InProcessTarget.register(name, function)
        defer { InProcessTarget.remove(name) }
        let engine = try LoadEngine(
            plan, clock: .simulated(SimulatedClock()), stop: stop, samples: samples, onProgress: onProgress)
        return try engine.run()
    }

    static func text(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[..<count]
        }
    }
}

/// Keeps every finished request.
final class KeptSamples: SampleSink {
    var all: [RequestSample] = []
    func finished(_ sample: RequestSample) { all.append(sample) }
}

/// Keeps the calls of a function in process.
final class KeptCalls: Sendable {
    private let calls = Mutex<[InProcessCall]>([])
    func add(_ call: InProcessCall) { calls.withLock { $0.append(call) } }
    var all: [InProcessCall] { calls.withLock { $0 } }
    /// Operation and arguments of each call, in alphabetical order: what was sent, without when.
    var sorted: [String] {
        all.map { call in
            call.operation + " "
                + call.arguments.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                .joined(separator: " ")
        }.sorted()
    }
}
