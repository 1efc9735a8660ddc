internal import Foundation

/// Processor time of groups of processes, read from /proc: who saturates the machine.
struct ProcessorShare: Sendable {
    /// Seconds of processor time a group has used.
    private(set) var seconds: [String: Double] = [:]

    private struct Process {
        var parent: Int32
        var name: String
        var seconds: Double
    }

    /// The present totals of everything below this process, grouped by program; those of services by their service.
    static func sample() -> ProcessorShare {
        let processes = running()
        var result = ProcessorShare()
        for (id, process) in processes where isBelow(getpid(), id, processes) {
            guard let group = group(id, process.name) else { continue }
            result.seconds[group, default: 0] += process.seconds
        }
        return result
    }

    /// Processor time since `earlier`, per group, in processors.
    ///
    /// A process that has ended takes its time away: a group whose processes come and go shows too little meanwhile.
    func since(_ earlier: ProcessorShare, elapsed: Double) -> [(group: String, processors: Double)] {
        seconds.map { ($0.key, ($0.value - (earlier.seconds[$0.key] ?? 0)) / max(elapsed, 0.001)) }
            .sorted { $0.1 > $1.1 }
    }

    private static func running() -> [Int32: Process] {
        var processes: [Int32: Process] = [:]
        let tick = Double(sysconf(Int32(_SC_CLK_TCK)))
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let id = Int32(entry), let text = try? String(contentsOfFile: "/proc/\(entry)/stat", encoding: .utf8),
                let close = text.lastIndex(of: ")"), let open = text.firstIndex(of: "(")
            else { continue }
            let fields = text[text.index(close, offsetBy: 2)...].split(separator: " ")
            guard fields.count > 13, let parent = Int32(fields[1]), let user = Double(fields[11]),
                let system = Double(fields[12])
            else { continue }
            processes[id] = Process(
                parent: parent, name: String(text[text.index(after: open)..<close]), seconds: (user + system) / tick)
        }
        return processes
    }

    private static func isBelow(_ root: Int32, _ id: Int32, _ processes: [Int32: Process]) -> Bool {
        var next = id
        // No tree of ours is deeper; a number that was given again ends the walk.
        for _ in 0..<64 {
            if next == root { return true }
            guard let parent = processes[next]?.parent, parent > 0 else { return false }
            next = parent
        }
        return false
    }

    private static func group(_ id: Int32, _ name: String) -> String? {
        guard name == "springtide" else { return groups[name] }
        let line = (try? String(contentsOfFile: "/proc/\(id)/cmdline", encoding: .utf8)) ?? ""
        let words = line.split(separator: "\0")
        if words.contains("supervise") { return "supervisor" }
        guard let serve = words.firstIndex(of: "serve"), words.count > serve + 1 else { return groups[name] }
        return ReplicaSettings.names.contains(String(words[serve + 1])) ? "\(words[serve + 1]) replicas" : groups[name]
    }

    private static let groups = [
        "springtide": "trading node", "loadgen": "load generator", "redis-server": "Redis", "postgres": "PostgreSQL",
        "autoscaler": "sidecar",
    ]
}
