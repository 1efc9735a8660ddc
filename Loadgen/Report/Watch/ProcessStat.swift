internal import Glibc

/// The part of `/proc/PID/stat` (proc(5)) that the watch needs.
package struct ProcessStat: Equatable {
    /// Field 2, at most 15 bytes.
    package var name: String
    /// Field 4.
    package var parent: Int32
    /// Fields 14 and 15 together, seconds.
    package var cpuSeconds: Double
    /// Field 22, ticks after boot: with the number it names a process for good.
    package var startTicks: UInt64
    /// Field 24, bytes.
    package var residentBytes: Double

    /// The figures in the text of a `stat` file; nil for anything else. The name may hold spaces and brackets.
    package init?(_ text: String, ticksPerSecond: Double, pageBytes: Double) {
        guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"), open < close else { return nil }
        name = String(text[text.index(after: open)..<close])
        let fields = text[text.index(after: close)...].split(separator: " ")
        guard fields.count > 21, let parent = Int32(fields[1]), let user = Double(fields[11]),
            let system = Double(fields[12]), let start = UInt64(fields[19]), let pages = Double(fields[21])
        else { return nil }
        self.parent = parent
        cpuSeconds = (user + system) / ticksPerSecond
        startTicks = start
        residentBytes = max(pages, 0) * pageBytes
    }

    /// The figures of a process now; nil where there is none.
    static func read(_ pid: Int32) -> ProcessStat? {
        guard let text = ProcText.read("/proc/\(pid)/stat") else { return nil }
        return ProcessStat(
            text, ticksPerSecond: Double(max(sysconf(Int32(_SC_CLK_TCK)), 1)),
            pageBytes: Double(max(sysconf(Int32(_SC_PAGESIZE)), 1)))
    }
}

/// CPU time and run-queue wait of one thread, seconds, from `schedstat`: two numbers of nanoseconds and a count.
package struct ThreadTimes: Equatable {
    package var cpu: Double
    package var wait: Double

    package init?(_ text: String) {
        let fields = text.split(whereSeparator: \.isWhitespace)
        guard fields.count >= 2, let cpu = Double(fields[0]), let wait = Double(fields[1]) else { return nil }
        (self.cpu, self.wait) = (cpu / 1e9, wait / 1e9)
    }
}
