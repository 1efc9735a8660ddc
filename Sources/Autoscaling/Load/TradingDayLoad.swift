internal import Glibc
internal import Learning

/// Makes the load of a trading day: λ(t) = peak · profile(minute) · exp(x_t) · events.
///
/// The profile is that of minute volumes of 146 to 151 days of SPY, QQQ, AAPL, FB and IWM: a first minute 4.9 times the
/// mean, a trough of 0.58 at midday, 5.0 into the close. x_t is an autoregression of a minute, joined by straight lines,
/// with mean 0. Same seed, same day.
public struct TradingDayLoad: Sendable, Equatable {
    /// Whose day it is.
    public enum Exchange: String, Sendable, CaseIterable {
        /// 9:30 to 16:00.
        case unitedStates
        /// 9:30 to 11:30 and 13:00 to 15:00, with an auction from 9:15 to 9:25.
        case china
    }

    /// What `peak` is the size of.
    public enum Scaling: String, Sendable, CaseIterable {
        /// The largest rate of the day.
        case largest
        /// The largest rate of the profile; noise and events may exceed it.
        case profile
    }

    /// Whose day it is.
    public var exchange = Exchange.unitedStates
    /// Requests a second at the peak.
    public var peak = 15_000.0
    /// What `peak` is the size of.
    public var scaling = Scaling.largest
    /// Standard deviation of x: 0.25 for order flow, 0.6 for volumes.
    public var deviation = 0.25
    /// Autocorrelation of x at one minute.
    public var autocorrelation = 0.39
    /// News in a day, on average; each multiplies the rate at once.
    public var news = 0.0
    /// Factor of a piece of news, uniform in its logarithm.
    public var newsFactor: ClosedRange<Double> = 2...6
    /// Seconds in which the excess of a piece of news falls to 37 %, uniform.
    public var newsDecay: ClosedRange<Double> = 30...120
    /// Coefficient of variation of the day's size, lognormal with mean 1; recorded days have 0.35 to 0.41.
    public var dayVariation = 0.0
    /// Seconds before the open that belong to the load; with the opening auction in them.
    public var leadIn = 600
    /// Second after the open at which the rate is eight times as large for 20 s, for evaluation alone; nil for none.
    public var flashCrash: Int?

    /// A mild day: order flow without news.
    public init() {}

    /// A day with deviation 0.25, without news.
    public static let mild = TradingDayLoad()
    /// A day with deviation 0.6, without news.
    public static var bursty: TradingDayLoad {
        var day = TradingDayLoad()
        day.deviation = 0.6
        return day
    }
    /// A mild day with two pieces of news on average.
    public static var eventful: TradingDayLoad {
        var day = TradingDayLoad()
        day.news = 2
        return day
    }

    /// Length of the session, breaks included, in seconds.
    public var length: Int { exchange == .unitedStates ? 23_400 : 19_800 }

    /// The day of a seed.
    ///
    /// - Throws: where a setting is outside its limits.
    public func load(seed: UInt64, name: String? = nil) throws(SimulationFault) -> LoadTrace {
        try check()
        let seeds = Xoshiro256StarStar(seed: seed)
        var rates = shape(seeds.split("noise"))
        var events = seeds.split("news")
        addNews(to: &rates, &events)
        if let flashCrash {
            let start = flashCrash + leadIn
            for second in max(0, start)..<max(0, start + 20) where second < rates.count { rates[second] *= 8 }
        }
        var size = peak
        if dayVariation > 0 {
            var random = seeds.split("size")
            let variance = log(1 + dayVariation * dayVariation)
            size *= exp(variance.squareRoot() * random.normal() - 0.5 * variance)
        }
        let largest = scaling == .largest ? rates.max() ?? 1 : profile.map(\.value).max() ?? 1
        let factor = size / largest
        for index in rates.indices { rates[index] *= factor }
        return LoadTrace(
            name: name ?? "day:\(seed)", rates: rates,
            market: MarketClock(sinceOpen: Double(-leadIn), length: Double(length)))
    }

    private func check() throws(SimulationFault) {
        let faults: [(Bool, String)] = [
            (peak > 0 && peak <= 1e9, "peak is more than 0 and at most 1e9"),
            (deviation >= 0 && deviation <= 3, "deviation is 0...3"),
            (autocorrelation >= 0 && autocorrelation < 1, "autocorrelation is 0..<1"),
            (news >= 0 && news <= 1_000, "news is 0...1000 a day"),
            (newsFactor.lowerBound >= 1 && newsFactor.upperBound <= 100, "newsFactor is 1...100"),
            (newsDecay.lowerBound >= 1 && newsDecay.upperBound <= 86_400, "newsDecay is 1...86400 s"),
            (dayVariation >= 0 && dayVariation <= 3, "dayVariation is 0...3"),
            (leadIn >= 0 && leadIn <= 36_000, "leadIn is 0...36000 s"),
        ]
        if let fault = faults.first(where: { !$0.0 }) { throw SimulationFault(.option, fault.1) }
    }

    /// Profile times exp(x), second by second.
    private func shape(_ stream: Xoshiro256StarStar) -> [Double] {
        var random = stream
        let minutes = (leadIn + length + 59) / 60 + 2
        let innovation = deviation * (1 - autocorrelation * autocorrelation).squareRoot()
        var x = deviation * random.normal()
        let noise = (0..<minutes).map { _ in
            defer { x = autocorrelation * x + innovation * random.normal() }
            return x
        }
        return (0..<leadIn + length).map { second in
            let place = Double(second) / 60
            let minute = Int(place)
            let share = place - Double(minute)
            let x = noise[minute] + share * (noise[minute + 1] - noise[minute])
            return value(second: Double(second - leadIn)) * exp(x)
        }
    }

    private func addNews(to rates: inout [Double], _ random: inout Xoshiro256StarStar) {
        guard news > 0 else { return }
        var at = 0.0
        while true {
            at += -log(1 - random.uniform()) * Double(length) / news
            let position = random.uniform()
            let decay = newsDecay.lowerBound + random.uniform() * (newsDecay.upperBound - newsDecay.lowerBound)
            guard at < Double(length) else { return }
            let factor = newsFactor.lowerBound * pow(newsFactor.upperBound / newsFactor.lowerBound, position)
            let start = leadIn + Int(at)
            for second in start..<min(rates.count, start + Int(8 * decay)) {
                rates[second] *= 1 + (factor - 1) * exp(-Double(second - start) / decay)
            }
        }
    }

    /// Relative rate so many seconds after the open; between breakpoints along a line.
    private func value(second: Double) -> Double {
        let minute = second / 60
        let points = profile
        guard let next = points.firstIndex(where: { $0.minute > minute }) else { return points[points.count - 1].value }
        guard next > 0 else { return points[0].value }
        let (a, b) = (points[next - 1], points[next])
        return a.value + (minute - a.minute) / (b.minute - a.minute) * (b.value - a.value)
    }

    /// Breakpoints; two at one minute are a jump.
    private var profile: [(minute: Double, value: Double)] {
        switch exchange {
        case .unitedStates: Self.unitedStates
        case .china: Self.china
        }
    }

    private static let unitedStates: [(minute: Double, value: Double)] = [
        (-60, 0.1), (-10, 0.2), (0, 0.5), (0, 4.9), (5, 2.2), (30, 1.4), (60, 1), (180, 0.58), (240, 0.58), (330, 1),
        (360, 1.5), (385, 3), (389, 5),
    ]

    private static let china: [(minute: Double, value: Double)] = [
        (-30, 0.05), (-15, 0.1), (-15, 2), (-10, 1.2), (-5, 1.8), (-5, 0.3), (0, 0.3), (0, 4.9), (5, 2.2), (30, 1.2),
        (75, 0.7), (115, 0.8), (120, 1), (120, 0.05), (209, 0.1), (210, 0.2), (210, 1.8), (220, 1), (270, 0.7),
        (300, 1), (320, 1.5), (327, 3), (330, 3.5),
    ]
}
