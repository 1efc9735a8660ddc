internal import Foundation
internal import Services

/// What a demo measured, and whether its promises hold.
struct DemoResult {
    var loadExit: Int32 = -1
    var nodeExit: Int32 = -1
    var kills = 0
    var processors: [(group: String, processors: Double)] = []
    var watch = LoadWatch()
    var disk = DiskWitness.Finding(median: 0, p99: 0, longest: 0, late: 0, count: 0)
    var metrics = MetricsPage()
    var audit: AuditReport?
    var acknowledgements = AckCheck()

    /// One promise, whether it was kept, and the figures.
    struct Promise {
        var text: String
        var isKept: Bool
        var detail: String
    }

    /// Everything the demo promises.
    func promises(_ plan: DemoPlan) -> [Promise] {
        let acks = acknowledgements
        let loadEnded = loadExit == 0 || (plan.correctnessOnly && loadExit == 120)
        var list = [
            Promise(
                text: plan.kills > 0 ? "load survived \(plan.kills) kills" : "load ended as promised",
                isKept: loadEnded || (plan.kills > 0 && loadExit == 105),
                detail: loadText),
            Promise(
                text: "every acknowledged order is durable, exactly once",
                isKept: acks.lost == 0 && acks.acknowledged > 0,
                detail: acks.firstLost ?? "\(acks.acknowledged) acknowledged, \(acks.durable) rows in PostgreSQL"),
            Promise(text: "the node stopped cleanly", isKept: nodeExit == 0, detail: "exit code \(nodeExit)"),
        ]
        if plan.kills == 0 {
            list.append(
                Promise(
                    text: "nothing is durable that was not acknowledged", isKept: acks.unacknowledged == 0,
                    detail: "\(acks.unacknowledged) rows"))
        } else {
            list.append(
                Promise(
                    text: "the node was killed and came back", isKept: kills == plan.kills, detail: "\(kills) times"))
        }
        for finding in audit?.findings ?? [] {
            list.append(
                Promise(
                    text: "\(finding.number) \(finding.claim)", isKept: finding.verdict != .broken,
                    detail: finding.verdict == .notApplicable ? "not applicable: \(finding.detail)" : finding.detail))
        }
        if audit == nil { list.append(Promise(text: "the audit ran", isKept: false, detail: "no audit")) }
        return list
    }

    private var loadText: String {
        switch loadExit {
        case 0: "all thresholds hold"
        case 99: "a threshold failed"
        case 105: "it ended with the drill"
        case 120: "limited by the generator itself"
        default: "exit code \(loadExit)"
        }
    }

    /// Requests by tier of the cache, as shares.
    var tierRows: [[String]] {
        ["l1", "l2", "l3"].map { tier in
            let hits = metrics.sum("cache_requests_total", ["tier": tier, "result": "hit"])
            let negatives = metrics.sum("cache_requests_total", ["tier": tier, "result": "negative"])
            let total = metrics.sum("cache_requests_total", ["tier": tier])
            let share = total > 0 ? (hits + negatives) / total * 100 : 0
            return [tier.uppercased(), "\(Int(total))", "\(Int(hits + negatives))", String(format: "%.1f %%", share)]
        }
    }

    /// Commits and what the disk did meanwhile.
    var commitText: String {
        let count = metrics.sum("cache_commit_duration_seconds_count")
        let mean = count > 0 ? metrics.sum("cache_commit_duration_seconds_sum") / count * 1_000 : 0
        let rows = count > 0 ? metrics.sum("cache_commit_batch_rows_sum") / count : 0
        return "\(Int(count)) commits of \(Int(rows)) rows, mean \(String(format: "%.1f", mean)) ms; \(disk.text)"
    }

    /// Share of the processors above which what the hypervisor withholds explains a missed response time.
    static let withheldMin = 0.03

    /// Share of time that a thread waits for a processor above which processors are short.
    static let waitMin = 0.1

    private static func decimals(_ value: Double) -> String { String(format: "%.2f", value) }

    /// Who used the processors, and what the hypervisor withheld of them.
    var processorRows: [[String]] {
        let rows = processors.map { [$0.group, Self.decimals($0.processors)] }
        return watch.withheld >= 0.01 ? rows + [["withheld by the hypervisor", Self.decimals(watch.withheld)]] : rows
    }

    /// The component that was nearest to saturation, for a missed response time.
    var saturation: String {
        let total = processors.reduce(0) { $0 + $1.processors }
        let cores = Double(ProcessInfo.processInfo.activeProcessorCount)
        let used = "\(Self.decimals(total)) of \(Int(cores)) processors"
        let first = processors.first.map { "\($0.group) took \(Self.decimals($0.processors)) processors" } ?? "?"
        // What others on the same host take is missing from the processors used, and each wait for it is a request's.
        if watch.withheld > Self.withheldMin * cores {
            return "the hypervisor withheld \(Self.decimals(watch.withheld)) processors (steal): other machines on its "
                + "host are at work; \(used) busy"
        }
        if total > 0.85 * cores { return "the machine is saturated (\(used)); \(first)" }
        // 1 % of a minute's requests wait where the disk stands still for 0.6 s of it: a few such writes are enough.
        if disk.longest > 50 { return "the disk stood still for up to \(Int(disk.longest)) ms; \(used) busy" }
        if let most = watch.waits.first(where: { $0.component != "generator" }), most.share > Self.waitMin {
            return "processors were short (\(used) busy): a thread of \(most.component) waited "
                + "\(Int(100 * most.share)) % of the time for one; \(first)"
        }
        return "no processor is saturated (\(used)): \(first); look at commits"
    }

    /// Sections for the HTML report.
    func sections(_ plan: DemoPlan) -> [[String: Any]] {
        let proofs = promises(plan).dropFirst()
        return [
            [
                "title": "What PostgreSQL says afterwards", "status": proofs.allSatisfy(\.isKept) ? "ok" : "fail",
                "rows": proofs.map { [$0.isKept ? "kept" : "BROKEN", $0.text, $0.detail] },
            ],
            [
                "title": "Cache tiers", "header": true,
                "rows": [["tier", "rows asked", "answered", "share"]] + tierRows,
            ],
            ["title": "Commits and disk", "rows": [["L3", commitText]]],
            [
                "title": "Processors used",
                "rows": processorRows,
            ],
        ]
    }
}
