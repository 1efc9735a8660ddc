import Autoscaling
import Learning
import Testing

/// Training, models and what files of models must survive.
@Suite struct ScalingTrainingTests {
    /// A training of seconds.
    static func small(
        _ algorithm: ScalingTraining.Algorithm, seed: UInt64 = 1, form: ScalingForm = .shared, steps: Int = 8_192
    ) -> ScalingTraining {
        var training = ScalingTraining(.tradingChain)
        training.algorithm = algorithm
        training.seed = seed
        training.steps = steps
        training.judgedEvery = steps
        training.days = 2
        training.imitated = 4
        training.kinds = [.mild]
        training.validationKinds = [.mild]
        training.environment.form = form
        training.environment.isWhole = form == .single
        return training
    }

    static let ppo = Result { try small(.ppo, steps: 49_152).run().model }

    /// The last two hours of a mild test day, with an honest forecast.
    static func evening(_ kind: DayKind, seed: UInt64) throws -> (load: LoadTrace, options: SimulatorOptions) {
        #expect(DaySeeds.test.contains(seed))
        let load = try kind.days(peak: 15_000).load(seed: seed)
        var options = SimulatorOptions(seed: seed)
        options.forecaster = try kind.forecaster(peak: 15_000, days: 3)
        return (load.window(load.duration - 7_200..<load.duration), options)
    }

    /// Not on days with news, whose jumps nobody foresees: there a static peak costs less than what such a training makes.
    @Test("A short training beats random steps and a static peak on three traces") func beatsRandomAndStatic() throws {
        let model = try Self.ppo.get()
        let profile = ChainProfile.tradingChain
        for (kind, seed) in [(DayKind.mild, 1), (.china, 2), (.bursty, 3)] as [(DayKind, UInt64)] {
            let (load, options) = try Self.evening(kind, seed: seed)
            func cost(_ policy: any ScalingPolicy, shield: Bool) throws -> Double {
                try PolicyRun(policy, profile, load, options, shield: shield ? try Shield(profile) : nil).score.cost()
            }
            let learned = try cost(try LearnedPolicy(model, profile), shield: true)
            let random = try cost(RandomSteps(profile, seed: seed), shield: false)
            let still = try cost(try StaticPolicy(profile, peak: load.peak), shield: false)
            #expect(learned < random && learned < still, "\(kind): \(learned), random \(random), static \(still)")
        }
    }

    @Test(
        "The same seed gives the same bytes, another seed others",
        arguments: [(ScalingTraining.Algorithm.ppo, ScalingForm.shared), (.dqn, .shared), (.ppo, .single)])
    func deterministic(_ algorithm: ScalingTraining.Algorithm, _ form: ScalingForm) throws {
        func bytes(_ seed: UInt64) throws -> [UInt8] {
            try Self.small(algorithm, seed: seed, form: form, steps: 4_096).run().model.tensorFile.bytes
        }
        let first = try bytes(1)
        #expect(try bytes(1) == first)
        #expect(try bytes(2) != first)
    }

    @Test("Seeds of tests, forecasts, validation, calibration and training do not meet") func seeds() throws {
        for (index, one) in DaySeeds.all.enumerated() {
            for other in DaySeeds.all[(index + 1)...] { #expect(!one.overlaps(other)) }
        }
        let days = try EvaluationDays(.mild, peak: 15_000, count: 2)
        #expect(days.runs.map(\.seed).allSatisfy(DaySeeds.test.contains))
        var random = Xoshiro256StarStar(seed: 1)
        let training = try TrainingDays(kinds: [.mild], peak: 15_000, count: 2, seconds: 600)
        for episode in 0..<20 {
            let (load, _) = training.draw(.training(0), episode, &random)
            #expect(load.duration == 600)
            for run in days.runs { #expect(!Self.contains(run.load.rates, load.rates)) }
        }
    }

    /// Whether the rates of a part occur in a day: compared at the place of its first rate.
    static func contains(_ day: [Double], _ part: [Double]) -> Bool {
        day.indices.contains { $0 + part.count <= day.count && day[$0] == part[0] && day[$0 + 1] == part[1] }
    }

    @Test("A model goes through its file unchanged and decides the same") func file() throws {
        let model = try Self.ppo.get()
        let copy = try ScalingModel(try TensorFile(bytes: model.tensorFile.bytes))
        #expect(copy.tensorFile.bytes == model.tensorFile.bytes && copy.hash == model.hash && !model.hash.isEmpty)
        #expect(copy.training["algorithm"] == "ppo" && copy.training["seed"] == "1" && copy.services == nil)
        let profile = ChainProfile.tradingChain
        var first = try LearnedPolicy(model, profile)
        var second = try LearnedPolicy(copy, profile)
        let (load, options) = try Self.evening(.mild, seed: 4)
        var simulator = try ChainSimulator(profile, load, options)
        for _ in 0..<50 {
            let decision = try first.decide(simulator.observation)
            #expect(try second.decide(simulator.observation) == decision)
            for (service, decided) in zip(profile.services, decision.services) {
                #expect(service.bounds.contains(decided.replicas) && decided.reasons.first?.code == "Learned")
            }
            first.applied(decision, at: simulator.observation.time)
            second.applied(decision, at: simulator.observation.time)
            _ = simulator.step(decision)
        }
    }

    @Test("It decides once in the period it was trained with, and keeps what is in force between") func cadence() throws
    {
        let model = try Self.ppo.get()
        #expect(model.training["period"] == "10.0" && model.period == 10)
        let profile = ScalingStateTests.chain()
        var often = try LearnedPolicy(model, profile)
        var seldom = try LearnedPolicy(model, profile)
        for time in stride(from: 0.0, through: 120, by: 2) {
            let observation = ScalingStateTests.observation(time)
            let decision = try often.decide(observation)
            if time.truncatingRemainder(dividingBy: 10) == 0 {
                #expect(try seldom.decide(observation) == decision)
                #expect(!often.choices.isEmpty)
                seldom.applied(decision, at: time)
            } else {
                #expect(decision.replicas == observation.services.map(\.ordered))
                #expect(decision.services.allSatisfy { $0.reasons.map(\.code) == ["BetweenDecisions"] })
                #expect(often.choices.isEmpty)
            }
            often.applied(decision, at: time)
        }
        // A decision that could not be made is tried again at once.
        #expect(throws: PolicyFault.self) { try often.decide(ScalingStateTests.observation(130, age: 61)) }
        #expect(try often.decide(ScalingStateTests.observation(132)).services[0].reasons.first?.code == "Learned")
    }

    @Test("One network of form C serves chains of any size") func anySize() throws {
        let model = try Self.ppo.get()
        for count in [1, 3, 12] {
            var profile = ScalingStateTests.chain(services: count)
            profile.classes = ["order"]
            var policy = try LearnedPolicy(model, profile)
            for time in [0.0, 10, 20] {
                let decision = try policy.decide(ScalingStateTests.observation(time, services: count))
                #expect(decision.services.count == count)
                // Alike services get alike decisions.
                #expect(Set(decision.replicas).count == 1)
            }
        }
    }

    @Test("Damaged and foreign files are refused with a sentence") func corrupt() throws {
        let good = try Self.ppo.get().tensorFile
        func refusal(_ change: (inout TensorFile) -> Void) throws -> LearningError {
            var file = good
            change(&file)
            do throws(LearningError) { _ = try ScalingModel(file) } catch { return error }
            Issue.record("the file was accepted")
            return LearningError(.file, "")
        }
        #expect(try refusal { $0.metadata["scaling.format"] = nil }.message.contains("no scaling policy"))
        #expect(try refusal { $0.metadata["scaling.format"] = "springtide-scaling/9" }.message.contains("format"))
        #expect(try refusal { $0.metadata["scaling.features"] = "ready" }.code == .wrongShape)
        #expect(try refusal { $0.metadata["scaling.steps"] = "-1 0 1" }.code == .wrongShape)
        #expect(try refusal { $0.metadata["scaling.mask"] = "1 2 x" }.message.contains("mask"))
        #expect(try refusal { $0.metadata["scaling.form"] = "triple" }.message.contains("form"))
        #expect(try refusal { $0.metadata["training.seed"] = "7" }.message.contains("hash"))
        let name = try #require(good.tensors.keys.sorted().first { $0.hasSuffix("weight") })
        #expect(try refusal { $0.tensors[name] = nil }.message.contains("hash"))
        let bytes = good.bytes
        for cut in [0, 7, 100, bytes.count / 2, bytes.count - 1] {
            #expect(throws: LearningError.self) {
                try ScalingModel(try TensorFile(bytes: Array(bytes[..<cut])))
            }
        }
        for place in stride(from: 8, to: bytes.count, by: max(1, bytes.count / 97)) {
            var damaged = bytes
            damaged[place] ^= 0x10
            #expect(throws: LearningError.self, "byte \(place)") {
                try ScalingModel(try TensorFile(bytes: damaged))
            }
        }
    }

    @Test("A model of form A belongs to one number of services") func wrongShape() throws {
        let model = try Self.small(.ppo, form: .single, steps: 4_096).run().model
        #expect(model.services == 8)
        #expect(throws: PolicyFault.self) { try LearnedPolicy(model, ScalingStateTests.chain(services: 3)) }
        let profile = ChainProfile.tradingChain
        let (load, options) = try Self.evening(.mild, seed: 5)
        let run = try PolicyRun(try LearnedPolicy(model, profile), profile, load, options)
        #expect(run.faults == 0)
        // One service a decision, two replicas at most.
        for (a, b) in zip(run.records, run.records.dropFirst()) {
            let changes = zip(a.replicas, b.replicas).map { abs($0 - $1) }.filter { $0 > 0 }
            #expect(changes.count <= 1 && (changes.first ?? 0) <= 2)
        }
    }

    @Test("Old or missing metrics are a fault, not a decision") func missing() throws {
        var policy = try LearnedPolicy(try Self.ppo.get(), ScalingStateTests.chain())
        #expect(throws: PolicyFault.self) {
            try policy.decide(ScalingStateTests.observation(0, rate: nil, expected: nil))
        }
        _ = try policy.decide(ScalingStateTests.observation(10, age: 60))
        #expect(throws: PolicyFault.self) { try policy.decide(ScalingStateTests.observation(20, age: 61)) }
        #expect(throws: PolicyFault.self) { try policy.decide(ScalingStateTests.observation(30, age: .infinity)) }
        #expect(throws: PolicyFault.self) { try policy.decide(ScalingStateTests.observation(40, services: 2)) }
    }
}

/// Takes any of the seven steps with equal chance.
struct RandomSteps: ScalingPolicy {
    let name = "random"
    private let profile: ChainProfile
    private var random: Xoshiro256StarStar

    init(_ profile: ChainProfile, seed: UInt64) {
        self.profile = profile
        random = Xoshiro256StarStar(seed: seed)
    }

    mutating func decide(_ observation: Observation) throws(PolicyFault) -> Decision {
        var services: [ServiceDecision] = []
        for (service, seen) in zip(profile.services, observation.services) {
            let step = ReplicaAction.allCases[random.below(ReplicaAction.count)]
            let bounds = service.bounds
            services.append(
                ServiceDecision(
                    replicas: min(max(step.replicas(from: seen.ordered), bounds.lowerBound), bounds.upperBound)))
        }
        return Decision(services: services)
    }
}
