internal import Telemetry

/// A comparison for a terminal, a page and a script.
public enum ComparisonText {
    private static let head = [
        "operation", "figure", "first", "95 % interval", "second", "95 % interval", "change", "",
    ]

    /// The verdict in one sentence.
    public static func sentence(_ comparison: RunComparison) -> String {
        let different = comparison.rows.filter(\.isDifferent)
        guard !different.isEmpty else { return "No difference beyond chance." }
        let named = different.prefix(3).map { row in
            "\(row.measure) of \(row.operation) \(change(row))"
        }
        let rest = different.count > 3 ? " and \(different.count - 3) more" : ""
        return "The second run differs beyond chance: \(named.joined(separator: ", "))\(rest)."
    }

    /// Table, notes and verdict.
    public static func text(_ comparison: RunComparison) -> String {
        let rows = [head] + cells(comparison)
        let widths = head.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var lines = rows.map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
                let pad = String(repeating: " ", count: widths[index] - cell.count)
                line += index < 2 || index == 7 ? cell + pad + "  " : pad + cell + "  "
            }
            while line.last == " " { line.removeLast() }
            return line
        }
        lines += comparison.notes.map { "note: \($0)" }
        return (lines + ["compare = \(sentence(comparison))"]).joined(separator: "\n") + "\n"
    }

    /// The table for the page of the second run.
    public static func section(_ comparison: RunComparison) -> ServerSection {
        ServerSection(
            title: "Comparison with the first run",
            note: ([sentence(comparison)] + comparison.notes).joined(separator: " "),
            status: comparison.isDifferent ? "warn" : "ok", hasHeader: true, rows: [head] + cells(comparison))
    }

    /// The comparison as a JSON object; times in microseconds.
    public static func json(_ comparison: RunComparison) -> String {
        let rows = comparison.rows.map { row in
            func estimate(_ estimate: RunComparison.Estimate) -> JSONValue {
                let scale = row.isTime ? 1e-3 : 1
                return .object([
                    ("value", .number(estimate.value * scale)), ("low", .number(estimate.low * scale)),
                    ("high", .number(estimate.high * scale)),
                ])
            }
            return JSONValue.object([
                ("operation", .string(row.operation)), ("measure", .string(row.measure)),
                ("unit", .string(row.isTime ? "us" : "ratio")), ("first", estimate(row.a)),
                ("second", estimate(row.b)), ("change", row.change.map { .number($0) } ?? .null),
                ("chance", row.chance.map { .number($0) } ?? .null), ("different", .bool(row.isDifferent)),
            ])
        }
        return JSONValue.object([
            ("schema_version", .count(1)), ("different", .bool(comparison.isDifferent)),
            ("sentence", .string(sentence(comparison))), ("notes", .array(comparison.notes.map { .string($0) })),
            ("rows", .array(rows)),
        ]).text() + "\n"
    }

    private static func cells(_ comparison: RunComparison) -> [[String]] {
        comparison.rows.map { row in
            [
                row.operation, row.measure, figure(row.a.value, row), interval(row.a, row), figure(row.b.value, row),
                interval(row.b, row), change(row),
                row.chance == nil ? "too few" : row.isDifferent ? "DIFFERS" : "",
            ]
        }
    }

    private static func figure(_ value: Double, _ row: RunComparison.Row) -> String {
        row.isTime ? Readable.duration(value) : Readable.percent(value)
    }

    private static func interval(_ estimate: RunComparison.Estimate, _ row: RunComparison.Row) -> String {
        "\(figure(estimate.low, row)) to \(figure(estimate.high, row))"
    }

    private static func change(_ row: RunComparison.Row) -> String {
        guard let change = row.change else { return row.b.value > 0 ? "new" : "-" }
        return (change > 0 ? "+" : "") + "\(Readable.plain((change * 1_000).rounded() / 10)) %"
    }
}
