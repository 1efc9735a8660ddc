extension ChainProfile {
    /// The profile as YAML, as `autoscaler` reads it in its key `chain` or in a file of its own.
    ///
    /// - Parameter comments: lines written above it.
    public func yaml(comments: [String] = []) -> String {
        var lines = comments.map { "# \($0)" }
        lines.append("classes:")
        for (name, share) in zip(classes, mix) { lines.append("  \(Self.key(name)): \(share)") }
        lines.append("latency_target: \(Self.time(latencyTarget))")
        if let processorBudget { lines.append("processor_budget: \(processorBudget)") }
        lines.append("services:")
        for service in services { lines += Self.lines(service, classes) }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func lines(_ service: ServiceProfile, _ classes: [String]) -> [String] {
        let visits = zip(classes, service.visits).map { "\(key($0)): \($1)" }.joined(separator: ", ")
        let startup = service.startup
        var lines = [
            "  - name: \(key(service.name))",
            "    replicas: {min: \(service.bounds.lowerBound), max: \(service.bounds.upperBound)}",
            "    processors: \(service.processors)",
            "    workers: \(service.workers)",
            "    service_time: \(time(service.serviceTime))",
            "    service_variation: \(service.serviceVariation)",
            "    arrival_variation: \(service.arrivalVariation)",
            "    visits: {\(visits)}",
            "    latency_budget: \(time(service.latencyBudget))",
            "    startup: {from: \(time(startup.range.lowerBound)), to: \(time(startup.range.upperBound)), "
                + "failures: \(startup.failureShare)}",
            "    cache: {hit_ratio: \(service.cache.hitRatio), warmup: \(time(service.cache.warmup)), "
                + "miss_factor: \(service.cache.missFactor)}",
        ]
        if service.sharing != ServiceProfile.Sharing() {
            lines.append(
                "    sharing: {contention: \(service.sharing.contention), coherence: \(service.sharing.coherence)}")
        }
        if let unloaded = service.unloaded {
            let pause = unloaded.pause > 0 ? ", pause: \(time(unloaded.pause))" : ""
            lines.append(
                "    unloaded: {mean: \(time(unloaded.mean)), variation: \(unloaded.variation)\(pause)}")
        }
        if service.isParallel { lines.append("    parallel: true") }
        if service.discipline != .queue { lines.append("    discipline: \(service.discipline.name)") }
        return lines
    }

    /// A time with its unit, to a nanosecond.
    static func time(_ seconds: Double) -> String {
        let (value, unit) =
            if seconds >= 1 {
                (seconds, "s")
            } else if seconds >= 0.001 {
                (seconds * 1e3, "ms")
            } else {
                (seconds * 1e6, "us")
            }
        let scale = unit == "s" ? 1e9 : unit == "ms" ? 1e6 : 1e3
        let rounded = (value * scale).rounded() / scale
        return rounded == rounded.rounded() ? "\(Int(rounded))\(unit)" : "\(rounded)\(unit)"
    }

    /// A name as YAML's plain text where that is safe, else in quotes.
    private static func key(_ name: String) -> String {
        let words: Set = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        let isPlain = name.utf8.enumerated().allSatisfy { index, byte in
            let isLetter = (65...90).contains(byte) || (97...122).contains(byte)
            return isLetter || (index > 0 && ((48...57).contains(byte) || byte == 45 || byte == 95))
        }
        if isPlain, !name.isEmpty, !words.contains(name.lowercased()) { return name }
        var quoted = "\""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 32:
                quoted += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
