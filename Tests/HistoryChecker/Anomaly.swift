/// The twelve ways in which a history can break the promises of the cache.
public enum AnomalyKind: Int, Sendable, CaseIterable, Comparable, CustomStringConvertible {
    /// A value that nobody wrote under that key, or not under that version.
    case garbage = 1
    /// A version that was never committed (G1a).
    case abortedRead
    /// A value that its own transaction replaced before it committed (G1b).
    case intermediateRead
    /// A version that had been superseded for longer than the read's bound when the read began.
    case staleRead
    /// A key that went back in a session, or in a process.
    case nonMonotonicRead
    /// A read that misses a write of its session, or one that the session had observed.
    case missedOwnWrite
    /// Two committed versions made from one, or an acknowledged version that is not in L3.
    case lostUpdate
    /// Values that were never the state at one ticket, or not at the ticket reported.
    case fracturedSnapshot
    /// A cycle of dependencies between strict operations.
    case notSerializable
    /// A strict read that missed a completed write, saw one that had not begun, or went back.
    case notLinearizable
    /// An effect twice, an acknowledged write without effect, or a failed one with it.
    case wrongOutcome
    /// A certificate that says a version was the newest at a ticket at which it was not.
    case untrueCertificate

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// `A1 garbage` and so on.
    public var description: String {
        let names = [
            "garbage", "aborted read", "intermediate read", "stale read", "non-monotonic read", "missed own write",
            "lost update", "fractured snapshot", "not serializable", "not linearizable", "wrong outcome",
            "untrue certificate",
        ]
        return "A\(rawValue) \(names[rawValue - 1])"
    }
}

/// One broken promise, with the calls and versions that show it.
public struct Anomaly: Sendable {
    public var kind: AnomalyKind
    /// What is wrong, in one line.
    public var message: String
    /// The calls that suffice to show it, by their place in the history, in the order of their beginning.
    public var operations: [Int]
    /// The versions of L3 that suffice to show it, oldest first.
    public var versions: [DurableVersion]
}

/// The verdict over a history.
public struct Report: Sendable {
    /// Most anomalies of one kind that are kept; all are counted.
    public static let keptMax = 20

    /// The first anomalies of each kind.
    public internal(set) var anomalies: [Anomaly] = []
    /// How many there were of each kind.
    public internal(set) var counts: [AnomalyKind: Int] = [:]
    /// How long versions had been superseded when the reads of each level began.
    public internal(set) var staleness: [Operation.Kind: Staleness] = [:]

    init() {}

    /// Whether no promise was broken.
    public var isClean: Bool { counts.isEmpty }
    /// Anomalies of all kinds.
    public var total: Int { counts.values.reduce(0, +) }

    mutating func add(
        _ kind: AnomalyKind, _ message: @autoclosure () -> String, _ operations: [Int], _ versions: [DurableVersion]
    ) {
        let count = (counts[kind] ?? 0) + 1
        counts[kind] = count
        guard count <= Self.keptMax else { return }
        anomalies.append(Anomaly(kind: kind, message: message(), operations: operations, versions: versions))
    }

    /// An anomaly with its slice of the history, one call and one version a line; times in milliseconds since the first
    /// call of the slice.
    public func text(of anomaly: Anomaly, in history: History) -> String {
        var lines = ["\(anomaly.kind): \(anomaly.message)"]
        let first = anomaly.operations.map { history.operations[$0].begin }.min() ?? 0
        func milliseconds(_ time: Int64) -> String {
            guard time != Operation.never else { return "never" }
            let micro = (time - first) / 1_000
            let digits = String(abs(micro % 1_000))
            return
                "\(micro < 0 ? "-" : "")\(abs(micro / 1_000)).\(String(repeating: "0", count: 3 - digits.count))\(digits)"
        }
        for index in anomaly.operations {
            let o = history.operations[index]
            var line = "  #\(index) \(o.kind.rawValue) \(o.outcome.rawValue) process \(o.process) session \(o.session)"
            line += " [\(milliseconds(o.begin)), \(milliseconds(o.end))] ms"
            if o.ticket != 0 { line += " ticket \(o.ticket)" }
            if o.attempt != 0 { line += " attempt \(o.attempt)" }
            if o.maxAge != 0 { line += " maxAge \(milliseconds(first + o.maxAge)) ms" }
            let keys = Set(anomaly.versions.map(\.key))
            for item in history.observations(of: index) where keys.isEmpty || keys.contains(item.key) {
                line += " key \(item.key)@\(item.version) asOf \(item.asOf)"
            }
            for item in history.writes(of: index) where keys.isEmpty || keys.contains(item.key) {
                line += " key \(item.key):=\(item.value)"
            }
            lines.append(line)
        }
        for version in anomaly.versions {
            lines.append("  L3 key \(version.key)@\(version.ticket) value \(version.value) attempt \(version.attempt)")
        }
        return lines.joined(separator: "\n")
    }
}

/// The distribution of how stale the values of a level were, in nanoseconds.
public struct Staleness: Sendable {
    private var positive: [Int64] = []
    private var zeros = 0

    mutating func record(_ nanoseconds: Int64) {
        if nanoseconds > 0 { positive.append(nanoseconds) } else { zeros += 1 }
    }

    mutating func seal() { positive.sort() }

    /// Values judged.
    public var count: Int { positive.count + zeros }

    /// The smallest staleness that the fraction `quantile` of the values did not exceed; 0 without values.
    public func percentile(_ quantile: Double) -> Int64 {
        guard count > 0 else { return 0 }
        let rank = min(count - 1, max(0, Int((Double(count) * quantile).rounded(.up)) - 1))
        return rank < zeros ? 0 : positive[rank - zeros]
    }

    /// The longest.
    public var maximum: Int64 { positive.last ?? 0 }
}
