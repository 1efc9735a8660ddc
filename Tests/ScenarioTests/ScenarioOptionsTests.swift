import Arrivals
import Engine
import Scenario
import Settings
import Testing

@Suite("Options over scenario files")
struct ScenarioOptionsTests {
    private func plan(_ text: String, _ change: (inout ScenarioOptions) -> Void) throws -> LoadPlan {
        var options = ScenarioOptions()
        change(&options)
        let node = try options.applied(to: SettingNode(yaml: text, name: "s.yaml"))
        return try ScenarioFile(node, Samples.surroundings()).plan
    }

    private func refusal(_ text: String, _ change: (inout ScenarioOptions) -> Void) -> String {
        do {
            _ = try plan(text, change)
            return "accepted"
        } catch { return "\(error)" }
    }

    private func profile(_ plan: LoadPlan) -> RateProfile? {
        guard case .arrivals(_, let profile) = plan.scenarios[0].executor else { return nil }
        return profile
    }

    private let several = """
        version: 1
        target: {address: 127.0.0.1:9880}
        instruments: {file: i.csv}
        scenarios:
          a: {stages: [{rate: 5, hold: 5s}]}
          b: {executor: constant-users, users: 3, duration: 4s}

        """

    @Test("A rate is held for the file's length, a length holds the file's highest rate, both replace the stages")
    func rates() throws {
        let text = Samples.fix("stages: [{rate: 10, over: 3s}, {rate: 30/s, hold: 500ms}, {pause: 1500ms}]")
        #expect(profile(try plan(text) { $0.rate = "60/min" }) == .constant(1, seconds: 5))
        #expect(profile(try plan(text) { $0.duration = "2s" }) == .constant(30, seconds: 2))
        let both = try plan(text) {
            $0.rate = "15000"
            $0.duration = "1m"
        }
        #expect(profile(both) == .constant(15_000, seconds: 60))
        let none = Samples.fix().replacing("stages: [{rate: 100, hold: 10s}]\n", with: "")
        #expect(profile(try plan(none) { $0.rate = "5" }) == .constant(5, seconds: 60))
        #expect(refusal(none) { $0.duration = "5s" } == "--duration needs --rate, or stages in the scenario")
    }

    @Test("Users, schedules, processes, mixes and recordings")
    func others() throws {
        let users = try plan(Samples.fix("think: 5ms").replacing("think", with: "seed").replacing("5ms", with: "3")) {
            $0.users = "50"
            $0.mix = "new=1,replace=3"
        }
        guard case .users(let profile, .none) = users.scenarios[0].executor else {
            Issue.record("no users")
            return
        }
        #expect(profile.users(at: 1) == 50 && profile.seconds == 10)
        #expect(users.mixes[0].items.map(\.item) == [.operation(0), .operation(2)])
        let line = try plan(Samples.fix()) { $0.schedule = "rate(10/s) even_arrivals(3s)" }
        guard case .arrivals(.even, let rates) = line.scenarios[0].executor else {
            Issue.record("not even")
            return
        }
        #expect(rates == .constant(10, seconds: 3))
        let even = try plan(Samples.fix()) { $0.arrivals = "even" }
        guard case .arrivals(.even, _) = even.scenarios[0].executor else {
            Issue.record("not even")
            return
        }
        let recorded = Samples.fix("arrivals: {process: replay-counts, counts: [1]}")
            .replacing("stages: [{rate: 100, hold: 10s}]\n", with: "")
        let replay = try plan(recorded) {
            $0.replay = "counts.csv"
            $0.duration = "2s"
        }
        guard case .arrivals(let process, let cut) = replay.scenarios[0].executor else { return }
        #expect(process.expected(over: cut) == 3)
    }

    @Test("Keys and thresholds win over the file, and are named in errors")
    func keys() throws {
        let plan = try plan(Samples.fix("seed: 1", "thresholds: [errors==0]")) {
            $0.set("seed", "--seed", 5)
            $0.set("target.connections", "--sessions", Int?.none)
            $0.set("time_scale", "--time-scale", 2)
            $0.thresholds = ["requests>=1", "p(99)<9s"]
        }
        #expect(plan.seed == 5 && plan.seconds == 5 && plan.thresholds.map(\.text) == ["requests>=1", "p(99)<9s"])
        #expect(
            refusal(Samples.fix()) { $0.set("target.timeout", "--timeout", "5") }
                == "--timeout must be a time such as 10s, 1.5m or 500ms")
        #expect(
            refusal(Samples.fix()) { $0.thresholds = ["p(99)<"] }
                == "--threshold: threshold \"p(99)<\", column 7: expected a number")
        #expect(
            refusal(Samples.fix()) { $0.set("instruments.file", "--instruments", "no.csv") }
                == "--instruments: no.csv: No such file or directory")
    }

    @Test("What an option cannot mean is refused")
    func refusals() {
        let only = several.split(separator: "\n").filter { !$0.hasPrefix("  a:") }.joined(separator: "\n")
        let cases: [(String, (inout ScenarioOptions) -> Void, String)] = [
            (several, { $0.rate = "5" }, "--rate needs a file with one scenario, this one has several: a, b"),
            (only, { $0.rate = "5" }, "--rate has no meaning for executor constant-users"),
            (only, { $0.arrivals = "even" }, "--arrivals has no meaning for executor constant-users"),
            (only, { $0.schedule = "rate(5)" }, "--schedule has no meaning for executor constant-users"),
            (only, { $0.users = "0" }, "--users must be a whole number in 1...100000"),
            (Samples.fix(), { $0.replay = "x" }, "--replay needs a file whose arrivals are replay or replay-counts"),
            (Samples.fix(), { $0.mix = "new" }, "--mix must be weights such as new=70,cancel=20,replace=10"),
            (Samples.fix(), { $0.mix = "new=1,new=2" }, "--mix must be weights such as new=70,cancel=20,replace=10"),
            (Samples.fix(), { $0.mix = "buy=1" }, "--mix: there is no operation buy; did you mean new?"),
            (Samples.fix(), { $0.mix = "new=-1" }, "--mix must be a number in 0...1000000000"),
            (Samples.fix(), { $0.rate = "-5" }, "--rate must be a rate such as 15000, 1000/s or 60/min"),
            (Samples.fix(), { $0.duration = "5" }, "--duration must be a time such as 10s, 1.5m or 500ms"),
            (Samples.fix(), { ($0.users, $0.rate) = ("5", "5") }, "--rate and --users are two models; choose one"),
            (
                Samples.fix(), { ($0.schedule, $0.rate) = ("rate(5)", "5") },
                "--rate and --schedule are two schedules; choose one"
            ),
        ]
        for (text, change, message) in cases { #expect(refusal(text, change) == message) }
    }

    @Test("A length shortens users who hold still")
    func durations() throws {
        let only = several.split(separator: "\n").filter { !$0.hasPrefix("  a:") }.joined(separator: "\n")
        #expect(try plan(only) { $0.duration = "2s" }.seconds == 2)
        #expect(try plan(only) { $0.users = "9" }.seconds == 4)
    }
}
