internal import Glibc

/// The machine a run took place on, as far as it matters for its figures.
enum HostFacts {
    static func list() -> [(name: String, value: String)] {
        var facts: [(name: String, value: String)] = []
        if let name = line("/proc/sys/kernel/hostname") { facts.append(("name", name)) }
        if let release = line("/proc/sys/kernel/osrelease") { facts.append(("kernel", release)) }
        if let model = field("/proc/cpuinfo", "model name") { facts.append(("processor", model)) }
        facts.append(("processors", "\(sysconf(Int32(_SC_NPROCESSORS_ONLN)))"))
        if let memory = field("/proc/meminfo", "MemTotal") { facts.append(("memory", memory)) }
        if let load = line("/proc/loadavg") {
            facts.append(("load_average", load.split(separator: " ").prefix(3).joined(separator: " ")))
        }
        return facts
    }

    private static func line(_ path: String) -> String? {
        guard let text = try? TextFile.read(path) else { return nil }
        return text.split(separator: "\n").first.map { String($0) }
    }

    private static func field(_ path: String, _ key: String) -> String? {
        guard let text = try? TextFile.read(path) else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix(key) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            return String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        return nil
    }
}
