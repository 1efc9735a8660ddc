import Engine
import Scenario
import Settings

/// Scenario texts and the files they name.
enum Samples {
    /// A file that cannot be read.
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    static let files: [String: String] = [
        "i.csv": InstrumentList.header + "\n600000,10000,10,9000,11000\n600001,20000,10,18000,22000\n",
        "instruments.csv": InstrumentList.header + "\n600000,10000,10,9000,11000\n600001,20000,10,18000,22000\n",
        "bad.csv": "symbol\n",
        "orders.csv": "symbol,qty\n600000,100\n\"600,001\",\"2\"\"00\"\n",
        "ragged.csv": "a,b\n1,2\n3\n",
        "twice.csv": "a,a\n1,2\n",
        "quote.csv": "a,b\n1,\"2\n",
        "empty.csv": "",
        "counts.csv": "count\n3\n0\n4\n",
        "times.csv": "0\n1000000\n5000000\n",
        "back.csv": "5\n4\n",
    ]

    static func surroundings(
        descriptors: Int = 1_024, remote: Bool = false
    ) -> ScenarioFile.Surroundings {
        .init(descriptorsMax: descriptors, allowsRemote: remote) { path in
            guard let text = files[path] else { throw Missing(description: "\(path): No such file or directory") }
            return text
        }
    }

    /// Lines of a FIX scenario; a line whose key the base has takes its place, others follow from line 5 on.
    static func fix(_ lines: String...) -> String {
        merge(
            [
                "version: 1", "target: {address: 127.0.0.1:9880}", "instruments: {file: i.csv}",
                "stages: [{rate: 100, hold: 10s}]",
            ], lines)
    }

    /// Likewise for HTTP; the base has one operation.
    static func http(_ lines: String...) -> String {
        merge(
            [
                "version: 1", "target: {transport: http, address: 127.0.0.1:80}", "operations: {get: {path: /}}",
                "stages: [{rate: 100, hold: 10s}]",
            ], lines)
    }

    private static func merge(_ base: [String], _ lines: [String]) -> String {
        var result = base
        for line in lines {
            let key = line.split(separator: ":")[0]
            if let index = result.firstIndex(where: { $0.split(separator: ":")[0] == key }) {
                result[index] = line
            } else {
                result.append(line)
            }
        }
        return result.joined(separator: "\n") + "\n"
    }

    /// The plan of a text.
    static func file(_ text: String, descriptors: Int = 1_024, remote: Bool = false) throws -> ScenarioFile {
        try ScenarioFile(text: text, name: "s.yaml", surroundings(descriptors: descriptors, remote: remote))
    }

    /// What is said about a text that is refused.
    static func refusal(_ text: String, descriptors: Int = 1_024) -> String {
        do {
            _ = try file(text, descriptors: descriptors)
            return "accepted"
        } catch { return "\(error)" }
    }
}
