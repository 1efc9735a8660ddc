import Forecasting
import Testing

/// From the text of `/metrics` to the sample of a bin.
@Suite struct MetricsSourceTests {
    /// A page as the services write it.
    private static func page(
        messages: Double, out: Double = 5, orders: Double = 0, cancels: Double = 0, spread: String = "0.0004"
    ) -> MetricsText {
        MetricsText(
            """
            # HELP fix_messages_total FIX messages.
            # TYPE fix_messages_total counter
            fix_messages_total{direction="in"} \(messages)
            fix_messages_total{direction="out"} \(out)
            # TYPE orders_total counter
            orders_total{note="a \\"quoted\\", value}",symbol="A"} \(orders)
            orders_total{note="direction=\\"in\\"",symbol="B"} 1
            cancels_total \(cancels) 1700000000000
            relative_spread \(spread)
            """)
    }

    private static func features(
        _ indicators: [LoadSeries.Indicator] = []
    ) throws -> FeatureStream.Configuration {
        try .init(session: try TradingSession("24x7"), horizon: 5, profileDays: 7, indicators: indicators)
    }

    private static let time = CivilTime(day: 20_000, second: 60)

    @Test("A page is summed by name and whole labels, with escapes, commas and times") func text() {
        let page = Self.page(messages: 12, orders: 3)
        #expect(page.sum("fix_messages_total", []) == 17)
        #expect(page.sum("fix_messages_total", ["direction=\"in\""]) == 12)
        #expect(page.sum("orders_total", []) == 4)
        #expect(page.sum("orders_total", ["symbol=\"A\""]) == 3)
        #expect(page.sum("orders_total", ["symbol=\"B\""]) == 1)
        #expect(page.sum("orders_total", ["direction=\"in\""]) == nil, "text within a value is no label")
        #expect(page.sum("orders_total", ["bol=\"A\""]) == nil, "the end of a name is no label")
        #expect(page.sum("cancels_total", []) == 0)
        #expect(page.sum("fix_messages", []) == nil)
        let odd = MetricsText("a 1\r\n\r\nb\nc x\nd{} 2\ne +Inf\nf NaN\n{ 3\ng{h=\"open 4")
        #expect(odd.sum("a", []) == 1 && odd.sum("d", []) == 2 && odd.sum("e", []) == .infinity)
        #expect(odd.sum("b", []) == nil && odd.sum("c", []) == nil && odd.sum("f", [])?.isNaN == true)
        #expect(odd.sum("g", []) == nil || odd.sum("g", ["h=\"open\""]) == nil)
    }

    @Test("The load is the growth of the counter, scaled to the length of a bin") func load() throws {
        let source = try MetricsSource.gateway()
        let first = MetricsSource.Reading(Self.page(messages: 100), seconds: 1_000)
        func sample(_ messages: Double, _ seconds: Double) throws -> LoadSample {
            try source.sample(
                .init(Self.page(messages: messages), seconds: seconds), after: first, time: Self.time,
                features: try Self.features())
        }
        #expect(try sample(700, 1_060) == LoadSample(time: Self.time, load: 600))
        #expect(try sample(700, 1_066).load == 600 * 60 / 66.0)
        #expect(try sample(100, 1_048).load == 0, "a fifth of a bin early is still a bin")
        #expect(fault { _ = try sample(700, 1_047.9) }?.code == .stale)
        #expect(fault { _ = try sample(700, 1_072.1) }?.code == .stale)
        #expect(fault { _ = try sample(700, 1_000) }?.code == .unordered)
        let fell = fault { _ = try sample(99, 1_060) }
        #expect(fell?.code == .metric && fell?.message.contains("fix_messages_total{direction=\"in\"} fell") == true)
    }

    @Test("Market columns come in the model's order; what is missing is named") func columns() throws {
        let features = try Self.features([.spread, .cancels])
        let source = try MetricsSource(
            load: .init("fix_messages_total", ["direction=\"in\""]),
            columns: [
                .cancels: .ratio(.init("cancels_total"), per: .init("orders_total", ["symbol=\"A\""])),
                .spread: .gauge(.init("relative_spread")),
            ])
        func sample(_ page: MetricsText, _ source: MetricsSource) throws -> LoadSample {
            try source.sample(
                .init(page, seconds: 60), after: .init(Self.page(messages: 1, orders: 10, cancels: 2), seconds: 0),
                time: Self.time, features: features)
        }
        #expect(try sample(Self.page(messages: 7, orders: 18, cancels: 4), source).indicators == [0.0004, 0.25])
        #expect(try sample(Self.page(messages: 7, orders: 10, cancels: 4), source).indicators == [0.0004, 0])
        var changed = source
        changed.columns[.spread] = .gauge(.init("depth", ["side=\"bid\""]))
        let absent = fault { _ = try sample(Self.page(messages: 7), changed) }
        #expect(absent?.code == .metric && absent?.message == "no metric depth{side=\"bid\"}")
        changed.columns[.spread] = nil
        let none = fault { _ = try sample(Self.page(messages: 7), changed) }
        #expect(none?.code == .configuration && none?.message.contains("'spread'") == true)
        #expect(fault { _ = try sample(Self.page(messages: 7, spread: "NaN"), source) }?.code == .metric)
        #expect(fault { _ = try MetricsSource(load: .init("a"), toleranceMax: 1) }?.code == .configuration)
    }

    @Test("Readings of a service feed the forecaster: its 18 features are those of the loads themselves")
    func online() throws {
        let features = try FeatureStream.Configuration(session: try TradingSession("24x7"), horizon: 5, profileDays: 7)
        let source = try MetricsSource.gateway()
        let network = RecurrentNetworkFixture.forecaster(features)
        let online = OnlineForecaster(network)
        let direct = OnlineForecaster(network)
        var total = 0.0
        var previous = MetricsSource.Reading(Self.page(messages: 0), seconds: 0)
        var random: UInt64 = 1
        for bin in 0..<8 * 1_440 + 50 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let load = Double(500 + (random >> 56) + UInt64(bin % 1_440) / 4)
            total += load
            let time = CivilTime(day: 20_000 + bin / 1_440, second: bin % 1_440 * 60)
            let reading = MetricsSource.Reading(Self.page(messages: total), seconds: Double(60 * (bin + 1)))
            let sample = try source.sample(reading, after: previous, time: time, features: features)
            #expect(sample.load == load)
            online.take(sample)
            online.prepare()
            direct.take(LoadSample(time: time, load: load))
            previous = reading
        }
        #expect(online.features?.count == 18 && online.features == direct.features)
        #expect(online.lastAnswer == direct.lastAnswer, "preparing changes nothing but when the work is done")
        guard case .forecast(let forecast) = online.lastAnswer else {
            Issue.record("\(online.lastAnswer)")
            return
        }
        #expect(forecast.horizon == 5 && forecast.load(ahead: 5, level: 0.975) != nil)
    }
}
