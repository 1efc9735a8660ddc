/// Readings of the whole machine, from which intervals follow by subtraction.
package struct MachineReading: Equatable {
    /// CPU time of what runs here, time in which a task was ready and the hypervisor ran somebody else's, and all of it:
    /// ticks over all processors.
    package var busyTicks = 0.0
    package var stealTicks = 0.0
    package var allTicks = 0.0
    /// `some` totals of PSI, seconds: CPU, memory, disk; nil where the kernel has none.
    package var waited: [Double]?

    /// Nothing yet.
    package init() {}

    /// The figures now.
    package static func now() -> MachineReading {
        var reading = MachineReading()
        if let line = ProcText.read("/proc/stat")?.split(separator: "\n").first { reading.readCPU(line) }
        let totals = ["cpu", "memory", "io"].compactMap { name in
            ProcText.read("/proc/pressure/\(name)").flatMap(pressureTotal)
        }
        reading.waited = totals.count == 3 ? totals : nil
        return reading
    }

    /// The line `cpu user nice system idle iowait irq softirq steal ...`; waiting for a disk is idle.
    package mutating func readCPU(_ line: Substring) {
        let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0) }
        guard ticks.count == 8 else { return }
        allTicks = ticks.reduce(0, +)
        stealTicks = ticks[7]
        busyTicks = allTicks - ticks[3] - ticks[4] - stealTicks
    }

    /// Seconds in which some task waited, from the text of a PSI file.
    package static func pressureTotal(_ text: String) -> Double? {
        let line = text.split(separator: "\n").first { $0.hasPrefix("some ") }
        let field = line?.split(separator: " ").first { $0.hasPrefix("total=") }
        return field.flatMap { Double($0.dropFirst(6)) }.map { $0 / 1e6 }
    }

    /// CPU use since an earlier reading, 0...1.
    package func cpu(since earlier: MachineReading) -> Double? { share(\.busyTicks, since: earlier) }

    /// Share of the CPU that the hypervisor withheld since an earlier reading, 0...1.
    package func steal(since earlier: MachineReading) -> Double? { share(\.stealTicks, since: earlier) }

    private func share(_ ticks: KeyPath<MachineReading, Double>, since earlier: MachineReading) -> Double? {
        let all = allTicks - earlier.allTicks
        return all > 0 ? min(max((self[keyPath: ticks] - earlier[keyPath: ticks]) / all, 0), 1) : nil
    }

    /// Pressure since an earlier reading that was so many seconds ago.
    package func pressure(since earlier: MachineReading, seconds: Double) -> MachinePressure? {
        guard let now = waited, let before = earlier.waited, seconds > 0 else { return nil }
        func share(_ index: Int) -> Double { min(max((now[index] - before[index]) / seconds, 0), 1) }
        var pressure = MachinePressure()
        (pressure.cpu, pressure.memory, pressure.io) = (share(0), share(1), share(2))
        return pressure
    }
}
