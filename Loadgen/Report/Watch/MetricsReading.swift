internal import Telemetry

/// The figures of a page of metrics in the Prometheus text format (version 0.0.4) or OpenMetrics that the watch needs.
///
/// Lines that cannot be read are passed over: a page of somebody else's never stops a run.
package struct MetricsReading: Equatable {
    /// Counters by tier since the process began.
    package var tiers: [String: TierCount] = [:]
    /// Requests counted by the services since they began.
    package var requests: Double?
    package var replicas: Double?
    package var predictedRate: Double?

    private static let answered: Set<String> = ["hit", "negative"]

    /// The figures in a page.
    package init(_ page: String) {
        var calls: Double?
        var orders: Double?
        for sample in PrometheusText(readable: page).samples where sample.value >= 0 && sample.value.isFinite {
            switch sample.name {
            case "cache_requests_total":
                guard let tier = sample.labels["tier"], let result = sample.labels["result"] else { continue }
                tiers[tier, default: TierCount()].requests += sample.value
                if Self.answered.contains(result) { tiers[tier, default: TierCount()].hits += sample.value }
            case "rpc_server_call_duration_seconds_count": calls = (calls ?? 0) + sample.value
            case "orders_total": orders = (orders ?? 0) + sample.value
            case "autoscaler_replicas": replicas = (replicas ?? 0) + sample.value
            case "autoscaler_predicted_requests_per_second":
                predictedRate = max(predictedRate ?? 0, sample.value)
            default: continue
            }
        }
        requests = calls ?? orders
    }
}

/// Differences between the readings of several pages.
package struct MetricsWatch {
    private var last: [MetricsReading?]
    /// Names of the tiers, in the order in which they appeared, sorted within a page.
    package private(set) var tiers: [String] = []

    package init(pages: Int) { last = [MetricsReading?](repeating: nil, count: pages) }

    /// Puts what changed since the last readings into a sample; nil readings are gaps.
    package mutating func note(_ readings: [MetricsReading?], seconds: Double, _ sample: inout WatchSample) {
        for name in readings.compactMap({ $0 }).flatMap({ $0.tiers.keys.sorted() }) where !tiers.contains(name) {
            tiers.append(name)
        }
        sample.tiers = tiers.map { name in
            var sum: TierCount?
            for (now, before) in zip(readings, last) {
                guard let new = now?.tiers[name], let before else { continue }
                let old = before.tiers[name] ?? TierCount()
                // A counter that went back began again with its process.
                let isReset = new.requests < old.requests
                sum = sum ?? TierCount()
                sum?.requests += new.requests - (isReset ? 0 : old.requests)
                sum?.hits += max(new.hits - (isReset ? 0 : old.hits), 0)
            }
            return sum
        }
        for (now, before) in zip(readings, last) {
            guard let new = now?.requests, let before else { continue }
            let old = before.requests ?? 0
            sample.requestRate = (sample.requestRate ?? 0) + (new < old ? new : new - old) / max(seconds, 0.001)
        }
        let found = readings.compactMap { $0 }
        sample.replicas = found.compactMap(\.replicas).max()
        sample.predictedRate = found.compactMap(\.predictedRate).max()
        for index in readings.indices { last[index] = readings[index] }
    }
}
