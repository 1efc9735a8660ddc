import Arrivals
import Testing

@Suite("Schedules as text")
struct ScheduleTextTests {
    private func refuse(_ column: Int?, _ word: String, _ body: () throws -> Void) {
        do {
            try body()
            Issue.record("accepted what should say \(word)")
        } catch {
            #expect("\(error)".contains(word), "\(error)")
            #expect((error as? ArrivalError)?.column == column, "\(error)")
        }
    }

    @Test("The line of JMeter's manual is a ramp of Poisson arrivals")
    func line() throws {
        let line = try ScheduleLine("rate(1000/s) random_arrivals(15m) rate(10000/s)")
        #expect(line.process == .poisson)
        #expect(line.profile == RateProfile([.init(from: 1_000, to: 10_000, seconds: 900)]))
        #expect(line.profile.mass == 4_950_000)
    }

    @Test("Units, comments, holds, steps and pauses")
    func steps() throws {
        let line = try ScheduleLine(
            """
            rate(60/min) // one a second
            even_arrivals(1h 30m) /* holds */ even_arrivals(10 sec)
            rate(7200 / hour) pause(2s) even_arrivals(500ms) rate(2/ms)
            """)
        #expect(line.process == .even)
        let expected: [RateProfile.Segment] = [
            .init(from: 1, to: 1, seconds: 5_400), .init(from: 1, to: 2, seconds: 10),
            .init(from: 0, to: 0, seconds: 2),
            .init(from: 2, to: 2_000, seconds: 0.5),
        ]
        #expect(line.profile == RateProfile(expected))
        let stepped = try ScheduleLine("rate(1) random_arrivals(1s) rate(5) rate(9) random_arrivals(1s)")
        #expect(stepped.profile.segments.map(\.start) == [1, 9] && stepped.profile.segments.map(\.end) == [5, 9])
    }

    @Test("Random and even stretches in one line are merged streams")
    func mixed() throws {
        let line = try ScheduleLine("rate(100) random_arrivals(2s) even_arrivals(1s) pause(1s) random_arrivals(1s)")
        let times = Array(ArrivalSchedule(line.process, profile: line.profile, seed: 3))
        let even = times.filter { $0 > 2_000_000_000 && $0 <= 3_000_000_000 }
        #expect(even.prefix(3) == [2_010_000_000, 2_020_000_000, 2_030_000_000])
        #expect(times.allSatisfy { $0 <= 3_000_000_000 || $0 >= 4_000_000_000 })
        #expect(abs(Double(times.count) - 400) < 4 * 300.0.squareRoot())
        #expect(line.process.expected(over: line.profile) <= 400)
    }

    @Test("Errors of a line have their column")
    func lineErrors() {
        refuse(1, "no arrivals") { _ = try ScheduleLine("") }
        refuse(10, "no arrivals") { _ = try ScheduleLine("rate(5/s)") }
        refuse(1, "no rate is set") { _ = try ScheduleLine("random_arrivals(5s)") }
        refuse(11, "\"burst\"") { _ = try ScheduleLine("rate(5/s) burst(3)") }
        refuse(6, "a rate expected") { _ = try ScheduleLine("rate(x)") }
        refuse(8, "unit of time") { _ = try ScheduleLine("rate(5/parsec)") }
        refuse(9, "\")\" expected") { _ = try ScheduleLine("rate(5/s") }
        refuse(6, "\"(\" expected") { _ = try ScheduleLine("rate 5") }
        refuse(26, "unit of time") { _ = try ScheduleLine("rate(5) random_arrivals(5)") }
        refuse(9, "no end") { _ = try ScheduleLine("rate(5) /* oh") }
        refuse(6, "a rate expected") { _ = try ScheduleLine("rate(-5)") }
        refuse(1, "1e9") { _ = try ScheduleLine("rate(1000000001)") }
        refuse(9, "1e9 s") { _ = try ScheduleLine("rate(1) random_arrivals(1000000001s)") }
        let long = String(repeating: "rate(1) ", count: ScheduleLine.stepsMax + 1)
        refuse(nil, "10000 steps") { _ = try ScheduleLine(long) }
    }

    @Test("Stages hold and ramp")
    func stages() throws {
        let profile = try RateProfile(stages: ">100:10s, 15000:1m,>45000:2s,900/m:1h")
        let expected: [RateProfile.Segment] = [
            .init(from: 0, to: 100, seconds: 10), .init(from: 15_000, to: 15_000, seconds: 60),
            .init(from: 15_000, to: 45_000, seconds: 2), .init(from: 15, to: 15, seconds: 3_600),
        ]
        #expect(profile == RateProfile(expected))
        refuse(1, "a rate expected") { _ = try RateProfile(stages: "") }
        refuse(4, "\":\" expected") { _ = try RateProfile(stages: "100") }
        refuse(5, "a length of time") { _ = try RateProfile(stages: "100:") }
        refuse(1, "more than 0 s") { _ = try RateProfile(stages: "100:0s") }
        refuse(8, "a rate expected") { _ = try RateProfile(stages: "100:1s,") }
        refuse(7, "\",\" or the end") { _ = try RateProfile(stages: "100:1s;5:1s") }
    }

    @Test("Processes by name, with their parameters and defaults")
    func settings() throws {
        func process(_ name: String, _ values: [String: String] = [:], _ text: String? = nil) throws -> ArrivalProcess {
            try ArrivalSettings(process: name, values: values).arrivalProcess(recording: text)
        }
        #expect(try process("poisson") == .poisson && process("even") == .even && process("sine") == .poisson)
        #expect(try process("poisson-exact", ["count": "12"]) == .poissonExact(count: 12))
        #expect(try process("hawkes") == .hawkes(SelfExcitation(branching: 0.7, decay: 200)))
        #expect(
            try process("hawkes", ["branching": "0.5", "decay": "3000/m"])
                == .hawkes(SelfExcitation(branching: 0.5, decay: 50)))
        #expect(
            try process("mmpp", ["rates": "5000, 40000", "dwell": "1s,200ms"])
                == .mmpp(MarkovStates(rates: [5_000, 40_000], dwellSeconds: [1, 0.2])))
        #expect(
            try process("mmpp", ["rates": "1,2,3", "dwell": "1s,1s,1s", "transitions": "0,1,0, 0,0,1, 1,0,0"])
                == .mmpp(
                    MarkovStates(
                        rates: [1, 2, 3], dwellSeconds: [1, 1, 1], transitions: [[0, 1, 0], [0, 0, 1], [1, 0, 0]])))
        #expect(try process("erlang", ["stages": "3"]) == .renewal(GapDistribution(.gamma, shape: 3)))
        #expect(try process("pareto") == .renewal(GapDistribution(.pareto, shape: 2.5)))
        #expect(
            try process("replay", ["input": "f", "speed": "2", "repeat": "true"], "t\n1\n5\n")
                == .replay(TimeRecording(times: [1, 5], speed: 2, repeats: true)))
        #expect(
            try process("replay-counts", ["input": "f", "bucket": "1m", "placement": "even"], "m,n\n1,4\n2,6\n")
                == .replayCounts(CountRecording(counts: [4, 6], bucketSeconds: 60, placement: .even)))
    }

    @Test("Rates by name: constant, wave, trading day, the mean of the states")
    func profiles() throws {
        func profile(_ name: String, _ values: [String: String], _ rate: Double?, _ seconds: Double?) throws
            -> RateProfile
        {
            try ArrivalSettings(process: name, values: values).profile(rate: rate, seconds: seconds)
        }
        #expect(try profile("poisson", [:], nil, nil) == .constant(15_000, seconds: 60))
        #expect(try profile("even", [:], 5, 2) == .constant(5, seconds: 2))
        let states = ["rates": "5,40", "dwell": "1s,200ms"]
        #expect(abs(try profile("mmpp", states, nil, 10).peak - 13 / 1.2) < 1e-9)
        let wave = try profile("sine", ["amplitude": "50", "period": "10s", "phase": "0.75"], 100, 20)
        #expect(abs(wave.mass - 2_000) < 1e-9 && abs(wave.rate(at: 0) - 50) < 1e-9)
        let day = try profile("trading-day", ["day": "a-share"], 10, 198)
        #expect(abs(day.seconds - 198) < 1e-6 && abs(day.mass - 1_440) < 1e-6)
        #expect(try profile("hawkes", ["day": "us"], 10, nil).seconds == 23_400)
    }

    @Test("Settings that do not fit are refused with what to do")
    func badSettings() {
        func process(_ name: String, _ values: [String: String] = [:], _ text: String? = nil) throws {
            let settings = try ArrivalSettings(process: name, values: values)
            _ = try settings.arrivalProcess(recording: text)
            _ = try settings.profile(rate: 100, seconds: 10)
        }
        refuse(nil, "there are poisson, poisson-exact") { try process("posson") }
        refuse(nil, "has no parameter \"branching\"") { try process("poisson", ["branching": "0.5"]) }
        refuse(nil, "hawkes has no parameter \"shape\"; it has branching, decay") {
            try process("hawkes", ["shape": "1"])
        }
        refuse(nil, "0 to 0.99") { try process("hawkes", ["branching": "1.5"]) }
        refuse(nil, "a number expected") { try process("hawkes", ["branching": "much"]) }
        refuse(nil, "rates and dwell") { try process("mmpp", ["rates": "1,2"]) }
        refuse(nil, "need 4 probabilities") {
            try process("mmpp", ["rates": "1,2", "dwell": "1s,1s", "transitions": "0,1"])
        }
        refuse(nil, "unit of time") { try process("mmpp", ["rates": "1,2", "dwell": "1,2"]) }
        refuse(nil, "amplitude and period") { try process("sine") }
        refuse(nil, "0 to the mean rate") { try process("sine", ["amplitude": "200", "period": "1s"]) }
        refuse(nil, "a-share or us") { try process("trading-day") }
        refuse(nil, "not both") { try process("poisson", ["day": "us", "amplitude": "1", "period": "1s"]) }
        refuse(nil, "shape must be") { try process("pareto", ["shape": "1"]) }
        refuse(nil, "whole number") { try process("poisson-exact", ["count": "many"]) }
        refuse(nil, "no time is recorded") { try process("replay", ["input": "f"], "t\n") }
        refuse(nil, "random or even") { try process("replay-counts", ["placement": "odd"], "1\n") }
        refuse(nil, "true or false") { try process("replay", ["repeat": "yes"], "1\n") }
        refuse(nil, "too much") { try process("hawkes", ["decay": "200/s x"]) }
    }
}
