internal import Engine
internal import Settings

/// The section `feeders`.
extension PlanReader {
    /// Most rows of a CSV feeder.
    static let rowsMax = 5_000_000

    mutating func readFeeders() throws(SettingsError) {
        let section = try top.section("feeders")
        for (name, place) in section.openKeys() {
            try Self.check(name, place, section.path(of: name))
            guard let value = section.value(name) else { continue }
            plan.feeders.append(FeederPlan(name: name, kind: try feeder(value)))
        }
    }

    private func feeder(_ value: SettingValue) throws(SettingsError) -> FeederPlan.Kind {
        let section = try value.section()
        let types = ["zipf", "uniform", "lognormal", "csv"]
        switch try section.required("type", "is missing: one of \(types.joined(separator: ", "))").word(among: types) {
        case "zipf":
            try section.allow(["type", "size", "exponent", "prefix", "first", "shuffle"])
            return .zipf(
                size: try section.required("size").integer(in: 1...(1 << 30)),
                exponent: try section.number("exponent", default: 1, in: 0...10),
                prefix: try section.text("prefix", default: ""),
                firstNumber: try section.integer("first", default: 0, in: 0...(1 << 40)),
                isShuffled: try section.flag("shuffle", default: false))
        case "uniform":
            try section.allow(["type", "range", "prefix"])
            let range = try section.required("range")
            let bounds = try range.list()
            guard bounds.count == 2 else { throw range.must("be a list of two numbers, such as [1, 1000]") }
            let wide = -(1 << 53)...(1 << 53)
            let (low, high) = (try bounds[0].integer(in: wide), try bounds[1].integer(in: wide))
            guard low <= high else { throw range.error("\(low) is greater than \(high)") }
            return .uniform(low...high, prefix: try section.text("prefix", default: ""))
        case "lognormal": return try lognormal(section)
        default: return try csv(section)
        }
    }

    private func lognormal(_ section: SettingsSection) throws(SettingsError) -> FeederPlan.Kind {
        try section.allow(["type", "mu", "sigma", "round_to", "min", "max"])
        let roundTo = try section.integer("round_to", default: 1, in: 1...1_000_000_000)
        let least = try section.integer("min", default: roundTo, in: 0...1_000_000_000_000)
        let greatest = try section.integer("max", default: 1_000_000_000_000, in: 0...1_000_000_000_000)
        guard least <= greatest else { throw section.error("min", "\(least) is greater than max, \(greatest)") }
        return .lognormal(
            mu: try section.required("mu").number(in: -20...25),
            sigma: try section.required("sigma").number(in: 0...10), roundTo: roundTo, min: least, max: greatest)
    }

    private func csv(_ section: SettingsSection) throws(SettingsError) -> FeederPlan.Kind {
        try section.allow(["type", "file", "order"])
        let file = try section.required("file")
        let path = try file.name()
        let text: String
        do { text = try surroundings.read(path) } catch { throw file.error("\(error)") }
        var table = CSVTable(text)
        guard let columns = table.next(), !columns.isEmpty, columns.allSatisfy({ !$0.isEmpty }) else {
            throw file.error("\(path):1: the first line names the columns")
        }
        guard Set(columns).count == columns.count else { throw file.error("\(path):1: a column is named twice") }
        var rows: [[String]] = []
        while let row = table.next() {
            guard row.count == columns.count else {
                throw file.error("\(path):\(table.line): \(row.count) fields; the first line has \(columns.count)")
            }
            guard rows.count < Self.rowsMax else { throw file.error("\(path): more than \(Self.rowsMax) rows") }
            rows.append(row)
        }
        guard table.isWhole else { throw file.error("\(path):\(table.line): a quote is not closed") }
        guard !rows.isEmpty else { throw file.error("\(path): no rows") }
        return .csv(
            columns: columns, rows: rows,
            order: try section.value("order")?.choice(FeederPlan.RowOrder.self) ?? .sequential)
    }
}

/// Rows of comma-separated text (RFC 4180): fields may be in quotes, with quotes doubled inside; empty lines are left out.
struct CSVTable {
    private let bytes: [UInt8]
    private var position = 0
    private var nextLine = 1
    /// The line that the last row began in.
    private(set) var line = 0
    /// False once a quote was opened and not closed.
    private(set) var isWhole = true

    init(_ text: String) {
        let all = Array(text.utf8)
        bytes = all.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(all[3...]) : all
    }

    mutating func next() -> [String]? {
        while position < bytes.count {
            line = nextLine
            let row = takeRow()
            if row != [""] { return row }
        }
        return nil
    }

    private mutating func takeRow() -> [String] {
        var row: [String] = []
        while true {
            row.append(takeField())
            guard position < bytes.count else { return row }
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\n") {
                nextLine += 1
                return row
            }
        }
    }

    /// A field up to its comma or line end, which stays.
    private mutating func takeField() -> String {
        var field: [UInt8] = []
        var isQuoted = false
        while position < bytes.count {
            let byte = bytes[position]
            if isQuoted {
                if byte == UInt8(ascii: "\"") {
                    if position + 1 < bytes.count, bytes[position + 1] == byte {
                        position += 1
                        field.append(byte)
                    } else {
                        isQuoted = false
                    }
                } else {
                    if byte == UInt8(ascii: "\n") { nextLine += 1 }
                    field.append(byte)
                }
            } else if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\n") {
                break
            } else if byte == UInt8(ascii: "\"") {
                isQuoted = true
            } else if byte != UInt8(ascii: "\r") {
                field.append(byte)
            }
            position += 1
        }
        if isQuoted { isWhole = false }
        return String(decoding: field, as: UTF8.self)
    }
}
