import Autoscaling
import Foundation
import TestData
import Testing

/// The simulator beside discrete-event simulation and theory.
@Suite struct ValidationTests {
    static func service(_ name: String, workers: Int, seconds: Double, variation: Double = 1, visits: [Double] = [1])
        -> ServiceProfile
    {
        ServiceProfile(
            name: name, bounds: 0...100, workers: workers, serviceTime: seconds, serviceVariation: variation,
            visits: visits, latencyBudget: 1, cache: .init(hitRatio: 0, warmup: 1, missFactor: 1))
    }

    /// The last period of a simulation with fixed replicas.
    static func settled(_ profile: ChainProfile, rate: Double, replicas: [Int], seconds: Int = 300) throws
        -> StepOutcome
    {
        var options = SimulatorOptions.exact()
        options.initialReplicas = replicas
        options.timeout = 600
        var simulator = try ChainSimulator(profile, .steady(rate: rate, seconds: seconds), options)
        let decision = Decision(services: replicas.map { ServiceDecision(replicas: $0) })
        var outcome = StepOutcome()
        while !simulator.isOver { outcome = simulator.step(decision) }
        return outcome
    }

    /// Responses of enough runs of 200,000 customers that the sampling error is well below the tolerance: at ρ = 0.9
    /// one run of an M/M/1 queue has a standard error of 4.7 % of its mean.
    static func reference(_ simulation: QueueSimulation, rho: Double, servers: Int = 2) -> [Double] {
        let runs = rho > 0.85 ? max(2, 12 / servers) : rho > 0.7 ? max(1, 4 / servers) : 1
        return (0..<runs).flatMap { simulation.run(customers: 200_000, seed: UInt64(1_000 + $0)).responses }
    }

    @Test("M/M/c: mean within 3 %, p95 within 8 %", arguments: [1, 2, 8], [0.3, 0.6, 0.8, 0.9])
    func singleStation(servers: Int, rho: Double) throws {
        let seconds = 0.01
        let rate = rho * Double(servers) / seconds
        let simulation = QueueSimulation(
            routes: [(1, [0])], stations: [.init(servers: servers, serviceTime: seconds)], rate: { _ in rate },
            rateMax: rate)
        let responses = Self.reference(simulation, rho: rho, servers: servers)
        let outcome = try Self.settled(
            ChainProfile(services: [Self.service("a", workers: servers, seconds: seconds)]), rate: rate, replicas: [1])
        let mean = QueueSimulation.Result.mean(responses)
        let p95 = QueueSimulation.Result.quantile(responses, 0.95)
        #expect(abs(outcome.mean / mean - 1) < 0.03, "mean \(outcome.mean), simulated \(mean)")
        #expect(abs(outcome.p95 / p95 - 1) < 0.08, "p95 \(outcome.p95), simulated \(p95)")
    }

    @Test("A tandem of three stations: mean within 3 %, p95 within 8 %", arguments: [0.3, 0.6, 0.8, 0.9])
    func tandem(rho: Double) throws {
        let times = [0.004, 0.01, 0.006]
        let workers = [2, 4, 3]
        let rate = rho * zip(times, workers).map { Double($1) / $0 }.min()!
        let simulation = QueueSimulation(
            routes: [(1, [0, 1, 2])],
            stations: zip(times, workers).map { .init(servers: $1, serviceTime: $0) }, rate: { _ in rate },
            rateMax: rate)
        let responses = Self.reference(simulation, rho: rho)
        let outcome = try Self.settled(
            ChainProfile(
                services: zip(times, workers).enumerated().map {
                    Self.service("s\($0)", workers: $1.1, seconds: $1.0)
                }), rate: rate, replicas: [1, 1, 1])
        let mean = QueueSimulation.Result.mean(responses)
        let p95 = QueueSimulation.Result.quantile(responses, 0.95)
        #expect(abs(outcome.mean / mean - 1) < 0.03, "mean \(outcome.mean), simulated \(mean)")
        #expect(abs(outcome.p95 / p95 - 1) < 0.08, "p95 \(outcome.p95), simulated \(p95)")
    }

    @Test("Classes that visit different services: mean within 3 %, p95 within 8 %")
    func classes() throws {
        let rate = 500.0
        let simulation = QueueSimulation(
            routes: [(0.5, [0, 1, 2]), (0.3, [0, 1]), (0.2, [0])],
            stations: [
                .init(servers: 4, serviceTime: 0.006), .init(servers: 4, serviceTime: 0.008),
                .init(servers: 4, serviceTime: 0.012),
            ], rate: { _ in rate }, rateMax: rate)
        let responses = Self.reference(simulation, rho: 0.8)
        let profile = ChainProfile(
            classes: ["order", "cancel", "query"], mix: [0.5, 0.3, 0.2],
            services: [
                Self.service("a", workers: 4, seconds: 0.006, visits: [1, 1, 1]),
                Self.service("b", workers: 4, seconds: 0.008, visits: [1, 1, 0]),
                Self.service("c", workers: 4, seconds: 0.012, visits: [1, 0, 0]),
            ])
        let outcome = try Self.settled(profile, rate: rate, replicas: [1, 1, 1])
        let mean = QueueSimulation.Result.mean(responses)
        #expect(abs(outcome.mean / mean - 1) < 0.03, "mean \(outcome.mean), simulated \(mean)")
        let p95 = QueueSimulation.Result.quantile(responses, 0.95)
        #expect(abs(outcome.p95 / p95 - 1) < 0.08, "p95 \(outcome.p95), simulated \(p95)")
        let p99 = QueueSimulation.Result.quantile(responses, 0.99)
        #expect(abs(outcome.p99 / p99 - 1) < 0.08, "p99 \(outcome.p99), simulated \(p99)")
        let late = Double(responses.count { $0 > profile.latencyTarget }) / Double(responses.count)
        #expect(abs(outcome.late / outcome.completed - late) < 0.01, "late \(late)")
    }

    @Test(
        "Other variations of service and arrivals: mean within 10 %, 15 % for bursts",
        arguments: [(0.0, 1.0), (0.5, 1.0), (2.0, 1.0), (1.0, 0.5), (1.0, 2.0), (2.0, 2.0)])
    func variations(service: Double, arrivals: Double) throws {
        let rate = 320.0
        let simulation = QueueSimulation(
            routes: [(1, [0])], stations: [.init(servers: 4, serviceTime: 0.01, variation: service)],
            rate: { _ in rate }, rateMax: rate, arrivalVariation: arrivals)
        let responses = (0..<4).flatMap { simulation.run(customers: 200_000, seed: UInt64(7 + $0)).responses }
        var profile = Self.service("a", workers: 4, seconds: 0.01, variation: service)
        profile.arrivalVariation = arrivals
        let outcome = try Self.settled(ChainProfile(services: [profile]), rate: rate, replicas: [1])
        let mean = QueueSimulation.Result.mean(responses)
        // Two moments do not determine the wait of a general arrival process: gamma gaps of variation 2 give 14 %.
        #expect(abs(outcome.mean / mean - 1) < (arrivals > 1 ? 0.15 : 0.10), "mean \(outcome.mean), simulated \(mean)")
    }

    @Test("A minute at 1.3 of capacity: backlog and drain time within 10 %")
    func transient() throws {
        let capacity = 400.0
        let load = LoadTrace.step(low: 0.6 * capacity, high: 1.3 * capacity, during: 60..<120, seconds: 240)
        let simulation = QueueSimulation(
            routes: [(1, [0])], stations: [.init(servers: 8, serviceTime: 0.02)],
            rate: { load.rates[min(239, Int($0))] }, rateMax: 1.3 * capacity)
        // Fluid: 0.3 · 400 · 60 = 7,200 wait, drained at 0.4 · 400 a second in 45 s.
        var drains: [Double] = []
        var peaks: [Double] = []
        for seed in 0..<10 {
            let present = simulation.run(customers: 10_000_000, until: 240, seed: UInt64(50 + seed)).inFirst
            peaks.append(Double(present[0..<240].max()! - 8))
            drains.append(Double((120..<240).first { present[$0] <= 8 }! - 120))
        }
        var options = SimulatorOptions.exact()
        options.initialReplicas = [1]
        options.timeout = 600
        options.controlPeriod = 1
        let profile = ChainProfile(services: [Self.service("a", workers: 8, seconds: 0.02)])
        var simulator = try ChainSimulator(profile, load, options)
        var queues: [Double] = []
        while !simulator.isOver {
            let outcome = simulator.step(Decision(services: [ServiceDecision(replicas: 1)]))
            queues.append(outcome.services[0].queue)
        }
        let drain = Double((120..<240).first { queues[$0] <= 0 }! - 119)
        let expected = QueueSimulation.Result.mean(drains)
        #expect(abs(drain / expected - 1) < 0.1, "drained in \(drain) s, simulated \(expected) s")
        let peak = QueueSimulation.Result.mean(peaks)
        #expect(abs(queues.max()! / peak - 1) < 0.1, "backlog \(queues.max()!), simulated \(peak)")
        #expect(abs(queues.max()! - 7_200) < 1)
        #expect(drain == 45)
    }

    @Test("Two stations at once: mean within 8 % of Nelson and Tantawi's", arguments: [0.3, 0.6, 0.8])
    func forkJoin(rho: Double) throws {
        // M/M/1 stations fed by the same arrivals are less than independent: (12 - ρ) / 8 of one's mean, not 1.5.
        var services = [Self.service("a", workers: 1, seconds: 0.01), Self.service("b", workers: 1, seconds: 0.01)]
        services[1].isParallel = true
        let outcome = try Self.settled(ChainProfile(services: services), rate: 100 * rho, replicas: [1, 1])
        let exact = 0.01 / (1 - rho) * (12 - rho) / 8
        #expect(abs(outcome.mean / exact - 1) < 0.08, "mean \(outcome.mean), exact \(exact)")
        // Independent exponentials: mean 1.5, variance 1.25.
        #expect(abs(outcome.mean / (0.015 / (1 - rho)) - 1) < 0.02)
    }
}
