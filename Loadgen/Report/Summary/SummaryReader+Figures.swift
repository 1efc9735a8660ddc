internal import Engine
internal import Telemetry

extension SummaryReader {
    /// All figures but the steps.
    static func result(_ root: JSONCursor, _ facts: PlanFacts) throws(SummaryError) -> RunResult {
        var result = RunResult()
        result.startedAt = Int64(try root["started_at_us"].whole)
        result.wallSeconds = try root["wall_seconds"].number
        result.expected = try root["schedule"]["expected_requests"].number
        result.offered = try root["totals"]["offered"].count
        result.sent = try root["totals"]["sent"].count
        result.unsent = try root["totals"]["unsent"].count
        result.held = try root["totals"]["held"].count
        for cursor in try limited(root["rows"], Limit.rows) {
            let scenario = try index(cursor["scenario"], facts.scenarios.map(\.name))
            let operation = try index(cursor["operation"], facts.operations)
            result.rows.append(try row(cursor, scenario: scenario, operation: operation, facts))
        }
        try readGenerator(root, &result)
        try readCounters(root, &result)
        for cursor in try limited(root["refusals"], Limit.rows) {
            result.refusals.append(
                RefusalCount(
                    operation: try index(cursor["operation"], facts.operations),
                    outcome: try outcome(cursor["outcome"]), reason: try cursor["reason"].string,
                    count: try cursor["count"].count))
        }
        for cursor in try limited(root["series"], Limit.series) { result.series.append(try interval(cursor)) }
        for cursor in try limited(root["slowest"], Limit.rows) { result.slowest.append(try slow(cursor, facts)) }
        return result
    }

    private static func readGenerator(_ root: JSONCursor, _ result: inout RunResult) throws(SummaryError) {
        let generator = try root["generator"]
        result.cpuRatio = try generator["cpu_ratio"].number
        result.runQueueWaitRatio = try generator["run_queue_wait_ratio"].number
        result.isRealtime = try generator["realtime"].flag
        result.isInterrupted = try generator["interrupted"].flag
        result.abortedBy = try generator.optional("aborted_by").map { field throws(SummaryError) in try field.string }
        result.sendDispersion = try array(generator["send_dispersion"]) { field throws(SummaryError) in
            if case .null = field.value { return nil }
            return try field.number
        }
        result.witness = try histogram(
            root["histograms"]["machine_stall"], generator["machine_stall"], .latency())
    }

    private static func readCounters(_ root: JSONCursor, _ result: inout RunResult) throws(SummaryError) {
        let sessions = try root["sessions"]
        result.disconnects = try sessions["disconnects"].count
        result.reconnects = try sessions["reconnects"].count
        result.sequenceResets = try sessions["sequence_resets"].count
        result.lateAnswers = try sessions["late_answers"].count
        result.ackLogLines = try sessions["ack_log_lines"].count
        result.isAckLogIncomplete = try sessions["ack_log_incomplete"].flag
        let orders = try root["orders"]
        result.fills = try orders["fills"].count
        result.ordersTraded = try orders["orders_traded"].count
        result.converted = try orders["converted_to_new"].count
    }

    static func row(
        _ cursor: JSONCursor, scenario: Int, operation: Int, _ facts: PlanFacts
    ) throws(SummaryError) -> OperationResult {
        var row = OperationResult(scenario: scenario, operation: operation, digits: facts.digits)
        for outcome in Outcome.allCases {
            row.counts[Int(outcome.rawValue)] = try cursor["counts"][outcome.name].count
        }
        row.satisfied = try cursor["satisfied"].count
        row.tolerated = try cursor["tolerated"].count
        let texts = try cursor["histograms"]
        row.response = try histogram(texts["response"], cursor["response"], row.response)
        row.service = try histogram(texts["service"], cursor["service"], row.service)
        row.lag = try histogram(texts["send_lag"], cursor["send_lag"], row.lag)
        return row
    }

    /// The histogram in a text, with the extremes of its statistics instead of those of the sub-buckets.
    private static func histogram(
        _ text: JSONCursor, _ statistics: JSONCursor, _ shape: HDRHistogram
    ) throws(SummaryError) -> HDRHistogram {
        let decoded = try decode(text, shape)
        let (least, greatest) = (try statistics["min_us"].nanoseconds, try statistics["max_us"].nanoseconds)
        var exact = HDRHistogram(lowest: shape.lowest, highest: shape.highest, digits: shape.digits)
        let occupied = decoded.occupied
        for (index, bucket) in occupied.enumerated() {
            var (rest, middle) = (bucket.count, (bucket.low + bucket.high) / 2)
            if index == occupied.count - 1, (bucket.low...bucket.high).contains(greatest) {
                exact.record(greatest)
                (rest, middle) = (rest - 1, min(middle, greatest))
            }
            if index == 0, rest > 0, (bucket.low...bucket.high).contains(least) {
                exact.record(least)
                (rest, middle) = (rest - 1, max(middle, least))
            }
            exact.record(middle, times: rest)
        }
        return exact
    }

    private static func decode(_ cursor: JSONCursor, _ shape: HDRHistogram) throws(SummaryError) -> HDRHistogram {
        let text = try cursor.string
        let decoded: HDRHistogram
        do {
            decoded = try HDRHistogramCodec.decode(text)
        } catch {
            throw cursor.failure("a histogram in HdrHistogram's V2 encoding")
        }
        guard decoded.lowest == shape.lowest, decoded.highest == shape.highest, decoded.digits == shape.digits else {
            throw cursor.failure("a histogram with \(shape.digits) digits up to \(shape.highest) ns")
        }
        return decoded
    }

    private static func interval(_ cursor: JSONCursor) throws(SummaryError) -> LoadInterval {
        var interval = LoadInterval(index: try cursor["index"].count)
        interval.offered = try cursor["offered"].count
        interval.sent = try cursor["sent"].count
        interval.done = try cursor["done"].count
        interval.rejected = try cursor["rejected"].count
        interval.p50 = try cursor["p50_us"].nanoseconds
        interval.p95 = try cursor["p95_us"].nanoseconds
        interval.p99 = try cursor["p99_us"].nanoseconds
        interval.p999 = try cursor["p999_us"].nanoseconds
        interval.greatest = try cursor["max_us"].nanoseconds
        interval.lagP99 = try cursor["lag_p99_us"].nanoseconds
        interval.users = try cursor["users"].count
        interval.inFlight = try cursor["in_flight"].count
        interval.connectionsUp = try cursor["sessions_up"].count
        interval.cpuRatio = try cursor["cpu_ratio"].number
        let outcomes = try array(cursor["outcomes"]) { field throws(SummaryError) in try field.count }
        guard outcomes.count == Outcome.allCases.count else {
            throw try cursor["outcomes"].failure("\(Outcome.allCases.count) numbers")
        }
        interval.outcomes = outcomes
        let heat = try array(cursor["heat"]) { field throws(SummaryError) in try field.count }
        if let first = heat.first {
            guard first + heat.count - 1 <= LoadInterval.heatClasses, heat.dropFirst().allSatisfy({ $0 <= UInt32.max })
            else { throw try cursor["heat"].failure("at most \(LoadInterval.heatClasses) classes") }
            for (offset, count) in heat.dropFirst().enumerated() { interval.heat[first + offset] = UInt32(count) }
        }
        if let text = try cursor.optional("latency") {
            let coarse = try decode(text, SummaryDocument.coarse)
            interval.response = LatencyCounts(coarse)
        }
        return interval
    }

    private static func slow(_ cursor: JSONCursor, _ facts: PlanFacts) throws(SummaryError) -> SlowRequest {
        SlowRequest(
            scenario: try index(cursor["scenario"], facts.scenarios.map(\.name)),
            operation: try index(cursor["operation"], facts.operations),
            intended: try cursor["intended_seconds"].number, lag: try cursor["lag_us"].nanoseconds,
            response: try cursor["response_us"].nanoseconds, outcome: try outcome(cursor["outcome"]),
            traceID: try cursor["trace_id"].string)
    }

    // MARK: Watch

    static func watch(_ cursor: JSONCursor) throws(SummaryError) -> WatchSeries {
        var series = WatchSeries()
        series.processors = try cursor["processors"].count
        series.components = try strings(cursor["components"])
        series.tiers = try strings(cursor["tiers"])
        series.failedScrapes = try cursor["failed_scrapes"].count
        series.samples = try array(cursor["samples"], limit: Limit.series, sample)
        return series
    }

    private static func sample(_ cursor: JSONCursor) throws(SummaryError) -> WatchSample {
        func optional(_ key: String) throws(SummaryError) -> Double? {
            try cursor.optional(key).map { field throws(SummaryError) in try field.number }
        }
        var sample = WatchSample(time: try cursor["second"].number)
        sample.loads = try array(cursor["loads"]) { field throws(SummaryError) in
            guard let n = try numbers(field, 5) else { return nil }
            var load = ComponentLoad()
            (load.cpu, load.busiestThread, load.runQueueWait, load.longestWait) = (n[0], n[1], n[2], n[3])
            load.residentBytes = n[4]
            return load
        }
        sample.tiers = try array(cursor["tiers"]) { field throws(SummaryError) in
            guard let n = try numbers(field, 2) else { return nil }
            var tier = TierCount()
            (tier.requests, tier.hits) = (n[0], n[1])
            return tier
        }
        if let field = try cursor.optional("pressure"), let n = try numbers(field, 3) {
            var pressure = MachinePressure()
            (pressure.cpu, pressure.memory, pressure.io) = (n[0], n[1], n[2])
            sample.pressure = pressure
        }
        sample.machineCPU = try optional("machine_cpu")
        sample.machineSteal = try optional("machine_steal")
        sample.replicas = try optional("replicas")
        sample.requestRate = try optional("request_rate")
        sample.predictedRate = try optional("predicted_rate")
        return sample
    }

    /// So many numbers, or nil for null.
    private static func numbers(_ cursor: JSONCursor, _ wanted: Int) throws(SummaryError) -> [Double]? {
        if case .null = cursor.value { return nil }
        let found = try array(cursor) { field throws(SummaryError) in try field.number }
        guard found.count == wanted else { throw cursor.failure("\(wanted) numbers") }
        return found
    }
}
