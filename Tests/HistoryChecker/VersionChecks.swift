extension HistoryChecker {
    /// A1, A2, A3, A8 and A12: what a read returned, against the versions of L3.
    mutating func checkVersions() {
        for index in history.operations.indices {
            let operation = history.operations[index]
            guard operation.kind != .write, operation.outcome == .ok else { continue }
            var isSound = true
            for item in history.observations(of: index) {
                if !checkOrigin(item, index) { isSound = false }
                checkCertificate(item, index)
            }
            let isSnapshot = operation.kind == .snapshot || operation.kind == .strict
            if isSound, isSnapshot, !operation.isStale { checkSnapshot(index, operation) }
        }
    }

    /// Whether the version is in L3, with that value.
    private mutating func checkOrigin(_ item: Observation, _ index: Int) -> Bool {
        let writer = item.value == Observation.unknown ? nil : writers[Pair(key: item.key, value: item.value)]
        let slice = [index] + (writer.map { [$0.operation] } ?? [])
        let place = item.version == 0 ? nil : order.place(item.key, item.version)
        let isKnown = item.version == 0 || place != nil
        let actual = place.map { order.versions[$0].value } ?? 0
        if isKnown, item.value == Observation.unknown || item.value == actual { return true }
        if let writer, !writer.isFinal {
            report.add(
                .intermediateRead, "key \(item.key)@\(item.version) has a value that its own transaction replaced",
                inTime(slice), near(item.key, item.version))
        } else if let writer, tickets[history.operations[writer.operation].attempt] == nil {
            report.add(
                .abortedRead, "key \(item.key)@\(item.version) has the value of a write that never committed",
                inTime(slice), near(item.key, item.version))
        } else if !isKnown, writer != nil || item.value == 0 || item.value == Observation.unknown {
            report.add(
                .abortedRead, "key \(item.key)@\(item.version) is not among the versions of L3", inTime(slice),
                near(item.key, item.version))
        } else {
            let truth = isKnown ? "value \(actual)" : "no such version"
            report.add(
                .garbage, "key \(item.key)@\(item.version) was returned as value \(item.value), L3 has \(truth)",
                inTime(slice), near(item.key, item.version))
        }
        return false
    }

    private mutating func checkCertificate(_ item: Observation, _ index: Int) {
        if item.asOf < item.version {
            report.add(
                .untrueCertificate, "key \(item.key)@\(item.version) is said to be current at \(item.asOf)", [index],
                near(item.key, item.version))
        }
        guard let next = order.next(item.key, after: item.version), order.versions[next].ticket <= item.asOf else {
            return
        }
        let newer = order.versions[next]
        report.add(
            .untrueCertificate,
            "key \(item.key)@\(item.version) is said to be the newest at \(item.asOf), but @\(newer.ticket) is newer",
            inTime([index] + (attempts[newer.attempt].map { [$0] } ?? [])), near(item.key, item.version))
    }

    private mutating func checkSnapshot(_ index: Int, _ operation: Operation) {
        var (low, high) = (UInt64(0), UInt64.max)
        var (oldest, newest): (Observation?, Observation?)
        for item in history.observations(of: index) {
            if newest == nil || item.version > low { (low, newest) = (max(low, item.version), item) }
            let end = order.next(item.key, after: item.version).map { order.versions[$0].ticket } ?? .max
            if oldest == nil || end < high { (high, oldest) = (min(high, end), item) }
        }
        guard let oldest, let newest else { return }
        let versions = near(oldest.key, oldest.version) + near(newest.key, newest.version)
        if low >= high {
            report.add(
                .fracturedSnapshot,
                "key \(newest.key)@\(newest.version) and key \(oldest.key)@\(oldest.version) never held together",
                [index], versions)
        } else if operation.kind == .snapshot, !(low..<high).contains(operation.ticket) {
            report.add(
                .fracturedSnapshot,
                "the values held together in \(low)..<\(high), not at the ticket reported, \(operation.ticket)",
                [index], versions)
        }
    }
}
