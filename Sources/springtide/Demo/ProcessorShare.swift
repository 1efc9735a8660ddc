internal import Foundation

/// Processor time of groups of processes, read from /proc: who saturates the machine.
struct ProcessorShare: Sendable {
    /// Seconds of processor time a group has used.
    private(set) var seconds: [String: Double] = [:]

    /// The present totals of everything below this process, grouped by program.
    static func sample() -> ProcessorShare {
        var result = ProcessorShare()
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let tick = Double(sysconf(Int32(_SC_CLK_TCK)))
        for entry in entries where entry.allSatisfy(\.isNumber) {
            guard let text = try? String(contentsOfFile: "/proc/\(entry)/stat", encoding: .utf8),
                let close = text.lastIndex(of: ")"), let open = text.firstIndex(of: "(")
            else { continue }
            let name = String(text[text.index(after: open)..<close])
            guard let group = groups[name] else { continue }
            let fields = text[text.index(close, offsetBy: 2)...].split(separator: " ")
            guard fields.count > 13, let user = Double(fields[11]), let system = Double(fields[12]) else { continue }
            result.seconds[group, default: 0] += (user + system) / tick
        }
        return result
    }

    /// Processor time since `earlier`, per group, in processors.
    func since(_ earlier: ProcessorShare, elapsed: Double) -> [(group: String, processors: Double)] {
        seconds.map { ($0.key, ($0.value - (earlier.seconds[$0.key] ?? 0)) / max(elapsed, 0.001)) }
            .sorted { $0.1 > $1.1 }
    }

    private static let groups = [
        "springtide": "trading node", "loadgen": "load generator", "redis-server": "Redis", "postgres": "PostgreSQL",
    ]
}
