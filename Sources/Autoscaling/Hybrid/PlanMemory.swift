/// Plans that were chosen for past loads, found again by similar loads (Sim-DRS, Algorithm 2, as read in the paper
/// notes: nearest neighbours by weighted L1 instead of k-means run anew).
public struct PlanMemory: Sendable {
    /// One past decision.
    struct Entry: Sendable {
        var rates: [Double]
        var genome: [Int]
    }

    /// Most plans kept; the oldest goes first.
    public let capacity: Int
    private var entries: [Entry] = []
    private var written = 0

    /// A memory without plans; `capacity` is at least 1.
    public init(capacity: Int = 256) {
        precondition(capacity >= 1, "a memory of \(capacity) plans")
        self.capacity = capacity
    }

    /// Number of plans kept.
    public var count: Int { entries.count }

    /// Keeps the plan chosen for `rates`, in place of the oldest once full.
    public mutating func remember(rates: [Double], genome: [Int]) {
        let entry = Entry(rates: rates, genome: genome)
        if entries.count < capacity {
            entries.append(entry)
        } else {
            entries[written % capacity] = entry
        }
        written += 1
    }

    /// The `countMax` plans whose loads were nearest, nearest first, replicas adjusted by the change of need.
    ///
    /// The distance is Σ_j |Δrate_j| / capacity_j: differences in replicas. A plan gets, for each service, the difference
    /// of ceil(rate / (capacity · u*)) between now and then; equal plans are listed once. The caller repairs them.
    public func similar(
        rates: [Double], profile: ChainProfile, utilisation: Double, countMax: Int
    ) -> [[Int]] {
        let weights = profile.services.map { 1 / $0.capacity }
        let distances = entries.map { entry in
            rates.indices.reduce(0.0) { $0 + abs(entry.rates[$1] - rates[$1]) * weights[$1] }
        }
        let order = entries.indices.sorted { (distances[$0], $0) < (distances[$1], $1) }
        var plans: [[Int]] = []
        for index in order where plans.count < countMax {
            var genome = entries[index].genome
            for service in rates.indices {
                let station = profile.services[service]
                genome[service] +=
                    station.replicas(serving: rates[service], utilisation: utilisation)
                    - station.replicas(serving: entries[index].rates[service], utilisation: utilisation)
            }
            if !plans.contains(genome) { plans.append(genome) }
        }
        return plans
    }
}
