import Foundation
import Testing

/// The rules of the house that a compiler does not know.
@Suite struct TidyTests {
    /// Which of our modules a module may import: arrows of the design point one way.
    static let allowed: [String: Set<String>] = [
        "Telemetry": [],
        "Settings": [],
        "TLS": ["COpenSSL"],
        "CacheStack": ["CProcessor", "Telemetry"],
        "RedisTier": ["CacheStack", "CHiredis", "TLS", "Telemetry"],
        "PostgresTier": ["CacheStack", "CPostgres", "Telemetry"],
        "LocalStack": [],
        "Learning": ["COpenBLAS"],
        "Forecasting": ["Learning"],
        "Autoscaling": ["Forecasting", "Learning", "Telemetry"],
        "Actuation": ["Autoscaling", "Telemetry"],
        "autoscaler": [
            "Actuation", "Autoscaling", "Forecasting", "Learning", "LocalStack", "Settings", "Telemetry",
        ],
        "Market": [],
        "Matching": ["Market"],
        "Risk": ["Market"],
        "Ledger": ["Market"],
        "Services": ["CacheStack", "Ledger", "Market", "Matching", "Risk", "Telemetry"],
        "FIX": [],
        "Gateway": ["FIX", "Market", "Telemetry"],
        "springtide": [
            "CacheStack", "Gateway", "Ledger", "LocalStack", "Market", "Matching", "PostgresTier", "RedisTier",
            "Risk", "Services", "Settings", "Telemetry",
        ],
        "Arrivals": [],
        "Engine": ["Arrivals", "CLinux", "FIX", "TLS", "Telemetry"],
        "Scenario": ["Arrivals", "Engine", "Settings"],
        "Report": ["Arrivals", "Engine", "Telemetry"],
        "CLI": ["Arrivals", "Engine", "Report", "Scenario", "Settings", "Telemetry"],
    ]

    /// Modules that may do no I/O and read no clock.
    static let pure: Set = ["Market", "Matching", "Risk", "Ledger", "FIX", "Arrivals"]

    static let ours = Set(allowed.keys).union(
        ["CHiredis", "COpenBLAS", "COpenSSL", "CPostgres", "CLinux", "CProcessor"]).subtracting(
            ["CLI"])

    @Test("Every module of the product is in the import table") func everyModuleIsKnown() {
        let unknown = Set(SourceTree.shared.product.map(\.module)).subtracting(Self.allowed.keys)
        #expect(unknown.isEmpty)
        #expect(SourceTree.shared.product.count > 50, "the tree was found")
    }

    @Test("Imports point the way of the design") func imports() {
        for file in SourceTree.shared.product {
            let allowed = Self.allowed[file.module] ?? []
            for module in file.imports where Self.ours.contains(module) && module != file.module {
                #expect(allowed.contains(module), "\(file.path) imports \(module)")
            }
        }
    }

    @Test("Each C module has one importer in the product") func cModules() {
        for module in ["CHiredis", "COpenBLAS", "COpenSSL", "CPostgres", "CLinux", "CProcessor"] {
            let importers = Set(SourceTree.shared.product.filter { $0.imports.contains(module) }.map(\.module))
            #expect(importers.count <= 1, "\(module) is imported by \(importers.sorted())")
        }
    }

    @Test("Pure modules import neither Foundation nor system libraries") func pureModules() {
        let impure: Set = ["Foundation", "FoundationEssentials", "Dispatch", "Synchronization"]
        for file in SourceTree.shared.product where Self.pure.contains(file.module) {
            for module in file.imports {
                #expect(!impure.contains(module), "\(file.path) imports \(module)")
            }
        }
    }

    @Test("No file is longer than 500 lines") func fileLengths() {
        for file in SourceTree.shared.files {
            #expect(file.lines.count <= 501, "\(file.path) has \(file.lines.count) lines: which noun is missing?")
        }
    }

    @Test("No function of the product is longer than 60 lines") func functionLengths() {
        for file in SourceTree.shared.product {
            for function in Self.functions(in: file.lines) {
                #expect(function.length <= 62, "\(file.path):\(function.line) has \(function.length) lines")
            }
        }
    }

    @Test("Banned words stay out of product code") func bannedWords() {
        let banned = [
            "try!", "as!", "fatalError(", "TODO", "FIXME", "@testable", ".shared.sleep", "-Ounchecked",
        ]
        let words = banned + ["NSLock"]
        for file in SourceTree.shared.product {
            for (index, line) in file.lines.enumerated() {
                for word in words where line.contains(word) {
                    Issue.record("\(file.path):\(index + 1) has \(word)")
                }
                let isProgram = file.module == "springtide" || file.module == "CLI"
                if !isProgram, line.contains("print("), !line.contains("///") {
                    Issue.record("\(file.path):\(index + 1) prints; only programs do")
                }
            }
        }
    }

    @Test("No type or module is named after nothing in particular") func vagueNames() {
        let vague = ["Manager", "Helper", "Utils", "Util", "Common", "Helpers"]
        for file in SourceTree.shared.product {
            let name = file.path.split(separator: "/").last.map { $0.dropLast(6) } ?? ""
            for word in vague {
                #expect(!name.hasSuffix(word), "\(file.path)")
            }
        }
    }

    @Test("Every migration is numbered without gaps") func migrations() throws {
        let folder = SourceTree.root.appendingPathComponent("Schemas")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".sql") }.sorted()
        #expect(!names.isEmpty)
        for (index, name) in names.enumerated() {
            let digits = "\(index + 1)"
            #expect(name.hasPrefix(String(repeating: "0", count: 4 - digits.count) + digits + "_"), "\(name)")
        }
    }

    /// Start and length of each `func` or `init` with a body, found by its indentation.
    static func functions(in lines: [Substring]) -> [(line: Int, length: Int)] {
        var found: [(line: Int, length: Int)] = []
        for (start, line) in lines.enumerated() {
            let trimmed = line.drop { $0 == " " }
            let words = trimmed.split(separator: " ")
            guard
                words.contains("func")
                    || words.contains(where: { $0.hasPrefix("init(") || $0.hasPrefix("init?(") }),
                !trimmed.hasPrefix("//"), !trimmed.hasSuffix("}")
            else { continue }
            let indent = line.count - trimmed.count
            let closing = String(repeating: " ", count: indent) + "}"
            guard let end = lines[start...].firstIndex(where: { $0 == closing[...] }) else { continue }
            let next = lines[(start + 1)...].firstIndex { other in
                let body = other.drop { $0 == " " }
                return other.count - body.count == indent && body.contains("func ")
            }
            if let next, next < end { continue }
            found.append((start + 1, end - start + 1))
        }
        return found
    }
}
