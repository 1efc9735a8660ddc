/// Readings of all processes of the components, from which intervals follow by subtraction.
struct ComponentReader {
    private struct Reading {
        var stat: ProcessStat
        var threads: [Int32: ThreadTimes]
    }

    /// Processes of one component at most.
    private static let processesMax = 1_024
    private static let threadsMax = 1_024
    private let sources: [WatchSource]
    /// Components in the order of their first source.
    let components: [String]
    private var last: [Int32: Reading] = [:]

    init(_ sources: [WatchSource]) {
        self.sources = sources
        var names: [String] = []
        for name in sources.compactMap(\.component) where !names.contains(name) { names.append(name) }
        components = names
    }

    /// What each component used in the last so many seconds; nil for one without a process that was there before.
    mutating func loads(seconds: Double) -> [ComponentLoad?] {
        let members = members()
        var readings: [Int32: Reading] = [:]
        var loads: [ComponentLoad?] = []
        for processes in members {
            var load: ComponentLoad?
            for pid in processes.prefix(Self.processesMax) {
                guard let now = readings[pid] ?? Self.read(pid) else { continue }
                readings[pid] = now
                guard let before = last[pid], before.stat.startTicks == now.stat.startTicks else { continue }
                Self.add(now, before, seconds, &load)
            }
            loads.append(load)
        }
        last = readings
        return loads
    }

    private static func read(_ pid: Int32) -> Reading? {
        guard let stat = ProcessStat.read(pid) else { return nil }
        var threads: [Int32: ThreadTimes] = [:]
        for thread in ProcText.numbers("/proc/\(pid)/task").prefix(threadsMax) {
            threads[thread] = ProcText.read("/proc/\(pid)/task/\(thread)/schedstat").flatMap(ThreadTimes.init)
        }
        return Reading(stat: stat, threads: threads)
    }

    private static func add(_ now: Reading, _ before: Reading, _ seconds: Double, _ load: inout ComponentLoad?) {
        var sum = load ?? ComponentLoad()
        sum.cpu += max(now.stat.cpuSeconds - before.stat.cpuSeconds, 0) / seconds
        sum.residentBytes += now.stat.residentBytes
        for (thread, times) in now.threads {
            // A thread that began since then began with nothing.
            let earlier = before.threads[thread]
            let cpu = max(times.cpu - (earlier?.cpu ?? 0), 0) / seconds
            let wait = max(times.wait - (earlier?.wait ?? 0), 0) / seconds
            sum.busiestThread = max(sum.busiestThread, min(cpu, 1))
            sum.runQueueWait += wait
            sum.longestWait = max(sum.longestWait, min(wait, 1))
        }
        load = sum
    }

    // MARK: Which processes

    /// Processes of each component: those that the sources name, and everything below them.
    private func members() -> [[Int32]] {
        let needsAll = sources.contains { $0.needsProcessList }
        var stats: [Int32: ProcessStat] = [:]
        if needsAll { for pid in ProcText.numbers("/proc") { stats[pid] = ProcessStat.read(pid) } }
        var children: [Int32: [Int32]] = [:]
        for (pid, stat) in stats { children[stat.parent, default: []].append(pid) }
        // A process that a source names belongs to that source's component, whoever started it.
        var taken: Set<Int32> = []
        let roots = components.map { component in
            sources.filter { $0.component == component }.flatMap { Self.roots($0, stats) }
                .filter { taken.insert($0).inserted }
        }
        return zip(components, roots).map { component, roots in
            guard component != Saturation.generator else { return roots }
            var (found, waiting) = (roots, roots)
            while let pid = waiting.popLast() {
                let below = (children[pid] ?? []).filter { taken.insert($0).inserted }
                found += below
                waiting += below
            }
            return found.sorted()
        }
    }

    private static func roots(_ source: WatchSource, _ stats: [Int32: ProcessStat]) -> [Int32] {
        switch source {
        case .pid(_, let pid): return [pid]
        case .pidFile(_, let path):
            // PostgreSQL's postmaster.pid has more lines; the number is the first.
            let line = ProcText.read(path)?.split(whereSeparator: \.isWhitespace).first
            return line.flatMap { Int32($0) }.map { $0 > 0 ? [$0] : [] } ?? []
        case .process(_, let name):
            let wanted = String(decoding: Array(name.utf8).prefix(15), as: UTF8.self)
            return stats.filter { $0.value.name == wanted }.map(\.key).sorted()
        case .scrape: return []
        }
    }
}
