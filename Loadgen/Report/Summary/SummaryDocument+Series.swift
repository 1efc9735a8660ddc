internal import Engine
internal import Telemetry

extension SummaryDocument {
    // MARK: Series

    static func interval(_ interval: LoadInterval, _ facts: PlanFacts) -> JSONValue {
        .object([
            ("index", .count(interval.index)), ("second", .number(Double(interval.index) * facts.intervalSeconds)),
            ("offered", .count(interval.offered)), ("sent", .count(interval.sent)), ("done", .count(interval.done)),
            ("rejected", .count(interval.rejected)), ("errors", .count(interval.errors)),
            ("p50_us", .number(microseconds(interval.p50))), ("p95_us", .number(microseconds(interval.p95))),
            ("p99_us", .number(microseconds(interval.p99))), ("p999_us", .number(microseconds(interval.p999))),
            ("max_us", .number(microseconds(interval.greatest))),
            ("lag_p99_us", .number(microseconds(interval.lagP99))), ("users", .count(interval.users)),
            ("in_flight", .count(interval.inFlight)), ("sessions_up", .count(interval.connectionsUp)),
            ("cpu_ratio", .number(rounded(interval.cpuRatio, 1e4))),
            ("outcomes", .array(interval.outcomes.map { .count($0) })), ("heat", .array(heat(interval.heat))),
            ("latency", latency(interval.response)),
        ])
    }

    /// The first class with answers, then the counts from it to the last such class; empty without answers.
    private static func heat(_ heat: [UInt32]) -> [JSONValue] {
        guard let first = heat.firstIndex(where: { $0 > 0 }), let last = heat.lastIndex(where: { $0 > 0 }) else {
            return []
        }
        return [.count(first)] + heat[first...last].map { .count(Int($0)) }
    }

    /// The shape of an interval's response times: two digits.
    static let coarse = HDRHistogram(lowest: 1_000, highest: 120_000_000_000, digits: 2)

    /// Response times of an interval as a histogram of two digits, from which intervals can be merged.
    private static func latency(_ counts: LatencyCounts) -> JSONValue {
        guard !counts.values.isEmpty else { return .null }
        var histogram = coarse
        for (value, count) in zip(counts.values, counts.counts) { histogram.record(value, times: count) }
        return .string(HDRHistogramCodec.encode(histogram))
    }

    static func slow(_ request: SlowRequest, _ facts: PlanFacts) -> JSONValue {
        .object([
            ("scenario", .string(facts.scenario(request.scenario))),
            ("operation", .string(facts.operation(request.operation))),
            ("intended_seconds", .number(rounded(request.intended, 1e6))),
            ("response_us", .number(microseconds(request.response))),
            ("lag_us", .number(microseconds(request.lag))), ("outcome", .string(request.outcome.name)),
            ("trace_id", .string(request.traceID)),
        ])
    }

    static func watch(_ series: WatchSeries) -> JSONValue {
        .object([
            ("processors", .count(series.processors)),
            ("components", .array(series.components.map { .string($0) })),
            ("tiers", .array(series.tiers.map { .string($0) })), ("failed_scrapes", .count(series.failedScrapes)),
            ("samples", .array(series.samples.map(sample))),
        ])
    }

    private static func sample(_ sample: WatchSample) -> JSONValue {
        func optional(_ value: Double?) -> JSONValue { value.map { .number(rounded($0, 1e4)) } ?? .null }
        let loads = sample.loads.map { load in
            load.map { load in
                JSONValue.array([
                    .number(rounded(load.cpu, 1e4)), .number(rounded(load.busiestThread, 1e4)),
                    .number(rounded(load.runQueueWait, 1e4)), .number(rounded(load.longestWait, 1e4)),
                    .number(load.residentBytes),
                ])
            } ?? .null
        }
        let tiers = sample.tiers.map { tier in
            tier.map { JSONValue.array([.number($0.requests), .number($0.hits)]) } ?? .null
        }
        let pressure = sample.pressure.map {
            JSONValue.array([
                .number(rounded($0.cpu, 1e4)), .number(rounded($0.memory, 1e4)), .number(rounded($0.io, 1e4)),
            ])
        }
        return .object([
            ("second", .number(rounded(sample.time, 1e3))), ("loads", .array(loads)),
            ("pressure", pressure ?? .null), ("machine_cpu", optional(sample.machineCPU)),
            ("machine_steal", optional(sample.machineSteal)), ("tiers", .array(tiers)),
            ("replicas", optional(sample.replicas)), ("request_rate", optional(sample.requestRate)),
            ("predicted_rate", optional(sample.predictedRate)),
        ])
    }

    // MARK: Numbers

    static func statistics(_ histogram: HDRHistogram) -> JSONValue {
        func at(_ percentile: Double) -> JSONValue { .number(microseconds(histogram.value(atPercentile: percentile))) }
        return .object([
            ("count", .count(Int(histogram.count))), ("mean_us", .number(rounded(histogram.mean / 1e3, 1e3))),
            ("min_us", .number(microseconds(histogram.least))), ("p50_us", at(50)), ("p90_us", at(90)),
            ("p95_us", at(95)), ("p99_us", at(99)), ("p999_us", at(99.9)), ("p9999_us", at(99.99)),
            ("max_us", .number(microseconds(histogram.greatest))),
        ])
    }

    static func microseconds(_ nanoseconds: Int64) -> Double { rounded(Double(nanoseconds) / 1e3, 1e3) }

    static func rounded(_ value: Double, _ scale: Double) -> Double { (value * scale).rounded() / scale }
}
