import Autoscaling
import Telemetry
import Testing

/// A day of 40 s, written by hand: 100/s, from second 20 on 900/s for ten seconds, then 100/s. One replica serves 200/s,
/// and starts in 2 s.
private struct SmallDay {
    static let start = 1_700_000_000.0
    var profile = ChainProfile(services: [
        ServiceProfile(name: "risk", bounds: 1...10, serviceTime: 0.005, latencyBudget: 0.05)
    ])
    /// Seconds at which the sidecar orders other numbers.
    var orders: [(at: Int, replicas: Int)] = [(0, 1), (15, 6), (32, 2)]
    /// Milliseconds that answers take, by second.
    var milliseconds: (Int) -> Int = { _ in 10 }
    /// Seconds in which the sidecar does not decide.
    var away = 0..<0
    /// Seconds in which nothing is asked.
    var silent: Set<Int> = []

    init() {
        profile.latencyTarget = 0.05
        profile.services[0].startup = .init(range: 2...2)
    }

    static func offered(_ second: Int) -> Int { (20..<30).contains(second) ? 900 : 100 }

    func ordered(_ second: Int) -> Int { orders.last { $0.at <= second }?.replicas ?? 1 }

    /// The share of answers that are fast errors, and of requests whose answer is unknown.
    var errors = 0.0
    var unknown = 0.0

    private func outcomes(_ second: Int) -> [Int] {
        let offered = Double(Self.offered(second))
        return [Int(offered * (1 - errors)), 0, 0, 0, Int(offered * errors), Int(offered * unknown), 0]
    }

    var summary: String {
        let series = (0..<40).map { second in
            var histogram = HDRHistogram(lowest: 1_000, highest: 120_000_000_000, digits: 2)
            histogram.record(Int64(milliseconds(second)) * 1_000_000, times: UInt64(Self.offered(second)))
            let time = milliseconds(second) * 1_000
            if silent.contains(second) { return "{\"second\":\(second),\"offered\":0,\"done\":0}" }
            return "{\"second\":\(second),\"offered\":\(Self.offered(second)),\"done\":\(Self.offered(second)),"
                + "\"outcomes\":\(outcomes(second)),\"p95_us\":\(time),\"p99_us\":\(time),\"latency\":\"\(HDRHistogramCodec.encode(histogram))\"}"
        }
        return "{\"started_at_us\":\(Int(Self.start * 1e6)),\"schedule\":{\"interval_seconds\":1},"
            + "\"series\":[\(series.joined(separator: ","))]}"
    }

    /// Replicas are ready two seconds after their order.
    var replicas: String {
        "at,service,desired,ready,pending,draining\n"
            + (0..<40).map { second in
                let ready = min(ordered(second), ordered(max(0, second - 2)))
                return "\(Self.start + Double(second)),risk,\(ordered(second)),\(ready),\(ordered(second) - ready),0\n"
            }.joined()
    }

    /// HPA orders six three seconds after the surge, static has five all day.
    var journal: [JournalLine] {
        (0..<40).filter { !away.contains($0) }.map { second in
            func decision(_ replicas: Int, _ code: String) -> Decision {
                Decision(services: [ServiceDecision(replicas: replicas, reasons: [Reason(code, "<\(second)>")])])
            }
            func beside(_ name: String, _ replicas: Int) -> Proposal {
                Proposal(policy: name, role: .counterfactual, answer: .decision(decision(replicas, "Beside")))
            }
            let seen = Observation(
                time: Double(second), rate: Double(Self.offered(second)),
                forecast: RateForecast(points: [.init(ahead: 10, q50: 100, q90: 120)]),
                services: [ServiceObservation(ready: 1, p95: 0.004)])
            return .decision(
                JournalDecision(
                    id: "r-\(second)", at: Self.start + Double(second), epoch: 1, isActing: true,
                    isModelDisabled: false, configurationHash: "c", modelHash: nil,
                    round: LadderRound(
                        observation: seen, level: .forecast, acting: .forecast, decider: "forecast", isBlind: false,
                        proposals: [beside("hpa", (23..<35).contains(second) ? 6 : 1), beside("static", 5)],
                        changes: [], decision: decision(ordered(second), "CapacityNeed"), events: [])))
        }
    }

    func day() throws -> ClosedLoopDay {
        try ClosedLoopDay(
            profile: profile, journal: journal, summary: summary, replicas: replicas, processors: "",
            opensAt: Self.start + 20, session: 15)
    }
}

@Suite struct ClosedLoopTests {
    @Test("A surge that replicas were ordered for keeps all promises; its figures are those counted by hand")
    func kept() throws {
        let findings = ClosedLoopFindings(try SmallDay().day())
        #expect(findings.surge == 20)
        // From second 28 on the mean of five seconds is (2 * 900 + 3 * 100) / 5 = 420; from 29 on 260 < 300.
        #expect(findings.surgeEnd == 29)
        #expect(findings.capacity == 200)
        // 900 / (200 * 0.85) = 5.3.
        #expect(findings.needed == 6)
        #expect(findings.orderedAt == 15 && findings.lead == 5 && findings.isScaleUp)
        #expect(findings.readyAt == 17)
        #expect(findings.hpaOrderedAt == 23)
        let actual = try #require(findings.course("actual"))
        // 15 s of one, 17 s of six, 8 s of two.
        #expect(abs(actual.replicaMinutes - (15 + 17 * 6 + 8 * 2) / 60.0) < 1e-9)
        #expect(actual.most == 6 && actual.changes == 2 && actual.shortSeconds == 0)
        #expect(abs(try #require(findings.course("static")).replicaMinutes - 5 * 40 / 60.0) < 1e-9)
        // HPA's six are ready at second 25: five seconds of 900/s on one replica.
        #expect(try #require(findings.course("hpa")).shortSeconds == 5)
        #expect(findings.promises.allSatisfy { $0.isKept })
        #expect(findings.secondsOver == 0 && findings.openOver == 0)
    }

    @Test("Errors and unknown answers are over the limit however fast they came; more than 5 % break the promise")
    func errors() throws {
        var small = SmallDay()
        (small.errors, small.unknown) = (0.03, 0.01)
        let few = ClosedLoopFindings(try small.day())
        #expect(abs(few.openOver - (27 * 9 + 9 * 9 + 0) / (909.0 * 9)) < 2e-3 && few.promises[0].isKept)
        small.errors = 0.1
        let many = ClosedLoopFindings(try small.day())
        #expect(many.openOver > 0.1 && many.openP95 == few.openP95 && !many.promises[0].isKept)
        small.unknown = -1
        #expect(throws: SimulationFault.self) { try small.day() }
    }

    @Test("An order that came with the surge is none before it")
    func late() throws {
        var small = SmallDay()
        small.orders = [(0, 1), (20, 6), (32, 2)]
        let findings = ClosedLoopFindings(try small.day())
        #expect(findings.lead == 0)
        #expect(findings.promises.map { $0.isKept } == [true, true, false])
        // Ready two seconds later: two seconds short.
        #expect(findings.course("actual")?.shortSeconds == 2)
    }

    @Test("Replicas that are taken away again before the surge are not ordered for it") func withdrawn() throws {
        var small = SmallDay()
        small.orders = [(0, 1), (5, 6), (9, 1), (15, 6), (32, 2)]
        #expect(ClosedLoopFindings(try small.day()).orderedAt == 15)
        small.orders = [(0, 1), (5, 6), (9, 1), (22, 6), (32, 2)]
        let late = ClosedLoopFindings(try small.day())
        #expect(late.orderedAt == 22 && late.readyAt == 24 && late.isScaleUp)
        #expect(late.promises.map { $0.isKept } == [true, true, false])
        small.orders = [(0, 1), (5, 6), (9, 1)]
        #expect(ClosedLoopFindings(try small.day()).orderedAt == nil)
    }

    @Test("Five percent over the limit in the open are kept, more are not; slow answers elsewhere do not count there")
    func limit() throws {
        var small = SmallDay()
        small.milliseconds = { $0 == 5 ? 400 : 10 }
        let elsewhere = ClosedLoopFindings(try small.day())
        #expect(elsewhere.promises[0].isKept && elsewhere.secondsOver == 1)
        // One of nine seconds of the open: 11 %.
        small.milliseconds = { $0 == 22 ? 400 : 10 }
        let open = ClosedLoopFindings(try small.day())
        #expect(!open.promises[0].isKept)
        #expect(abs(open.openOver - 1 / 9.0) < 1e-9)
    }

    @Test("As many replica-minutes as static are not fewer, and without static there is nothing to compare with")
    func cost() throws {
        var small = SmallDay()
        small.orders = [(0, 6)]
        let findings = ClosedLoopFindings(try small.day())
        #expect(!findings.promises[1].isKept)
        // Ordered from the first second on: early, but no scale-up.
        #expect(findings.lead == 20 && !findings.isScaleUp && !findings.promises[2].isKept)
    }

    @Test("The page holds every figure, names who was away, and escapes what it quotes; equal days give equal bytes")
    func page() throws {
        var small = SmallDay()
        small.away = 24..<31
        let day = try small.day()
        let page = ClosedLoopPage(title: "A <day>", note: "note").html(day)
        for text in [
            "A &lt;day&gt;", "expected, 90th percentile", "HPA would order", "static for the peak", "sidecar away",
            "risk, p95 as the sidecar saw it", "CapacityNeed &lt;15&gt;", "replica-minutes", "1 → 6",
        ] {
            #expect(page.contains(text), "\(text)")
        }
        #expect(!page.contains("<script") && !page.contains("http"))
        #expect(page == ClosedLoopPage(title: "A <day>", note: "note").html(try small.day()))
        #expect(ClosedLoopFindings(day).json.contains("\"kept\": true"))
    }

    @Test("Lines of the page are broken where nothing was asked and where nobody decided; a point alone is a dash")
    func gaps() throws {
        /// Lines of a figure, each with its pieces.
        func pieces(_ day: SmallDay, _ heading: String) throws -> [[Substring]] {
            let page = ClosedLoopPage(title: "t", note: "n").html(try day.day())
            let figure = try #require(page.split(separator: "<figure>").first { $0.contains("<h2>\(heading)</h2>") })
            return try figure.split(separator: "<path").dropFirst().map { path in
                let drawn = try #require(path.split(separator: " d=\"").last).prefix { $0 != "\"" }
                return drawn.split(separator: "M")
            }
        }
        var small = SmallDay()
        #expect(try pieces(small, "Response time").map(\.count) == [1, 1, 1])
        // ready, ordered, HPA, static, offered.
        #expect(try pieces(small, "Replicas").map(\.count) == [1, 1, 1, 1, 1])
        // Of the break's seconds one is asked in; the sidecar goes on seeing its service.
        small.silent = [10, 11, 12, 14, 15]
        let response = try pieces(small, "Response time")
        #expect(response.map(\.count) == [3, 3, 1])
        #expect(response[0].map { $0.contains("h2") } == [false, true, false])
        small.silent = []
        small.away = 24..<31
        #expect(try pieces(small, "Response time").map(\.count) == [1, 1, 2])
        #expect(try pieces(small, "Replicas").map(\.count) == [1, 1, 2, 2, 1])
        // A forecast is drawn ten seconds later, so that those made from second 30 on are beyond the day.
        small.away = 14..<21
        #expect(try pieces(small, "Load, and what was expected of it").map(\.count) == [1, 2, 2])
    }

    @Test("Malformed witnesses are refused with what is wrong", arguments: 0..<5)
    func malformed(_ index: Int) throws {
        let small = SmallDay()
        var (journal, summary, replicas) = (small.journal, small.summary, small.replicas)
        let expected: String
        switch index {
        case 0: (summary, expected) = ("{", "the summary is no JSON at byte")
        case 1:
            summary = small.summary.replacing("\"interval_seconds\":1", with: "\"interval_seconds\":2")
            expected = "its intervals are not of a second"
        case 2:
            replicas += "\(SmallDay.start + 40),risk,x,1,0,0\n"
            expected = "'x' is no number of replicas"
        case 3: (journal, expected) = ([], "the journal has no decision of the day")
        default:
            replicas = "at,service,desired,ready,pending,draining\n\(SmallDay.start + 99),risk,1,1,0,0\n"
            expected = "no replicas were sampled in the day"
        }
        let fault = #expect(throws: SimulationFault.self) {
            try ClosedLoopDay(
                profile: small.profile, journal: journal, summary: summary, replicas: replicas, processors: "",
                opensAt: nil, session: 0)
        }
        #expect("\(try #require(fault))".contains(expected), "\(String(describing: fault))")
    }

    @Test("Times around the auctions are shorter in a compressed session alone: a half day's are as long as any")
    func auctions() {
        // 75 times faster: 4 s before the open, 8 s after it, 8 s before the close.
        func isNear(_ since: Double, _ length: Double = 264, _ scale: Double = 75) -> Bool {
            MarketClock(sinceOpen: since, length: length, timeScale: scale).isNearAuction
        }
        #expect(!isNear(-4.1) && isNear(-3.9) && isNear(7.9) && !isNear(8.1))
        #expect(!isNear(255.9) && isNear(256.1) && isNear(263.9) && !isNear(264.1))
        // A scale that is none is that of a real session.
        for scale in [1, 0.5, -3, Double.infinity, .nan] { #expect(isNear(-300, 19_800, scale)) }
        for length in [12_600.0, 19_800, 23_400] {
            func isNear(_ since: Double, _ length: Double) -> Bool {
                MarketClock(sinceOpen: since, length: length).isNearAuction
            }
            #expect(!isNear(-301, length) && isNear(-300, length) && isNear(600, length) && !isNear(601, length))
            #expect(isNear(length - 600, length) && !isNear(length - 601, length) && !isNear(length + 1, length))
        }
    }

    @Test("An HPA made faster has all of its times shorter and nothing else different")
    func fasterHPA() {
        let hpa = HPAConfiguration(metrics: [.cpu(percent: 70)]).faster(by: 10)
        #expect(hpa.syncPeriod == 1.5 && hpa.downscaleStabilisation == 30 && hpa.cpuInitialisation == 30)
        #expect(hpa.initialReadiness == 3 && hpa.metricWindow == 1.5 && hpa.tolerance == 0.1)
        var own = HPAConfiguration()
        own.behavior?.down.stabilisation = 60
        #expect(own.faster(by: 10).behavior?.down.stabilisation == 6)
        #expect(hpa.behavior?.up.limits == [.init(.percent(100), per: 1.5), .init(.pods(4), per: 1.5)])
        #expect(HPAConfiguration().faster(by: 1) == HPAConfiguration())
    }
}
