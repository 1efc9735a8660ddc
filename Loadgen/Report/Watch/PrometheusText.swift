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
        for line in page.split(separator: "\n") {
            guard let sample = Self.sample(line) else { continue }
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

    private static let names: [String] = [
        "cache_requests_total", "rpc_server_call_duration_seconds_count", "orders_total", "autoscaler_replicas",
        "autoscaler_predicted_requests_per_second",
    ]

    /// Name, labels and value of a line `name{label="value",...} number [time]` of a wanted name; nil for others.
    static func sample(_ line: Substring) -> (name: String, labels: [String: String], value: Double)? {
        guard let name = names.first(where: { line.hasPrefix($0) }) else { return nil }
        var rest = Array(line.utf8.dropFirst(name.utf8.count))[...]
        var labels: [String: String] = [:]
        if rest.first == UInt8(ascii: "{") {
            rest.removeFirst()
            while let byte = rest.first, byte != UInt8(ascii: "}") {
                guard let (key, value) = label(&rest) else { return nil }
                labels[key] = value
                if rest.first == UInt8(ascii: ",") { rest.removeFirst() }
            }
            guard rest.popFirst() == UInt8(ascii: "}") else { return nil }
        }
        guard rest.first == UInt8(ascii: " ") else { return nil }
        let fields = String(decoding: rest, as: UTF8.self).split(separator: " ")
        guard let value = fields.first.flatMap({ Double($0) }), value.isFinite, value >= 0 else { return nil }
        return (name, labels, value)
    }

    /// `key="value"` with the escapes `\\`, `\"` and `\n`.
    private static func label(_ rest: inout ArraySlice<UInt8>) -> (String, String)? {
        guard let equals = rest.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let key = String(decoding: rest[..<equals], as: UTF8.self)
        rest = rest[(equals + 1)...]
        guard rest.popFirst() == UInt8(ascii: "\"") else { return nil }
        var value: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\"") { return (key, String(decoding: value, as: UTF8.self)) }
            if byte == UInt8(ascii: "\\") {
                guard let escaped = rest.popFirst() else { return nil }
                value.append(escaped == UInt8(ascii: "n") ? 0x0A : escaped)
            } else {
                value.append(byte)
            }
        }
        return nil
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
