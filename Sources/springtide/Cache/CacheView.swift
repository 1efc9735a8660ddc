internal import Foundation

/// What happened in a cache between two readings of its metrics, as a line or as a screen.
struct CacheView {
    /// Reads of one tier.
    struct Tier {
        var name: String
        /// Rows found a second, absent ones included, and rows asked for.
        var hits: Double
        var requests: Double

        /// Hits of all requests in per cent; nil without requests.
        var ratio: Double? { requests > 0 ? 100 * hits / requests : nil }
    }

    private(set) var tiers: [Tier] = []
    /// Events a second.
    private(set) var coalesced, commits, conflicts, messages, suspects, repairs: Double
    /// Since the node's start.
    private(set) var violations, checked: Double
    /// Tickets and seconds that L1 is behind L3; nil where the node does not say.
    private(set) var lagTickets, watermarkAge: Double?
    /// Breakers by address: 0 closed, 1 half open, 2 open.
    private(set) var breakers: [(address: String, state: Double)]

    /// The difference of two readings, the earlier one first.
    init(_ before: MetricsReading, _ now: MetricsReading) {
        let span = now.time - before.time
        let seconds = max(1e-3, Double(span.components.seconds) + Double(span.components.attoseconds) / 1e18)
        func rate(_ name: String, _ labels: [String: String] = [:]) -> Double {
            // A counter that fell belongs to a node that has restarted.
            max(0, now.sum(name, labels) - before.sum(name, labels)) / seconds
        }
        for name in ["l1", "l2", "l3"] {
            func tier(_ result: String) -> Double { rate("cache_requests_total", ["tier": name, "result": result]) }
            let hits = tier("hit") + tier("negative")
            tiers.append(Tier(name: name, hits: hits, requests: hits + tier("miss") + tier("stale") + tier("error")))
        }
        coalesced = rate("cache_loads_coalesced_total")
        commits = rate("cache_commits_total", ["outcome": "committed"])
        conflicts = rate("cache_write_conflicts_total")
        messages = rate("cache_invalidations_total")
        suspects = rate("cache_suspect_checks_total")
        repairs = rate("cache_repairs_total", ["result": "sent"])
        violations = now.sum("cache_bound_violations_total")
        checked = now.sum("cache_shadow_checks_total")
        lagTickets = now.greatest("cache_watermark_lag_tickets")
        watermarkAge = now.greatest("cache_watermark_age_seconds").flatMap { $0.isNaN ? nil : $0 }
        breakers = now.series("redis_breaker_state", by: "address").map { ($0.label, $0.value) }
    }

    // MARK: As a line

    private static let columns = [
        "l1/s", "l1%", "l2/s", "l2%", "loads/s", "coalesced/s", "commits/s", "conflicts/s", "lag", "age_ms", "breakers",
        "violations",
    ]

    /// Names of the columns of `line`: reads of L1 and L2 a second and their hits in per cent, loads of L3, the tickets
    /// and milliseconds that L1 is behind, breakers not closed of all.
    static let header = row(columns)

    /// All of it in the order of `header`, `-` where there is no number; columns are at least one blank apart.
    var line: String {
        let open = breakers.count { $0.state > 0 }
        return Self.row([
            Self.number(tiers[0].requests), Self.percent(tiers[0].ratio), Self.number(tiers[1].requests),
            Self.percent(tiers[1].ratio), Self.number(tiers[2].requests), Self.number(coalesced),
            Self.number(commits), Self.number(conflicts), lagTickets.map(Self.number) ?? "-",
            watermarkAge.map { Self.number($0 * 1_000) } ?? "-", "\(open)/\(breakers.count)", Self.number(violations),
        ])
    }

    private static func row(_ cells: [String]) -> String {
        zip(cells, columns).map { right($0, max(7, $1.count)) }.joined(separator: " ")
    }

    // MARK: As a screen

    /// A few lines for people.
    var screen: String {
        var lines = ["tier      reads/s     hits/s    hit %"]
        for tier in tiers {
            lines.append(
                tier.name.padded(to: 6) + Self.right(tier.requests, 11) + Self.right(tier.hits, 11)
                    + Self.right(Self.percent(tier.ratio), 9))
        }
        lines += [
            "",
            "coalesced/s  \(Self.right(coalesced, 9))   commits/s    \(Self.right(commits, 9))",
            "conflicts/s  \(Self.right(conflicts, 9))   messages/s   \(Self.right(messages, 9))",
            "suspects/s   \(Self.right(suspects, 9))   repairs/s    \(Self.right(repairs, 9))",
            "lag tickets  \(Self.right(lagTickets.map(Self.number) ?? "-", 9))   "
                + "watermark ms \(Self.right(watermarkAge.map { Self.number($0 * 1_000) } ?? "-", 9))",
            "checked      \(Self.right(checked, 9))   violations   \(Self.right(violations, 9))",
            "",
        ]
        let states = ["closed", "half open", "open"]
        for breaker in breakers {
            let state = states[min(2, max(0, Int(breaker.state)))]
            lines.append("breaker \(breaker.address.padded(to: 24)) \(state)")
        }
        return lines.joined(separator: "\n")
    }

    private static func number(_ value: Double) -> String { String(format: "%.0f", value) }

    private static func percent(_ value: Double?) -> String { value.map { String(format: "%.1f", $0) } ?? "-" }

    private static func right(_ value: Double, _ width: Int) -> String { right(number(value), width) }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
