import Arrivals
import Engine
import Testing

/// Feeders as a run uses them: the values that arrive at the target.
@Suite("Feeders")
struct FeederTests {
    /// Values of field `a` in the order of the calls, one call an iteration.
    private func values(
        _ kind: FeederPlan.Kind, count: Int, column: Int? = nil, seed: UInt64 = 7
    ) throws -> [String] {
        var plan = try Samples.callPlan("feeder \(seed)", seed: seed)
        plan.feeders = [FeederPlan(name: "f", kind: kind)]
        plan.mixes[0].bindings = [
            [BindingPlan(field: "a", source: column.map { .column(feeder: 0, column: $0) } ?? .feeder(0))]
        ]
        plan.scenarios = [
            ScenarioPlan(
                name: "s", mix: 0, executor: .arrivals(.even, .constant(10_000, seconds: Double(count + 1) / 10_000)))
        ]
        let calls = KeptCalls()
        _ = try Samples.simulate(plan) { call in
            calls.add(call)
            return InProcessReply(after: 1_000)
        }
        return Array(calls.all.compactMap { $0.arguments["a"] }.prefix(count))
    }

    @Test("Zipf ranks occur as often as the law says; shuffled, the popular keys are spread")
    func zipf() throws {
        let plain = try values(
            .zipf(size: 50, exponent: 1, prefix: "S", firstNumber: 100, isShuffled: false), count: 20_000)
        let law = ZipfDistribution(count: 50, exponent: 1)
        for rank in [0, 1, 10, 49] {
            let share = law.probability(of: rank)
            let count = Double(plain.count { $0 == "S\(100 + rank)" })
            #expect(abs(count - 20_000 * share) < 4.5 * (20_000 * share * (1 - share)).squareRoot(), "rank \(rank)")
        }
        let shuffled = try values(
            .zipf(size: 50, exponent: 1, prefix: "S", firstNumber: 100, isShuffled: true), count: 20_000)
        let keys = Permutation(count: 50, seed: 7, stream: "feeder.keys/f")
        #expect(shuffled.count { $0 == "S\(100 + keys[0])" } == plain.count { $0 == "S100" })
        #expect(Set(shuffled) == Set(plain))
    }

    @Test("Uniform and lognormal values keep their bounds and multiples")
    func numbers() throws {
        let uniform = try values(.uniform(-3...3, prefix: ""), count: 7_000).compactMap { Int($0) }
        #expect(uniform.count == 7_000 && Set(uniform) == Set(-3...3))
        for value in -3...3 { #expect(abs(uniform.count { $0 == value } - 1_000) < 4 * 30) }
        let lots = try values(.lognormal(mu: 5.3, sigma: 1.1, roundTo: 100, min: 100, max: 5_000), count: 10_000)
            .compactMap { Int($0) }
        #expect(lots.count == 10_000 && lots.allSatisfy { $0 % 100 == 0 && (100...5_000).contains($0) })
        // P(X <= 200) with X lognormal: z = (ln 200 - 5.3) / 1.1 = -0.00151, half of them.
        #expect(abs(Double(lots.count { $0 <= 200 }) - 4_994) < 4 * 50)
    }

    @Test("CSV rows: in order and again, in random order each once a round, or uniform")
    func rows() throws {
        let rows = (0..<37).map { ["r\($0)", "x\($0)"] }
        let sequential = try values(.csv(columns: ["r", "x"], rows: rows, order: .sequential), count: 80, column: 1)
        #expect(sequential == (0..<80).map { "x\($0 % 37)" })
        let shuffled = try values(.csv(columns: ["r", "x"], rows: rows, order: .shuffled), count: 111, column: 0)
        let rounds = (0..<3).map { Array(shuffled[$0 * 37..<($0 + 1) * 37]) }
        for round in rounds { #expect(Set(round) == Set(rows.map { $0[0] }) && round != rows.map { $0[0] }) }
        #expect(rounds[0] != rounds[1] && rounds[1] != rounds[2])
        let random = try values(.csv(columns: ["r", "x"], rows: rows, order: .random), count: 3_700)
        #expect(Set(random).count == 37 && rows.allSatisfy { row in abs(random.count { $0 == row[0] } - 100) < 45 })
        let single = try values(.csv(columns: ["r"], rows: [["only"]], order: .shuffled), count: 3)
        #expect(single == ["only", "only", "only"])
    }
}
