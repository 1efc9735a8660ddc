internal import Forecasting
internal import Telemetry

/// What a day showed: the promise to clients, the cost, and whether decisions came before the surge.
public struct ClosedLoopFindings: Sendable, Equatable {
    /// A number of replicas over the day.
    public struct Course: Sendable, Equatable {
        public var name: String
        /// Replicas ordered, times minutes.
        public var replicaMinutes: Double
        /// Most replicas at once.
        public var most: Int
        /// Changes up and down.
        public var changes: Int
        /// Seconds in which more was offered than the ready replicas serve, by the profile's capacity; a replica is
        /// ready after the 95th percentile of the start-up where nobody saw it.
        public var shortSeconds: Int?
    }

    /// Promised 95th percentile of the response time, seconds.
    public var limit: Double
    /// Requests a second that a replica of the scarcest service serves.
    public var capacity: Double
    /// The open: from the surge's first second until the load has fallen below a third of its largest second.
    public var surge: Double
    public var surgeEnd: Double
    /// The largest second's requests, and the replicas they need at 85 % of the capacity.
    public var peak: Double
    public var needed: Int
    /// 95th percentile of the response time of all requests in the open, and of the day; nil without answers.
    public var openP95: Double?
    public var dayP95: Double?
    /// Share of the requests over the limit, errors and unknown answers among them, in the open and in the day.
    public var openOver: Double
    public var dayOver: Double
    /// Seconds of the day whose own 95th percentile is over the limit.
    public var secondsOver: Int
    /// When so many were ordered and when they were ready; nil for never.
    public var orderedAt: Double?
    public var readyAt: Double?
    /// Whether fewer were in force before: else there was nothing to scale up.
    public var isScaleUp: Bool
    /// When HPA would have ordered them; nil for never.
    public var hpaOrderedAt: Double?
    /// What the supervisor ran, and what static replicas and HPA would have: `actual`, `static`, `hpa`.
    public var courses: [Course]

    /// Seconds by which the order came before the surge; nil where it never came.
    public var lead: Double? { orderedAt.map { surge - $0 } }

    /// Judges a day.
    public init(_ day: ClosedLoopDay) {
        let profile = day.profile
        let limit = profile.latencyTarget
        let capacities = profile.services.indices.map { index in
            profile.services[index].capacity / max(1e-9, profile.visits(of: index))
        }
        let peak = day.seconds.map(\.offered).max() ?? 0
        let (surge, surgeEnd) = Self.surge(day, peak)
        let needed = Self.replicas(profile, serving: peak)
        let open = day.seconds.filter { $0.second >= surge && $0.second < surgeEnd }
        self.limit = limit
        capacity = capacities.min() ?? 0
        (self.peak, self.surge, self.surgeEnd, self.needed) = (peak, surge, surgeEnd, needed)
        (openP95, openOver) = Self.latency(open, limit)
        (dayP95, dayOver) = Self.latency(day.seconds, limit)
        secondsOver = day.seconds.count { ($0.p95 ?? 0) > limit }
        let before = max(0, (day.open ?? surge) - 300)
        let end = day.seconds.last?.second ?? 0
        func first(_ course: [(at: Double, replicas: Int)]) -> Double? {
            Self.begin(of: needed, at: surge, course.filter { $0.at >= before && $0.at < end })
        }
        let orderedAt = first(day.applied)
        self.orderedAt = orderedAt
        isScaleUp = day.applied.contains { $0.at >= before && $0.at < orderedAt ?? 0 && $0.replicas < needed }
        readyAt = first(day.sampled(\.ready))
        let hpa = day.wanted(by: "hpa", .counterfactual)
        hpaOrderedAt = first(hpa)
        let startup = profile.services.map(\.startup.p95).max() ?? 0
        courses = [
            Self.course(
                "actual", day, ordered: day.sampled { $0.ready + $0.pending }, ready: day.sampled(\.ready), startup: 0)
        ]
        for (name, wanted) in [("static", day.wanted(by: "static", .counterfactual)), ("hpa", hpa)]
        where !wanted.isEmpty {
            courses.append(Self.course(name, day, ordered: wanted, ready: wanted, startup: startup))
        }
    }

    /// The course of a name; nil where nobody proposed it.
    public func course(_ name: String) -> Course? { courses.first { $0.name == name } }

    /// One promise, whether it was kept, and its figures.
    public struct Promise: Sendable, Equatable {
        public var text: String
        public var isKept: Bool
        public var detail: String
    }

    /// What the closed loop has to show.
    public var promises: [Promise] {
        func milliseconds(_ seconds: Double?) -> String {
            seconds.map { "\(Self.text($0 * 1e3, 1)) ms" } ?? "no answers"
        }
        let actual = course("actual")?.replicaMinutes ?? .infinity
        let fixed = course("static")?.replicaMinutes
        let order = lead.map {
            $0 > 0 ? "\(Self.text($0, 1)) s before it" : "\(Self.text(-$0, 1)) s after it began"
        }
        return [
            Promise(
                text: "p95 within \(Self.text(limit * 1e3, 0)) ms through the open",
                isKept: (openP95 ?? .infinity) <= limit && openOver <= 0.05,
                detail: "\(milliseconds(openP95)) from second \(Self.text(surge, 0)) to \(Self.text(surgeEnd, 0)), "
                    + "\(Self.text(openOver * 100, 2)) % over; \(milliseconds(dayP95)) in the day, "
                    + "\(secondsOver) seconds of it over"),
            Promise(
                text: "fewer replica-minutes than static", isKept: actual < (fixed ?? -.infinity),
                detail: fixed.map {
                    "\(Self.text(actual, 1)) of \(Self.text($0, 1)), \(Self.text(actual / $0 * 100, 0)) %"
                } ?? "the sidecar was not asked for static"),
            Promise(
                text: "the \(needed) replicas of the surge were ordered before it",
                isKept: isScaleUp && (lead ?? -.infinity) > 0, detail: order.map { $0 + readyText } ?? "never"),
        ]
    }

    private var readyText: String {
        guard isScaleUp else { return ", but no fewer ran before: the load asked for no scale-up" }
        guard let readyAt else { return "; never all ready" }
        let early = surge - readyAt
        return early >= 0
            ? ", ready \(Self.text(early, 1)) s before it" : ", ready \(Self.text(-early, 1)) s after it began"
    }

    // MARK: Figures

    /// When the stretch of at least `needed` replicas began that lasts into the surge; where there is none, the first
    /// after that. Replicas that were taken away again before it are none for it.
    private static func begin(of needed: Int, at surge: Double, _ course: [(at: Double, replicas: Int)]) -> Double? {
        var begin: Double?
        for point in course {
            if begin != nil, point.at > surge { break }
            begin = point.replicas >= needed ? begin ?? point.at : nil
        }
        return begin
    }

    /// First second with at least half of the largest second's requests, and the first one after that from which the
    /// mean of five seconds is below a third of them.
    private static func surge(_ day: ClosedLoopDay, _ peak: Double) -> (Double, Double) {
        guard let first = day.seconds.firstIndex(where: { $0.offered >= peak / 2 && peak > 0 }) else {
            return (0, day.length)
        }
        var end = first + 1
        while end < day.seconds.count {
            let next = day.seconds[end..<min(end + 5, day.seconds.count)]
            if next.reduce(0, { $0 + $1.offered }) / Double(next.count) < peak / 3 { break }
            end += 1
        }
        return (day.seconds[first].second, end < day.seconds.count ? day.seconds[end].second : day.length)
    }

    /// Replicas of all services that serve a rate of the whole mix at 85 % of their capacity, within their bounds.
    private static func replicas(_ profile: ChainProfile, serving rate: Double) -> Int {
        profile.services.indices.reduce(0) { sum, index in
            let service = profile.services[index]
            return sum + service.clamp(service.replicas(serving: rate * profile.visits(of: index), utilisation: 0.85))
        }
    }

    private static func latency(_ seconds: [ClosedLoopDay.Second], _ limit: Double) -> (Double?, Double) {
        var all: HDRHistogram?
        for second in seconds {
            guard let latency = second.latency else { continue }
            if all == nil { all = latency } else { all?.add(latency) }
        }
        guard let all, all.count > 0 else { return (nil, 0) }
        // An error is none of the answers that were promised, however fast it came.
        let unknown = seconds.reduce(0) { $0 + $1.unknown }
        let total = Double(all.count) + unknown
        let late = Double(all.count - all.count(atOrBelow: Int64(limit * 1e9)))
        let over = min(total, late + unknown + seconds.reduce(0) { $0 + $1.errors })
        return (Double(all.value(atPercentile: 95)) / 1e9, over / total)
    }

    private static func course(
        _ name: String, _ day: ClosedLoopDay, ordered: [(at: Double, replicas: Int)],
        ready: [(at: Double, replicas: Int)], startup: Double
    ) -> Course {
        var minutes = 0.0
        var changes = 0
        for (index, step) in ordered.enumerated() {
            // What was first known counts from the beginning.
            let from = index == 0 ? 0 : step.at
            let to = index + 1 < ordered.count ? ordered[index + 1].at : day.length
            minutes += Double(step.replicas) * max(0, to - max(0, from)) / 60
            if index > 0, ordered[index - 1].replicas != step.replicas { changes += 1 }
        }
        var short: Int?
        // Shares of several services are not known from their sum.
        if day.profile.services.count == 1 {
            let each = day.profile.services[0].capacity / max(1e-9, day.profile.visits(of: 0))
            short = day.seconds.count { second in
                second.offered > Double(Self.ready(ready, at: second.second, startup: startup)) * each
            }
        }
        return Course(
            name: name, replicaMinutes: minutes, most: ordered.map(\.replicas).max() ?? 0, changes: changes,
            shortSeconds: short)
    }

    /// The fewest ordered since `startup` seconds before a moment: what is newer still starts.
    private static func ready(_ course: [(at: Double, replicas: Int)], at second: Double, startup: Double) -> Int {
        guard let last = course.lastIndex(where: { $0.at <= second }) else { return course.first?.replicas ?? 0 }
        var fewest = course[last].replicas
        var index = last
        while index > 0, course[index].at > second - startup {
            index -= 1
            fewest = min(fewest, course[index].replicas)
        }
        return fewest
    }

    static func text(_ value: Double, _ places: Int) -> String { FixedText.decimals(value, places) }
}
