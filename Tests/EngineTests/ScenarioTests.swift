import Testing
import loadgen

@Suite("Scenario files")
struct ScenarioTests {
    private let good = """
        version: 1
        name: x
        seed: 9
        target: {address: 127.0.0.1:9880, sessions: 8}
        stages:
          - {rate: 100, over: 10s}
          - {rate: 100, hold: 1.5m}
        thresholds: [p(99)<50ms]

        """

    @Test("Values, stages and thresholds are read")
    func reads() throws {
        let scenario = try Scenario(text: good, name: "s.yaml")
        #expect(scenario.values["target.sessions"] == "8" && scenario.values["seed"] == "9")
        #expect(scenario.stages.map(\.rate) == [100, 100] && scenario.stages.map(\.seconds) == [10, 90])
        #expect(scenario.stages.map(\.isRamp) == [true, false])
        #expect(scenario.thresholds == ["p(99)<50ms"])
    }

    @Test(
        "Errors name file, line, column and the nearest key",
        arguments: [
            ("sed: 1\n", "s.yaml:9:1: unknown key \"sed\"; did you mean \"seed\"?"),
            ("mix: {new: 1, cancle: 2}\n", "s.yaml:9:15: unknown key \"cancle\"; did you mean \"cancel\"?"),
            ("accounts: 5\n", "s.yaml:9:11: \"accounts\" is a mapping"),
            ("arrivals: [poisson]\n", "s.yaml:9:11: \"arrivals\" is a single value"),
            ("orders: {marketable: {x: 1}}\n", "s.yaml:9:22: \"marketable\" is a single value"),
            ("outputs: {html: a.html, htm: b}\n", "s.yaml:9:25: unknown key \"htm\"; did you mean \"html\"?"),
        ])
    func errors(line: String, message: String) {
        let error = #expect(throws: ScenarioError.self) { try Scenario(text: good + line, name: "s.yaml") }
        #expect(error?.description == message)
    }

    @Test(
        "Broken stages are refused at their place",
        arguments: [
            ("{rate: 5}", "s.yaml:3:5: a stage has either"), ("{rate: 5, hold: 1s, over: 1s}", "a stage has either"),
            ("{hold: 1s}", "\"rate\" is a number"), ("{rate: -1, hold: 1s}", "s.yaml:3:12: \"rate\""),
            ("{rate: 5, hold: 10}", "s.yaml:3:21: a time"), ("{rate: 5, hlod: 1s}", "did you mean \"hold\"?"),
            ("7", "a stage is"),
        ])
    func stages(stage: String, message: String) {
        let text = "version: 1\nstages:\n  - \(stage)\n"
        let error = #expect(throws: ScenarioError.self) { try Scenario(text: text, name: "s.yaml") }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test(
        "What is no scenario at all is refused",
        arguments: ["", "- a\n", "a: [\n", "name: x\n", "version: 2\n", "a: 1\na: 2\n"])
    func noScenario(text: String) {
        let error = #expect(throws: ScenarioError.self) { try Scenario(text: text, name: "s.yaml") }
        #expect(error?.description.hasPrefix("s.yaml") == true)
    }

    @Test(
        "Times need a unit",
        arguments: [
            ("60s", 60), ("1.5m", 90), ("500ms", 0.5), ("1h", 3_600), ("60", nil), ("", nil), ("s", nil), ("-1s", nil),
            ("1e3s", nil), ("2000000s", nil),
        ] as [(String, Double?)])
    func times(text: String, seconds: Double?) {
        #expect(TimeText.seconds(text) == seconds)
    }
}
