/// The component that had nothing left to give, and the figure that says so.
public struct Saturation: Sendable, Equatable {
    /// The component's name, `machine`, `hypervisor`, `disk` or `memory`.
    public var component: String
    /// The figure, such as `CPU 97 % of 2 processors`.
    public var evidence: String

    /// CPU of the machine, or of one thread, from which on it counts as used up.
    public static let cpuMin = 0.9
    /// Share of time waiting for a CPU, a disk or memory from which on that counts as short.
    public static let waitMin = 0.1
    /// The component the generator's own samples carry.
    public static let generator = "generator"
    /// The component that is named where processors were withheld.
    public static let hypervisor = "hypervisor"

    /// What was saturated in a stretch of time; nil where nothing that was watched was.
    ///
    /// Rules, first that holds: the generator's thread used 90 % of a processor (its figures are then its own); the
    /// hypervisor withheld 10 % of the processors from tasks that were ready (nobody's figures are then its own); a
    /// component used 90 % of all processors; one thread of a component 90 % of one (which no further processor
    /// helps); all together used 90 % of the machine, where the greatest user is named; some task waited for a disk,
    /// or for memory, 10 % of the time (PSI); a component's thread waited 10 % of the time for a CPU. Among
    /// components that meet a rule the one that exceeds it most is named.
    public static func find(
        in series: WatchSeries, _ range: ClosedRange<Double>, generatorCPU: Double = 0
    ) -> Saturation? {
        if generatorCPU >= cpuMin {
            return Saturation(
                component: generator,
                evidence: "its sending thread used \(Readable.percent(generatorCPU)) of a processor")
        }
        let mean = series.mean(range)
        let loads = zip(series.components, mean.loads).compactMap { name, load in load.map { (name: name, load: $0) } }
        if let steal = mean.machineSteal, steal > waitMin {
            return Saturation(
                component: hypervisor, evidence: "it withheld \(Readable.percent(steal)) of the processors (steal)")
        }
        return busy(loads, series.processors) ?? machine(mean, loads, series.processors) ?? pressed(mean)
            ?? waiting(loads)
    }

    private typealias Named = (name: String, load: ComponentLoad)

    private static func busy(_ loads: [Named], _ processors: Int) -> Saturation? {
        let all = Double(max(processors, 1))
        if let most = loads.max(by: { $0.load.cpu < $1.load.cpu }), most.load.cpu >= cpuMin * all {
            return Saturation(
                component: most.name,
                evidence: "CPU \(Readable.percent(most.load.cpu / all)) of \(counted(processors))")
        }
        guard let most = loads.max(by: { $0.load.busiestThread < $1.load.busiestThread }),
            most.load.busiestThread >= cpuMin
        else { return nil }
        return Saturation(
            component: most.name,
            evidence: "its busiest thread used \(Readable.percent(most.load.busiestThread)) of a processor")
    }

    private static func machine(_ mean: WatchSample, _ loads: [Named], _ processors: Int) -> Saturation? {
        guard let cpu = mean.machineCPU, cpu >= cpuMin else { return nil }
        let total = "all \(counted(processors)) together were \(Readable.percent(cpu)) busy"
        guard let most = loads.max(by: { $0.load.cpu < $1.load.cpu }), most.load.cpu > 0 else {
            return Saturation(component: "machine", evidence: total)
        }
        return Saturation(
            component: "machine",
            evidence: "\(total), most of it by \(most.name) (\(Readable.number(most.load.cpu)) of them)")
    }

    private static func pressed(_ mean: WatchSample) -> Saturation? {
        guard let pressure = mean.pressure else { return nil }
        let (most, name) = pressure.io >= pressure.memory ? (pressure.io, "disk") : (pressure.memory, "memory")
        guard most > waitMin else { return nil }
        return Saturation(component: name, evidence: "some task waited for it \(Readable.percent(most)) of the time")
    }

    private static func waiting(_ loads: [Named]) -> Saturation? {
        guard let most = loads.max(by: { $0.load.longestWait < $1.load.longestWait }),
            most.load.longestWait > waitMin
        else { return nil }
        return Saturation(
            component: most.name,
            evidence: "a thread of it waited for a CPU \(Readable.percent(most.load.longestWait)) of the time")
    }

    private static func counted(_ processors: Int) -> String {
        processors == 1 ? "1 processor" : "\(processors) processors"
    }
}
