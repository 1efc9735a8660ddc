import Autoscaling
import Foundation
import TestData
import Testing

@Suite struct CalibrationTests {
    /// Steps of a known service, by the model itself.
    static func steps(_ fit: ServiceFit, loads: [Double], replicas: [Int]) -> [StepMeasurement] {
        replicas.flatMap { count in
            loads.map { load in
                let rate = load * fit.capacity * Double(count) * fit.sharing.efficiency(replicas: count)
                let model = fit.predict(rate: rate, replicas: count)
                return StepMeasurement(
                    service: fit.service, replicas: count, rate: rate, mean: model.mean, p95: model.p95)
            }
        }
    }

    static func known(
        workers: Int, seconds: Double, variation: Double, sharing: ServiceProfile.Sharing = .init()
    ) -> ServiceFit {
        var profile = ServiceProfile(
            name: "risk", bounds: 1...10, workers: workers, serviceTime: seconds, serviceVariation: variation,
            latencyBudget: 1)
        profile.sharing = sharing
        return ServiceFit(profile)
    }

    @Test(
        "Steps of a known service give back its figures",
        arguments: [(1, 0.002, 1.0), (4, 0.002, 0.5), (8, 0.01, 1.5), (48, 0.02, 0.3)])
    func recovers(workers: Int, seconds: Double, variation: Double) throws {
        let truth = Self.known(workers: workers, seconds: seconds, variation: variation)
        let fit = try ServiceFit(Self.steps(truth, loads: [0.2, 0.4, 0.6, 0.7, 0.8, 0.9], replicas: [1, 2]))
        #expect(abs(Double(fit.workers) / Double(workers) - 1) < 0.13, "\(fit.workers) workers")
        #expect(abs(fit.serviceTime / seconds - 1) < 0.03, "\(fit.serviceTime) s")
        #expect(abs(fit.serviceVariation / variation - 1) < 0.05, "\(fit.serviceVariation)")
        #expect(abs(fit.capacity / truth.capacity - 1) < 0.03, "\(fit.capacity)")
        #expect(fit.meanError < 0.02 && fit.p95Error < 0.02)
    }

    @Test(
        "A service whose times without a queue are not its service times gives back both",
        arguments: [
            (4, 0.008, 1.0, 0.001, 0.5, 0.0), (4, 0.008, 1.0, 0.001, 0.5, 0.005), (2, 0.001, 0.8, 0.02, 0.3, 0.0),
        ])
    func unloaded(
        workers: Int, seconds: Double, variation: Double, mean: Double, spread: Double, pause: Double
    ) throws {
        var truth = Self.known(workers: workers, seconds: seconds, variation: variation)
        truth.unloaded = .init(mean: mean, variation: spread, pause: pause)
        let steps = Self.steps(truth, loads: [0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9], replicas: [1, 2])
        let fit = try ServiceFit(steps)
        #expect(abs(fit.capacity / truth.capacity - 1) < 0.05, "\(fit)")
        // Latency that takes no capacity may as well be that of many workers.
        if mean < seconds { #expect(abs((fit.unloaded?.mean ?? 0) / mean - 1) < 0.05, "\(fit)") }
        #expect(fit.meanError < 0.03 && fit.p95Error < 0.03, "\(fit)")
        // Loads in between and a third count of replicas.
        for step in Self.steps(truth, loads: [0.2, 0.5, 0.75], replicas: [1, 3]) {
            #expect(abs(fit.predict(rate: step.rate, replicas: step.replicas).p95 / step.p95 - 1) < 0.1, "\(step)")
        }
    }

    @Test("A plain queue keeps its plain form, also where measurements are 2 % off") func plain() throws {
        let truth = Self.known(workers: 4, seconds: 0.004, variation: 0.7)
        var random = SplitMix64(seed: 11)
        let steps = Self.steps(truth, loads: [0.2, 0.4, 0.6, 0.7, 0.8, 0.9], replicas: [1, 2]).map { step in
            var step = step
            step.mean *= 0.98 + 0.04 * Double(random.below(1_000)) / 1_000
            step.p95 *= 0.98 + 0.04 * Double(random.below(1_000)) / 1_000
            return step
        }
        let fit = try ServiceFit(steps)
        #expect(fit.unloaded == nil, "\(fit)")
        #expect(abs(fit.capacity / truth.capacity - 1) < 0.05)
    }

    @Test("Loads that never queue leave the workers open: measured rates bound the capacity, unless they are known")
    func idle() throws {
        let truth = Self.known(workers: 64, seconds: 0.004, variation: 0.7)
        let steps = Self.steps(truth, loads: [0.01, 0.02, 0.03, 0.04], replicas: [1])
        let fit = try ServiceFit(steps)
        #expect(fit.capacity <= 4.01 * fit.kneeRate && fit.capacity > fit.kneeRate, "\(fit)")
        #expect(fit.p95Error < 0.05, "\(fit)")
        let known = try ServiceFit(steps, workers: 64)
        #expect(abs(known.capacity / truth.capacity - 1) < 0.05 && known.reach < 0.05, "\(known)")
    }

    @Test("One stalled step does not bend the fit") func stalled() throws {
        let truth = Self.known(workers: 4, seconds: 0.004, variation: 0.7)
        var steps = Self.steps(truth, loads: [0.2, 0.4, 0.6, 0.7, 0.8, 0.9], replicas: [1, 2])
        steps[2].mean *= 3
        steps[2].p95 *= 5
        let fit = try ServiceFit(steps)
        #expect(abs(fit.capacity / truth.capacity - 1) < 0.1, "\(fit)")
    }

    @Test(
        "A replica on a quota, simulated period by period: p95 at other loads and replicas is within 15 %",
        arguments: [(0.0004, 0.25), (0.001, 0.5)])
    func quota(work: Double, share: Double) throws {
        // Capacity is quota over work; requests of one replica are served in turn, at full speed while there is quota.
        let capacity = share / work
        func measure(_ loads: [Double], _ seed: UInt64) -> [StepMeasurement] {
            loads.enumerated().map { index, load in
                QuotaSimulation(work: work, share: share).step(
                    rate: load * capacity, requests: 40_000, seed: seed + UInt64(index))
            }
        }
        let fit = try ServiceFit(measure([0.1, 0.25, 0.5, 0.7, 0.85], 1))
        #expect(fit.unloaded != nil, "a quota serves single requests faster than it can go on")
        #expect(abs(fit.capacity / capacity - 1) < 0.1, "\(fit.capacity) of \(capacity)")
        for step in measure([0.4, 0.6, 0.8], 50) {
            let model = fit.predict(rate: step.rate, replicas: 1)
            #expect(abs(model.p95 / step.p95 - 1) < 0.15, "\(step): \(model), \(fit)")
        }
    }

    @Test("Loads are checked one by one, repeats as one; what is over the knee is left out") func check()
        throws
    {
        let truth = Self.known(workers: 4, seconds: 0.004, variation: 0.7)
        let steps = Self.steps(truth, loads: [0.2, 0.4, 0.6, 0.8, 0.9], replicas: [1, 2])
        var evidence = ChainCalibration.Evidence()
        evidence.steps = steps
        let calibration = try ChainCalibration(evidence)
        var others = Self.steps(truth, loads: [0.5], replicas: [2])
        for factor in [1.02, 0.99] {
            var step = others[0]
            step.rate *= factor
            step.p95 *= factor == 1.02 ? 40 : 1
            step.p50 = step.mean
            others.append(step)
        }
        others[0].p50 = 2 * others[0].mean
        var over = others[0]
        over.answered = 0.5
        others += [over, Self.steps(truth, loads: [0.7], replicas: [1])[0]]
        let checks = try calibration.check(others)
        #expect(checks.map(\.repeats) == [1, 3] && checks.map(\.measured.replicas) == [1, 2])
        #expect(
            checks.allSatisfy { abs($0.p95Deviation) < 0.05 }, "one stalled step does not count: \(checks)")
        #expect(checks[1].measured.rate == others[0].rate)
        #expect(abs((checks[1].measured.p50 ?? 0) / (others[1].p50 ?? 1) - 1) < 1e-12)
        // Of twelve repeats the least and the largest are left out; the others count alike, half as fast and twice as fast.
        let many = ([0.01, 100] + Array(repeating: 0.5, count: 5) + Array(repeating: 2, count: 5)).map { factor in
            var step = others[0]
            step.p95 *= factor
            step.p50 = nil
            return step
        }
        let whole = try #require(try calibration.check(many.reversed()).first)
        #expect(whole.repeats == 12 && abs(whole.measured.p95 / others[0].p95 - 1) < 1e-9, "\(whole)")
        #expect(checks[0].measured.p50 == nil && checks[1].measured.p99 == nil)
        #expect(try calibration.check([]).isEmpty)
        var stranger = others[0]
        stranger.service = "ledger"
        #expect(throws: SimulationFault.self) { try calibration.check([stranger]) }
        #expect(throws: SimulationFault.self) { try calibration.check([over]) }
        stranger = others[0]
        stranger.p99 = stranger.p95 / 2
        #expect(throws: SimulationFault.self) { try calibration.check([stranger]) }
    }

    @Test("Replicas that share something give back what they lose") func sharing() throws {
        let truth = Self.known(
            workers: 4, seconds: 0.005, variation: 0.8, sharing: .init(contention: 0.05, coherence: 0.01))
        let fit = try ServiceFit(
            Self.steps(truth, loads: [0.3, 0.5, 0.7, 0.8, 0.9], replicas: [1, 2, 4, 8]), workers: 4)
        #expect(abs(fit.sharing.contention - 0.05) < 0.01, "\(fit.sharing)")
        #expect(abs(fit.sharing.coherence - 0.01) < 0.002, "\(fit.sharing)")
        #expect(abs(fit.capacity / truth.capacity - 1) < 0.05)
        #expect(fit.p95Error < 0.05)
    }

    @Test("Gunther's law from throughputs; noise does not make a loss negative") func scalability() throws {
        let law = try ScalabilityFit(
            [1, 2, 4, 8, 16].map { n in
                let x = Double(n)
                return (n, 1_000 * x / (1 + 0.03 * (x - 1) + 0.0005 * x * (x - 1)))
            })
        #expect(abs(law.single - 1_000) < 1e-6)
        #expect(abs(law.sharing.contention - 0.03) < 1e-9 && abs(law.sharing.coherence - 0.0005) < 1e-9)
        #expect(abs(law.peakReplicas - (0.97 / 0.0005).squareRoot()) < 1e-6)
        let better = try ScalabilityFit([(1, 100), (2, 202), (4, 408), (8, 810)])
        #expect(better.sharing == ServiceProfile.Sharing() && better.peakReplicas == .infinity)
        #expect(throws: SimulationFault.self) { try ScalabilityFit([(1, 100), (2, 200)]) }
        #expect(throws: SimulationFault.self) { try ScalabilityFit([(1, 100), (2, 200), (3, 0)]) }
    }

    /// Measured by discrete-event simulation: the stand-in for services of our own.
    static func measured(
        servers: Int, seconds: Double, variation: Double, rates: [Double], replicas: Int, seed: UInt64
    ) -> [StepMeasurement] {
        rates.enumerated().map { index, rate in
            let result = QueueSimulation(
                routes: [(1, [0])],
                stations: [.init(servers: servers * replicas, serviceTime: seconds, variation: variation)],
                rate: { _ in rate }, rateMax: rate
            ).run(customers: 60_000, seed: seed + UInt64(index))
            return StepMeasurement(
                service: "a", replicas: replicas, rate: rate, mean: QueueSimulation.Result.mean(result.responses),
                p95: QueueSimulation.Result.quantile(result.responses, 0.95))
        }
    }

    @Test(
        "Fitted to a simulated system, p95 at other loads and replicas is within 15 %",
        arguments: [(2, 0.004, 1.0), (4, 0.01, 0.4), (6, 0.003, 1.6)])
    func otherLoads(servers: Int, seconds: Double, variation: Double) throws {
        let capacity = Double(servers) / seconds
        func measure(_ loads: [Double], _ replicas: Int, _ seed: UInt64) -> [StepMeasurement] {
            Self.measured(
                servers: servers, seconds: seconds, variation: variation,
                rates: loads.map { $0 * capacity * Double(replicas) }, replicas: replicas, seed: seed)
        }
        let fit = try ServiceFit(
            measure([0.1, 0.3, 0.5, 0.7, 0.8, 0.9], 1, 10) + measure([0.3, 0.6, 0.8, 0.9], 2, 20))
        #expect(abs(fit.capacity / capacity - 1) < 0.06, "\(fit.capacity) of \(capacity)")
        for step in measure([0.2, 0.45, 0.65, 0.75, 0.85], 1, 100) + measure([0.5, 0.7, 0.85], 4, 200) {
            let model = fit.predict(rate: step.rate, replicas: step.replicas)
            #expect(abs(model.p95 / step.p95 - 1) < 0.15, "\(step): \(model)")
        }
    }

    @Test("Steps over the knee are left out; too few, mixed or unusable steps are told") func faults() throws {
        let truth = Self.known(workers: 2, seconds: 0.01, variation: 1)
        var steps = Self.steps(truth, loads: [0.2, 0.5, 0.7, 0.8], replicas: [1])
        steps.append(StepMeasurement(service: "risk", replicas: 1, rate: 300, mean: 3, p95: 5, answered: 0.66))
        steps.append(StepMeasurement(service: "risk", replicas: 1, rate: 199, mean: 0.4, p95: 1))
        let fit = try ServiceFit(steps)
        #expect(fit.steps == 4 && abs(fit.kneeRate - 160) < 1e-9 && fit.workers == 2)
        #expect(throws: SimulationFault.self) { try ServiceFit([]) }
        #expect(throws: SimulationFault.self) { try ServiceFit(Array(steps.prefix(2))) }
        #expect(throws: SimulationFault.self) { try ServiceFit(Array(steps.suffix(2))) }
        var mixed = steps
        mixed[1].service = "ledger"
        #expect(throws: SimulationFault.self) { try ServiceFit(mixed) }
        for edit: (inout StepMeasurement) -> Void in [
            { $0.replicas = 0 }, { $0.rate = 0 }, { $0.rate = .nan }, { $0.mean = -1 }, { $0.p95 = .infinity },
            { $0.answered = 1.2 },
        ] {
            var bad = steps
            edit(&bad[0])
            #expect(throws: SimulationFault.self) { try ServiceFit(bad) }
        }
    }

    @Test("Start-ups: range, failures, stragglers, files") func startups() throws {
        var random = SplitMix64(seed: 2)
        let times = (0..<400).map { _ in 5 + 25 * Double(random.below(1_000_000)) / 1e6 }
        let fit = try ServiceProfile.Startup(measured: times.map { $0 } + [nil, nil, 300])
        #expect(abs(fit.range.lowerBound - 5) < 0.7 && abs(fit.range.upperBound - 30) < 0.7, "\(fit)")
        #expect(abs(fit.failureShare - 2.0 / 403) < 1e-12)
        let few = try ServiceProfile.Startup(measured: [10, 14, 12])
        #expect(few.range == 8...16)
        #expect(try ServiceProfile.Startup(measured: [7]).range == 7...7)
        #expect(throws: SimulationFault.self) { try ServiceProfile.Startup(measured: [nil]) }
        #expect(throws: SimulationFault.self) { try ServiceProfile.Startup(measured: []) }
        let read = try ServiceProfile.Startup.read(
            "service,ordered,ready\nrisk,0,10\nledger,1,6\nrisk,100,114\nrisk,200,\nrisk,300,312\n", name: "s.csv")
        #expect(read.map(\.service) == ["risk", "ledger"])
        #expect(read[0].startup == ServiceProfile.Startup(range: 8...16, failureShare: 0.25))
        for text in ["service,ordered,ready\nrisk,10,9\n", "service,ordered,ready\nrisk,x,9\n", "service,ready\n", ""] {
            #expect(throws: SimulationFault.self) { try ServiceProfile.Startup.read(text, name: "s.csv") }
        }
    }

    @Test("Visit ratios come from counts") func visits() throws {
        let counts = try VisitCounts(
            """
            class,service,requests,visits
            order,risk,500,500
            order,ledger,500,750
            query,risk,300,30
            """, name: "v.csv")
        #expect(counts.classes == ["order", "query"] && counts.mix == [0.625, 0.375])
        #expect(counts.ratios(of: "risk") == [1, 0.1])
        #expect(counts.ratios(of: "ledger") == [1.5, 0])
        #expect(counts.ratios(of: "matching") == nil)
        for row in ["order,risk,0,1", "order,risk,10,-1", "order,risk,x,1"] {
            #expect(throws: SimulationFault.self) {
                try VisitCounts("class,service,requests,visits\n\(row)\n", name: "v.csv")
            }
        }
        #expect(throws: SimulationFault.self) {
            try VisitCounts("class,service,requests,visits\na,x,1,1\na,y,2,1\n", name: "v.csv")
        }
    }

    @Test("Steps are read from text in any order of columns and in three units") func files() throws {
        let text = "p95,mean,rate,service,replicas\n20,10,100,risk,2\r\n30, 12 ,150,risk,2\n"
        let steps = try StepMeasurement.read(text, name: "m.csv", times: .milliseconds)
        let more = try StepMeasurement.read("service,replicas,rate,mean,p95,p50,p99\na,1,9,2,4,1,\n", name: "m.csv")
        #expect(more[0].p50 == 1 && more[0].p99 == nil)
        #expect(steps.count == 2 && steps[1].rate == 150 && steps[1].replicas == 2)
        #expect(abs(steps[1].mean - 0.012) < 1e-15 && abs(steps[1].p95 - 0.03) < 1e-15 && steps[1].answered == 1)
        for (text, words) in [
            ("", "empty"), ("service,replicas,rate,mean\n", "no column 'p95'"),
            ("service,replicas,rate,mean,p95\n", "no steps"), ("service,replicas,rate,mean,p95\na,1,2,3\n", "line 2"),
            ("service,replicas,rate,mean,p95\na,x,2,3,4\n", "line 2"),
            ("service,replicas,rate,mean,p95\na,1,nan,3,4\n", "line 2"),
            ("service,replicas,rate,mean,p95\na,0,2,3,4\n", "replicas is 1...1000"),
            ("service,replicas,rate,mean,p95,p50\na,1,2,3,4,5\n", "p50 is more than 0 s and at most p95"),
            ("service,replicas,rate,mean,p95,p99\na,1,2,3,4,3\n", "p99 is at least p95"),
        ] {
            #expect {
                _ = try StepMeasurement.read(text, name: "m.csv")
            } throws: { "\($0)".contains(words) }
        }
    }
}
