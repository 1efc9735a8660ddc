/// Values of a scenario file by path, each overridden by its option.
struct SettingReader {
    let name: String
    let text: String
    private let scenario: Scenario?

    /// Reads the file, if one is named.
    init(scenarioPath: String?) throws(ScenarioError) {
        guard let scenarioPath else {
            name = "options"
            text = ""
            scenario = nil
            return
        }
        name = scenarioPath
        do {
            text = try TextFile.read(scenarioPath)
        } catch { throw ScenarioError(scenarioPath, "\(error)") }
        scenario = try Scenario(text: text, name: scenarioPath)
    }

    var values: [String: String] { scenario?.values ?? [:] }
    var stages: [Scenario.Stage] { scenario?.stages ?? [] }
    var thresholds: [String] { scenario?.thresholds ?? [] }

    /// Where a value came from: the option if it was given, else its place in the file.
    func place(_ option: (some Any)?, _ path: String) -> String {
        let name = path.split(separator: ".").last.map { String($0) } ?? path
        if option != nil { return "--" + name.replacing("_", with: "-") }
        return scenario?.place(of: path) ?? path
    }

    func place(_ option: Never?, _ path: String) -> String { scenario?.place(of: path) ?? path }

    private func parsed<T>(
        _ option: T?, _ path: String, _ expected: String, _ parse: (String) -> T?
    ) throws(ScenarioError) -> T? {
        if let option { return option }
        guard let text = values[path] else { return nil }
        guard let value = parse(text) else {
            throw ScenarioError(place(option, path), "\"\(text)\": expected \(expected)")
        }
        return value
    }

    func integer(_ option: Int?, _ path: String) throws(ScenarioError) -> Int? {
        try parsed(option, path, "a whole number") { Int($0) }
    }

    func unsigned(_ option: UInt64?, _ path: String) throws(ScenarioError) -> UInt64? {
        try parsed(option, path, "a whole number from 0") { UInt64($0) }
    }

    func positive(_ option: Int?, _ path: String) throws(ScenarioError) -> Int? {
        let value = try integer(option, path)
        if let value, value < 1 || value > 1 << 30 { throw ScenarioError(place(option, path), "a number from 1") }
        return value
    }

    func number(
        _ option: Double?, _ path: String, _ range: ClosedRange<Double>
    ) throws(ScenarioError) -> Double? {
        let value = try parsed(option, path, "a number") { Double($0) }
        if let value, !range.contains(value) {
            throw ScenarioError(place(option, path), "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func flag(_ path: String) throws(ScenarioError) -> Bool? {
        try parsed(nil, path, "true or false") { Bool($0) }
    }

    func choice<T: RawRepresentable & CaseIterable>(
        _ option: String?, _ path: String, _ type: T.Type
    ) throws(ScenarioError) -> T? where T.RawValue == String {
        guard let text = option ?? values[path] else { return nil }
        if let value = T(rawValue: text) { return value }
        let names = T.allCases.map(\.rawValue).joined(separator: ", ")
        throw ScenarioError(place(option, path), "\"\(text)\": expected one of \(names)")
    }
}
