internal import Telemetry

extension RunResult {
    /// Adds the result of another worker of the same plan, that is of another stripe.
    ///
    /// Counts and histograms are added bucket by bucket, so percentiles are those of one worker that had sent
    /// everything. The series is added by index; percentiles of an interval come from `LatencyCounts`, at most 0.8 %
    /// above the true ones, and `lagP99` is the greater one, an upper bound. Steps are added where scenario, step and
    /// time agree (stepped users always do, up to the microsecond); those of searches that took different courses stay
    /// apart. A merged step is met where all its parts are. Users and rates of workers are parts of the whole and are
    /// added. CPU ratios are the greatest, since the busiest worker limits; send dispersions are not additive: nil.
    public mutating func merge(_ other: RunResult) {
        startedAt =
            startedAt == 0 ? other.startedAt : other.startedAt == 0 ? startedAt : min(startedAt, other.startedAt)
        wallSeconds = max(wallSeconds, other.wallSeconds)
        expected += other.expected
        offered += other.offered
        sent += other.sent
        unsent += other.unsent
        held += other.held
        mergeRows(other.rows)
        witness.add(other.witness)
        mergeRefusals(other.refusals)
        mergeSeries(other.series)
        mergeSteps(other.steps)
        let kept = max(slowest.count, other.slowest.count)
        slowest = Array(
            (slowest + other.slowest).sorted { ($1.response, $0.intended) < ($0.response, $1.intended) }.prefix(kept))
        sendDispersion = sendDispersion.map { _ in nil }
        cpuRatio = max(cpuRatio, other.cpuRatio)
        runQueueWaitRatio = max(runQueueWaitRatio, other.runQueueWaitRatio)
        mergeCounters(other)
    }

    private mutating func mergeCounters(_ other: RunResult) {
        disconnects += other.disconnects
        reconnects += other.reconnects
        sequenceResets += other.sequenceResets
        lateAnswers += other.lateAnswers
        converted += other.converted
        ordersTraded += other.ordersTraded
        fills += other.fills
        ackLogLines += other.ackLogLines
        isAckLogIncomplete = isAckLogIncomplete || other.isAckLogIncomplete
        isRealtime = isRealtime && other.isRealtime
        isInterrupted = isInterrupted || other.isInterrupted
        abortedBy = abortedBy ?? other.abortedBy
    }

    private mutating func mergeRows(_ added: [OperationResult]) {
        for row in added {
            let place = rows.firstIndex { $0.scenario == row.scenario && $0.operation == row.operation }
            if let place { rows[place].add(row) } else { rows.append(row) }
        }
        rows.sort { ($0.scenario, $0.operation) < ($1.scenario, $1.operation) }
    }

    private mutating func mergeRefusals(_ added: [RefusalCount]) {
        for refusal in added {
            let place = refusals.firstIndex {
                $0.operation == refusal.operation && $0.outcome == refusal.outcome && $0.reason == refusal.reason
            }
            if let place { refusals[place].count += refusal.count } else { refusals.append(refusal) }
        }
        refusals.sort(by: RefusalCount.precedes)
    }

    private mutating func mergeSeries(_ added: [LoadInterval]) {
        for interval in added {
            if interval.index < series.count { series[interval.index].add(interval) } else { series.append(interval) }
        }
    }

    private mutating func mergeSteps(_ added: [StepResult]) {
        for step in added {
            let place = steps.firstIndex {
                $0.scenario == step.scenario && $0.index == step.index && abs($0.begin - step.begin) < 1e-3
                    && abs($0.end - step.end) < 1e-3
            }
            if let place { steps[place].add(step) } else { steps.append(step) }
        }
        steps.sort { ($0.scenario, $0.index, $0.begin) < ($1.scenario, $1.index, $1.begin) }
    }
}

extension LoadInterval {
    /// Adds the same interval of another worker.
    mutating func add(_ other: LoadInterval) {
        offered += other.offered
        sent += other.sent
        done += other.done
        rejected += other.rejected
        for index in outcomes.indices { outcomes[index] += other.outcomes[index] }
        for index in heat.indices { heat[index] += other.heat[index] }
        response.add(other.response)
        p50 = response.value(atPercentile: 50)
        p95 = response.value(atPercentile: 95)
        p99 = response.value(atPercentile: 99)
        p999 = response.value(atPercentile: 99.9)
        greatest = max(greatest, other.greatest)
        lagP99 = max(lagP99, other.lagP99)
        users += other.users
        inFlight += other.inFlight
        connectionsUp += other.connectionsUp
        cpuRatio = max(cpuRatio, other.cpuRatio)
    }
}

extension StepResult {
    /// Adds the same step of another worker; conditions have to be judged again on the sum.
    mutating func add(_ other: StepResult) {
        users += other.users
        rate += other.rate
        offered += other.offered
        figures.add(other.figures)
        thresholds = thresholds.map { threshold in
            let theirs = other.thresholds.first { $0.threshold == threshold.threshold }
            return theirs.map { $0.isMet ? threshold : $0 } ?? threshold
        }
        isMet = isMet && other.isMet
        cpuRatio = max(cpuRatio, other.cpuRatio)
        limits += other.limits
    }
}
