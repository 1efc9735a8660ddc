internal import Foundation
internal import Market

/// What a demo does, from its options.
struct DemoPlan: Sendable {
    var rate: Double
    var seconds: Int
    var accounts: Int
    var instruments: Int
    var sessions: Int
    var seed: UInt64
    var report: String
    var correctnessOnly: Bool
    /// How often the node is killed in mid-load. The load then goes on for `seconds` beside the restarts.
    var kills: Int
    /// How long Redis stands still in mid-load, 0 for not at all.
    var redisStop: Int
    /// Response-time promise, milliseconds at p99.
    var responseLimitMilliseconds = 50
    /// File of the spans of sampled requests; empty for none.
    var trace = ""
    /// The section `replicas` of the node's configuration; empty for a node that does everything itself.
    var replicas = ""
    /// One request in so many begins a trace in the node, where the load generator sends none; 0 for none.
    var traceSampleEvery = 0

    /// The day the demo trades: its schedule is continuous trading, whatever the clock says.
    var day: TradingDate { ServeConfiguration.today ?? Self.fallbackDay }

    /// The fees of that day, as the node reckons them.
    var fees: FeeSchedule {
        get throws {
            guard let fees = FeeSchedule.schedule(on: day) else { throw LocalFailure("no fees are known for \(day)") }
            return fees
        }
    }

    private static let fallbackDay: TradingDate = {
        guard let day = TradingDate(20_240_102) else { preconditionFailure("2024-01-02 is a date") }
        return day
    }()

    /// After how many seconds the load ends by itself: a drill with kills waits for each restart, and ends it sooner.
    var longestLoad: Int { seconds + kills * Self.longestRestart }

    /// Seconds a killed node may take until it is ready again.
    static let longestRestart = 60

    /// Condition the load generator must find true.
    var thresholds: [String] {
        if correctnessOnly || kills > 0 || redisStop > 0 { return kills > 0 ? [] : ["errors==0"] }
        return ["p(99)<\(responseLimitMilliseconds)ms", "errors==0", "throughput>=\(Int(rate * 0.99))"]
    }
}
