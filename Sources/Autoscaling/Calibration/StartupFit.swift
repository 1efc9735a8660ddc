extension ServiceProfile.Startup {
    /// The distribution of measured start-ups: seconds from order to readiness, nil for those that never became ready.
    ///
    /// With n times the range is that of a uniform distribution: below 40 the extremes moved out by their distance over
    /// n - 1, from 40 on the 5th and 95th percentiles moved out by a 18th of their distance, so that single stragglers,
    /// which the simulator adds by itself, do not widen it.
    /// - Throws: where no replica became ready, or a time is negative or not finite.
    public init(measured times: [Double?]) throws(SimulationFault) {
        let ready = times.compactMap { $0 }.sorted()
        guard let first = ready.first, let last = ready.last else {
            throw SimulationFault(.measurement, "no start-up that ended; there were \(times.count) in all")
        }
        guard first >= 0, last <= 3_600 else {
            throw SimulationFault(.measurement, "start-up times are 0...3600 s; these reach from \(first) to \(last)")
        }
        let failures = Double(times.count - ready.count) / Double(times.count)
        let (low, high, spread): (Double, Double, Double)
        if ready.count < 40 {
            (low, high) = (first, last)
            spread = ready.count > 1 ? (last - first) / Double(ready.count - 1) : 0
        } else {
            (low, high) = (ready[ready.count / 20], ready[ready.count - 1 - ready.count / 20])
            spread = (high - low) / 18
        }
        self.init(range: max(0, low - spread)...high + spread, failureShare: failures)
    }

    /// The start-ups in comma-separated text with the columns `service,ordered,ready` in seconds; an empty `ready` is a
    /// replica that never became ready.
    public static func read(
        _ text: String, name: String
    ) throws(SimulationFault) -> [(service: String, startup: ServiceProfile.Startup)] {
        let table = try CommaTable(text, name: name, columns: ["service", "ordered", "ready"])
        var names: [String] = []
        var times: [String: [Double?]] = [:]
        for row in table.rows {
            let ordered = try row.number(1)
            let ready: Double? = row.cells[2].isEmpty ? nil : try row.number(2) - ordered
            if let ready, ready < 0 {
                throw SimulationFault(.malformed, "\(row.place): ready before it was ordered")
            }
            if times[row.cells[0]] == nil { names.append(row.cells[0]) }
            times[row.cells[0], default: []].append(ready)
        }
        var found: [(service: String, startup: ServiceProfile.Startup)] = []
        for name in names {
            found.append((name, try ServiceProfile.Startup(measured: times[name] ?? [])))
        }
        return found
    }
}

/// Visits of services by requests of each class, counted from traces or counters.
public struct VisitCounts: Sendable, Equatable {
    /// Classes in the order of their first row.
    public private(set) var classes: [String] = []
    /// Requests of each class.
    public private(set) var requests: [Double] = []
    /// Visits: one row a service, one number a class.
    public private(set) var visits: [(service: String, counts: [Double])] = []

    /// Counts from comma-separated text with the columns `class,service,requests,visits`: so many requests of the class
    /// were seen, and so many visits of the service by them.
    public init(_ text: String, name: String) throws(SimulationFault) {
        let table = try CommaTable(text, name: name, columns: ["class", "service", "requests", "visits"])
        for row in table.rows {
            let (seen, count) = (try row.number(2), try row.number(3))
            guard seen > 0, count >= 0 else {
                throw SimulationFault(.malformed, "\(row.place): requests are more than 0, visits 0 or more")
            }
            let index = classes.firstIndex(of: row.cells[0]) ?? classes.count
            if index == classes.count {
                classes.append(row.cells[0])
                requests.append(seen)
                for service in visits.indices { visits[service].counts.append(0) }
            }
            guard requests[index] == seen else {
                throw SimulationFault(
                    .malformed,
                    "\(row.place): class '\(row.cells[0])' has \(seen) requests here, \(requests[index]) above")
            }
            if let service = visits.firstIndex(where: { $0.service == row.cells[1] }) {
                visits[service].counts[index] += count
            } else {
                var counts = [Double](repeating: 0, count: classes.count)
                counts[index] = count
                visits.append((row.cells[1], counts))
            }
        }
        guard !visits.isEmpty else { throw SimulationFault(.malformed, "\(name) has no rows below its header") }
    }

    /// Share of each class in the requests.
    public var mix: [Double] {
        let total = requests.reduce(0, +)
        return requests.map { $0 / total }
    }

    /// Visits of a service by one request of each class; nil for a service that was not counted.
    public func ratios(of service: String) -> [Double]? {
        visits.first { $0.service == service }.map { zip($0.counts, requests).map { $0 / $1 } }
    }

    public static func == (a: VisitCounts, b: VisitCounts) -> Bool {
        a.classes == b.classes && a.requests == b.requests
            && a.visits.map(\.service) == b.visits.map(\.service) && a.visits.map(\.counts) == b.visits.map(\.counts)
    }
}
