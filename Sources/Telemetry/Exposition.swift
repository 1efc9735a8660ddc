/// The text formats: Prometheus 0.0.4 and OpenMetrics 1.0.
enum Exposition {
    static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(48...57).contains(first) else { return false }
        return name.utf8.allSatisfy {
            $0 == 95 || (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
        }
    }

    /// `a="x",b="y"`, sorted by name, values escaped.
    static func labels(_ labels: MetricsRegistry.Labels) -> String {
        labels.sorted { $0.name < $1.name }.map { label in
            precondition(isName(label.name), "not a label name: \(label.name)")
            return "\(label.name)=\"\(escape(label.value, quotes: true))\""
        }.joined(separator: ",")
    }

    private static func escape(_ text: String, quotes: Bool) -> String {
        var out = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\"" where quotes: out += "\\\""
            default: out.unicodeScalars.append(character)
            }
        }
        return out
    }

    static func text(_ families: [String: MetricsRegistry.Family], openMetrics: Bool) -> String {
        var out = ""
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            let base = openMetrics && name.hasSuffix("_total") ? String(name.dropLast(6)) : name
            out += "# HELP \(base) \(escape(family.help, quotes: openMetrics))\n"
            out += "# TYPE \(base) \(family.kind.rawValue)\n"
            for (labels, cell) in family.series.sorted(by: { $0.key < $1.key }) {
                append(name, labels, cell, &out)
            }
        }
        if openMetrics { out += "# EOF\n" }
        return out
    }

    private static func append(_ name: String, _ labels: String, _ cell: MetricsRegistry.Cell, _ out: inout String) {
        let braces = labels.isEmpty ? "" : "{\(labels)}"
        switch cell {
        case .counter(let counter): out += "\(name)\(braces) \(counter.value)\n"
        case .gauge(let gauge): out += "\(name)\(braces) \(number(gauge.value))\n"
        case .computed(let value): out += "\(name)\(braces) \(number(value()))\n"
        case .histogram(let histogram):
            let (counts, sum) = histogram.snapshot
            let comma = labels.isEmpty ? "" : ","
            var total: UInt64 = 0
            for (index, count) in counts.enumerated() {
                total += count
                let bound = index < histogram.bounds.count ? number(histogram.bounds[index]) : "+Inf"
                out += "\(name)_bucket{\(labels)\(comma)le=\"\(bound)\"} \(total)\n"
            }
            out += "\(name)_sum\(braces) \(number(sum))\n\(name)_count\(braces) \(total)\n"
        }
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return "\(value)"
    }
}
