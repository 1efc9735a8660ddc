internal import Glibc

/// What this process has used so far, read from `/proc/self` and `getrusage`.
///
/// Linux only. A file that cannot be read leaves its figure at 0: metrics never fail their process.
public struct ProcessMetrics: Sendable, Equatable {
    /// CPU time of all threads, user and system, seconds.
    public var cpuSeconds: Double
    /// Resident set, bytes.
    public var residentBytes: UInt64
    /// Open file descriptors.
    public var openDescriptors: Int
    /// When the process started, seconds since 1970 UTC.
    public var startTimeSeconds: Double
    /// Time the live threads have waited, runnable, for a CPU: field 2 of each thread's `schedstat`, seconds.
    ///
    /// A thread that ends takes its share away; compare samples taken while the same threads live.
    public var runQueueWaitSeconds: Double

    /// The figures now; costs some ten system calls and two a thread.
    public static func sample() -> ProcessMetrics {
        ProcessMetrics(
            cpuSeconds: cpuSecondsNow(), residentBytes: residentBytesNow(),
            openDescriptors: max(0, ProcFile.entries("/proc/self/fd").count - 1), startTimeSeconds: startTimeNow(),
            runQueueWaitSeconds: runQueueWaitNow())
    }

    /// CPU time of the calling thread, seconds.
    public static func threadCPUSeconds() -> Double {
        var time = timespec()
        guard unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0 else { return 0 }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Time the calling thread has waited, runnable, for a CPU, seconds.
    public static func threadRunQueueWaitSeconds() -> Double {
        schedstatWait("/proc/thread-self/schedstat")
    }

    /// Registers `process_*` and `machine_*` metrics, read whenever the text is written.
    public static func register(in registry: MetricsRegistry) {
        registry.computed("process_cpu_seconds_total", "CPU time of the process, user and system.") { cpuSecondsNow() }
        registry.computed("process_resident_memory_bytes", "Resident set of the process.") {
            Double(residentBytesNow())
        }
        registry.computed("process_open_fds", "Open file descriptors.") {
            Double(max(0, ProcFile.entries("/proc/self/fd").count - 1))
        }
        let start = startTimeNow()
        registry.computed("process_start_time_seconds", "Start of the process since 1970 UTC.") { start }
        registry.computed(
            "process_run_queue_wait_seconds", "Time the live threads waited, runnable, for a CPU."
        ) { runQueueWaitNow() }
        MachineMetrics.register(in: registry)
    }

    private static func cpuSecondsNow() -> Double {
        var usage = rusage()
        guard unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static func residentBytesNow() -> UInt64 {
        let fields = ProcFile.text("/proc/self/statm").split(separator: " ")
        guard fields.count > 1, let pages = UInt64(fields[1]) else { return 0 }
        return pages * UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
    }

    /// Field 22 of `stat` (ticks after boot; the name in field 2 may hold spaces) plus the boot time.
    private static func startTimeNow() -> Double {
        let stat = ProcFile.text("/proc/self/stat")
        guard let close = stat.lastIndex(of: ")") else { return 0 }
        let fields = stat[close...].split(separator: " ")
        let boot = ProcFile.text("/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
        guard fields.count > 20, let ticks = Double(fields[20]), let boot, let base = Double(boot.dropFirst(6)) else {
            return 0
        }
        return base + ticks / Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    }

    private static func runQueueWaitNow() -> Double {
        ProcFile.entries("/proc/self/task").reduce(0) { $0 + schedstatWait("/proc/self/task/\($1)/schedstat") }
    }

    private static func schedstatWait(_ path: String) -> Double {
        let fields = ProcFile.text(path).split(separator: " ")
        return fields.count > 1 ? (Double(fields[1]) ?? 0) / 1e9 : 0
    }
}

/// Pressure on the machine's CPUs, from `/proc/pressure/cpu` (Linux PSI).
public struct MachineMetrics: Sendable, Equatable {
    /// Share of the last 10 s in which some task waited for a CPU, 0...1.
    public var cpuPressureRatio: Double
    /// Time in which some task waited for a CPU since boot, seconds.
    public var cpuPressureSeconds: Double

    /// The figures now; zero where the kernel has no PSI.
    public static func sample() -> MachineMetrics { parse(ProcFile.text("/proc/pressure/cpu")) }

    /// The figures in the text of `/proc/pressure/cpu`.
    public static func parse(_ text: String) -> MachineMetrics {
        var metrics = MachineMetrics(cpuPressureRatio: 0, cpuPressureSeconds: 0)
        let some = text.split(separator: "\n").first { $0.hasPrefix("some ") } ?? ""
        for field in some.split(separator: " ") {
            if field.hasPrefix("avg10=") { metrics.cpuPressureRatio = (Double(field.dropFirst(6)) ?? 0) / 100 }
            if field.hasPrefix("total=") { metrics.cpuPressureSeconds = (Double(field.dropFirst(6)) ?? 0) / 1e6 }
        }
        return metrics
    }

    static func register(in registry: MetricsRegistry) {
        registry.computed("machine_cpu_pressure_ratio", "Share of 10 s in which some task waited for a CPU.") {
            sample().cpuPressureRatio
        }
        registry.computed(
            "machine_cpu_pressure_seconds_total", "Time in which some task waited for a CPU, since boot."
        ) { sample().cpuPressureSeconds }
    }
}
