/// A page of metrics in Prometheus' text format 0.0.4, as the services answer at `/metrics`.
///
/// Lines that are no sample (comments, blank lines, numbers that cannot be read) are left out: a figure that is missed
/// by `MetricsSource` is an error there.
public struct MetricsText: Sendable, Equatable {
    private struct Series: Sendable, Equatable {
        let name: Substring
        let labels: Substring
        let value: Double
    }

    private let series: [Series]

    /// Parses a page.
    public init(_ text: String) {
        var series: [Series] = []
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let closing = line.lastIndex(of: "}")
            let labelled = closing.map { line[line.index(after: $0)...] }
            guard let blank = (labelled ?? line).firstIndex(of: " ") else { continue }
            // A second number after the value is a time, which is not needed.
            guard let word = line[blank...].split(separator: " ").first, let value = Double(word) else { continue }
            let full = line[..<blank]
            let brace = full.firstIndex(of: "{") ?? full.endIndex
            series.append(Series(name: full[..<brace], labels: full[brace...].dropFirst().dropLast(), value: value))
        }
        self.series = series
    }

    /// Sum of the series of `name` whose labels hold every one of `labels`, such as `direction="in"`; nil if there is
    /// none.
    public func sum(_ name: String, _ labels: [String]) -> Double? {
        let found = series.filter { series in
            series.name == name && labels.allSatisfy { Self.holds(series.labels, $0) }
        }
        return found.isEmpty ? nil : found.reduce(0) { $0 + $1.value }
    }

    /// Whether a list such as `a="x",b="y"` has the label `wanted` (`b="y"`), not just one that ends like it.
    private static func holds(_ list: Substring, _ wanted: String) -> Bool {
        var rest = list
        while !rest.isEmpty {
            if rest.hasPrefix(wanted), rest.count == wanted.count || rest.dropFirst(wanted.count).hasPrefix(",") {
                return true
            }
            // To the comma after the closing quote; commas and escaped quotes may lie within a value.
            guard let opening = rest.firstIndex(of: "\"") else { return false }
            var at = rest.index(after: opening)
            while at < rest.endIndex, rest[at] != "\"" {
                if rest[at] == "\\" { at = rest.index(after: at) }
                if at < rest.endIndex { at = rest.index(after: at) }
            }
            guard at < rest.endIndex else { return false }
            rest = rest[rest.index(after: at)...].dropFirst()
        }
        return false
    }
}
