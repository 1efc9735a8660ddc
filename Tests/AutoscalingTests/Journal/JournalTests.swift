import Autoscaling
import TestData
import Testing

@Suite struct JournalTests {
    /// A number of any size and kind, from random bits.
    private static func number(_ random: inout SplitMix64) -> Double {
        switch random.below(8) {
        case 0: .infinity
        case 1: -.infinity
        case 2: -0.0
        case 3: Double(random.below(1_000))
        default: Double(bitPattern: random.next())
        }
    }

    private static func text(_ random: inout SplitMix64) -> String {
        ["plain", "", "a \"quote\"", "line\nfeed \t tab", "back\\slash", "上海 \u{1F600}", "\u{0}\u{1F}\u{7F}"][
            random.below(7)]
    }

    private static func reasons(_ random: inout SplitMix64) -> [Reason] {
        (0..<random.below(3)).map { _ in Reason("Code\(random.below(9))", text(&random)) }
    }

    private static func observation(_ random: inout SplitMix64, services: Int) -> Observation {
        func maybe() -> Double? { random.percent(70) ? number(&random) : nil }
        return Observation(
            time: number(&random),
            market: random.percent(50)
                ? MarketClock(
                    sinceOpen: number(&random), length: number(&random),
                    timeScale: random.percent(50) ? 1 : number(&random)) : nil,
            rate: maybe(), p95: maybe(), errorRatio: maybe(),
            forecast: random.percent(50)
                ? RateForecast(
                    points: (0...random.below(3)).map { _ in
                        .init(ahead: number(&random), q50: number(&random), q90: number(&random))
                    }) : nil,
            forecastNote: random.percent(30) ? reasons(&random).first : nil,
            services: (0..<services).map { _ in
                ServiceObservation(
                    ready: random.below(99), pending: (0..<random.below(3)).map { _ in number(&random) },
                    draining: random.below(3), rate: maybe(), utilisation: maybe(), queue: maybe(), p95: maybe(),
                    errorRatio: maybe(), age: number(&random))
            })
    }

    private static func decision(_ random: inout SplitMix64, services: Int) -> Decision {
        Decision(
            services: (0..<services).map { _ in
                ServiceDecision(
                    replicas: random.below(2) == 0 ? random.below(99) : Int(truncatingIfNeeded: random.next()),
                    priority: random.percent(30) ? number(&random) : nil,
                    quota: random.percent(30) ? number(&random) : nil, reasons: reasons(&random))
            })
    }

    private static func choice(_ random: inout SplitMix64, service: Int) -> StepChoice {
        StepChoice(
            service: random.percent(80) ? service : nil, measure: StepChoice.Measure.allCases[random.below(2)],
            chosen: text(&random),
            steps: (0..<random.below(8)).map { _ in
                StepChoice.Step(
                    text(&random), score: random.percent(70) ? number(&random) : nil,
                    mask: random.percent(30) ? "TooFewReplicas" : nil)
            })
    }

    private static func line(_ random: inout SplitMix64) -> JournalLine {
        let at = Double(random.below(1 << 40)) / 1_000
        let services = random.below(4) + 1
        switch random.below(6) {
        case 0:
            return .run(
                JournalRun(
                    run: text(&random), at: at, services: (0..<services).map { "s\($0)" },
                    configuration: text(&random), profile: random.percent(50) ? text(&random) : nil,
                    configurationHash: "c", modelHash: random.percent(50) ? "m" : nil,
                    resumed: random.percent(50) ? "r-1" : nil, isShadow: random.percent(50),
                    isContinued: random.percent(50)))
        case 1:
            return .actuation(
                JournalActuation(
                    id: "r-1", at: at, service: text(&random), replicas: random.below(99), result: "changed",
                    text: text(&random)))
        case 2:
            return .outcome(
                JournalOutcome(
                    id: "r-1", at: at, after: 60, isViolation: random.percent(50) ? random.percent(50) : nil,
                    observation: observation(&random, services: services)))
        case 3:
            return .event(JournalEvent(at: at, reason: Reason("Code", text(&random)), modelHash: nil))
        default:
            let proposals = (0..<random.below(4)).map { index in
                Proposal(
                    policy: "p\(index)", role: PolicyRole.allCases[random.below(3)],
                    level: random.percent(50) ? LadderLevel.allCases[random.below(5)] : nil,
                    answer: random.percent(70)
                        ? .decision(decision(&random, services: services))
                        : .fault(PolicyFault("NotFinite", text(&random))),
                    choices: random.percent(30) ? (0..<services).map { choice(&random, service: $0) } : [])
            }
            let round = LadderRound(
                observation: observation(&random, services: services),
                level: LadderLevel.allCases[random.below(5)], acting: LadderLevel.allCases[random.below(5)],
                decider: text(&random), isBlind: random.percent(20), proposals: proposals,
                changes: (0..<random.below(3)).map { _ in
                    ReplicaChange(
                        source: .gate, service: random.below(services), from: random.below(9), to: random.below(9),
                        reason: Reason("ScaleUpLimit", text(&random)))
                }, decision: decision(&random, services: services), events: reasons(&random))
            return .decision(
                JournalDecision(
                    id: "r-\(random.below(1_000))", at: at, epoch: random.percent(80) ? random.next() : nil,
                    isActing: random.percent(50), isModelDisabled: random.percent(20), configurationHash: "c",
                    modelHash: random.percent(50) ? "m" : nil, round: round))
        }
    }

    @Test("Every line reads back as it was, numbers to the last bit") func roundTrip() throws {
        var random = SplitMix64(seed: 7)
        for step in 0..<3_000 {
            let line = Self.line(&random)
            let text = line.text
            #expect(!text.contains("\n"))
            // Equality of texts also compares NaN and the sign of zero.
            let back = try JournalLine(text)
            #expect(back.text == text, "seed 7, line \(step)")
            if !text.contains("\"NaN\"") { #expect(back == line, "seed 7, line \(step)") }
        }
    }

    @Test(
        "Numbers are the shortest decimals that read back as the same bits",
        arguments: [
            (0.1, "0.1"), (1.0 / 3, "0.3333333333333333"), (.leastNonzeroMagnitude, "5e-324"), (1e300, "1e+300"),
            (-0.0, "-0.0"),
            (.infinity, "\"Infinity\""), (-.infinity, "\"-Infinity\""), (.nan, "\"NaN\""),
        ] as [(Double, String)])
    func numbers(value: Double, text: String) throws {
        let line = JournalLine.event(JournalEvent(at: value, reason: Reason("Code")))
        #expect(line.text == "{\"v\":1,\"kind\":\"event\",\"at\":\(text),\"code\":\"Code\",\"text\":\"\"}")
        guard case .event(let back) = try JournalLine(line.text) else { return #expect(Bool(false)) }
        #expect(back.at.bitPattern == value.bitPattern || value.isNaN && back.at.isNaN)
    }

    @Test("A torn last line is left out and counted, at every byte where it can be torn") func torn() throws {
        var random = SplitMix64(seed: 3)
        let whole = (0..<3).map { _ in Self.line(&random).text + "\n" }
        let last = Self.line(&random).text + "\n"
        let bytes = Array(last.utf8)
        for length in [0, 1, 2, bytes.count / 2, bytes.count - 2, bytes.count - 1, bytes.count] {
            let cut = String(decoding: bytes.prefix(length), as: UTF8.self)
            let contents = try JournalContents(whole.joined() + cut)
            let isWhole = length == bytes.count
            #expect(contents.lines.count == (isWhole ? 4 : 3))
            #expect(isWhole ? contents.bytesTorn == 0 : contents.bytesTorn == cut.utf8.count)
        }
    }

    @Test(
        "A line in the middle that cannot be read is a fault with its number",
        arguments: [
            ("{}", "field 'v' is wrong"), ("not json", "no JSON at byte 1"), ("[1]", "no JSON object"),
            ("{\"v\":2,\"kind\":\"event\"}", "version 2; this program reads up to 1"),
            ("{\"v\":1,\"kind\":\"gossip\"}", "unknown kind 'gossip'"),
            ("{\"v\":1,\"kind\":\"event\",\"at\":\"soon\",\"code\":\"c\"}", "field 'at' is wrong"),
            ("{\"v\":1,\"kind\":\"decision\",\"id\":\"a\"}", "field 'level' is missing"),
            ("{\"v\":1,\"kind\":\"actuation\",\"id\":\"a\",\"at\":1,\"service\":7}", "field 'service' is wrong"),
            ("{\"v\":1,\"kind\":\"event\",\"at\":1,\"code\":\"\\ud800\"}", "no JSON at byte 37"),
        ])
    func malformed(line: String, message: String) {
        let good = JournalLine.event(JournalEvent(at: 1, reason: Reason("Code"))).text
        #expect(throws: JournalFault(line: 2, message)) { try JournalContents("\(good)\n\(line)\n\(good)\n") }
    }

    @Test("Fields of later minor additions are left out, empty lines too") func additions() throws {
        let contents = try JournalContents(
            "\n{\"v\":1,\"kind\":\"event\",\"at\":1,\"code\":\"c\",\"text\":\"t\",\"more\":{\"a\":[1]}}\n\n")
        #expect(contents.lines == [.event(JournalEvent(at: 1, reason: Reason("c", "t")))])
    }

    @Test("Arbitrary bytes never do more harm than a fault") func fuzz() {
        var random = SplitMix64(seed: 11)
        var faults = 0
        for _ in 0..<2_000 {
            var bytes = Array(Self.line(&random).text.utf8)
            for _ in 0...random.below(4) {
                let place = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
                }
            }
            do {
                _ = try JournalLine(String(decoding: bytes, as: UTF8.self))
            } catch { faults += 1 }
        }
        #expect(faults > 500)
    }

    @Test("The last decision is found with its run") func last() throws {
        var random = SplitMix64(seed: 5)
        var lines: [JournalLine] = []
        while lines.count < 200 { lines.append(Self.line(&random)) }
        let contents = try JournalContents(lines.map { $0.text + "\n" }.joined())
        let expected = lines.last { if case .decision = $0 { true } else { false } }
        #expect(contents.last.map { JournalLine.decision($0.decision).text } == expected?.text)
        #expect(try JournalContents("").last == nil)
    }

    @Test("A file is full when the next line would make it longer; an empty one takes any line") func rotation() {
        var rotation = JournalRotation()
        rotation.bytesMax = 100
        rotation.filesMax = 3
        #expect(rotation.names("j") == ["j", "j.1", "j.2"])
        #expect(!rotation.isDue(size: 60, line: 40))
        #expect(rotation.isDue(size: 60, line: 41))
        #expect(!rotation.isDue(size: 0, line: 1_000))
    }
}
