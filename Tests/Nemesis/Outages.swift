import HistoryChecker

/// How long no call of a class succeeded, anywhere in the workload.
struct Outages {
    /// Times between two successes, longer than 50 ms, in order.
    private var gaps: [(begin: Int64, end: Int64)] = []

    /// The gaps between the ends of the successful calls that `isOfClass` takes.
    init(_ calls: [RecordedCall], _ isOfClass: (RecordedCall) -> Bool) {
        var ends = calls.filter { $0.operation.outcome == .ok && isOfClass($0) }.map(\.operation.end)
        ends.sort()
        for (a, b) in zip(ends, ends.dropFirst()) where b - a > 50_000_000 { gaps.append((a, b)) }
    }

    /// The longest gap that overlaps a time, in nanoseconds; 0 where none does.
    func longest(_ begin: Int64, _ end: Int64) -> Int64 {
        gaps.lazy.filter { $0.begin < end && $0.end > begin }.map { $0.end - $0.begin }.max() ?? 0
    }
}
