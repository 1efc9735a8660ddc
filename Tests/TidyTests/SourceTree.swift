import Foundation

/// The repository's Swift files, read once.
struct SourceTree {
    struct File {
        /// Path below the root, as `Sources/Market/Amounts.swift`.
        let path: String
        let lines: [Substring]

        /// The module it belongs to: the folder below `Sources` or `Loadgen`, and for tests the test target.
        var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? path }

        /// The modules it imports, whatever the access level.
        var imports: [String] {
            lines.compactMap { line in
                let words = line.split(separator: " ")
                guard let at = words.firstIndex(of: "import"), at <= 2, words.count > at + 1 else { return nil }
                guard words[..<at].allSatisfy({ $0.first == "@" || Self.accessLevels.contains(String($0)) }) else {
                    return nil
                }
                return words[at + 1].split(separator: ".").first.map(String.init)
            }
        }

        private static let accessLevels: Set = ["public", "internal", "package", "private", "fileprivate"]
    }

    static let root: URL = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    let files: [File]

    static let shared = SourceTree()

    private init() {
        var files: [File] = []
        for top in ["Sources", "Loadgen", "Tests", "Benchmarks"] {
            let base = Self.root.appendingPathComponent(top)
            let names = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
            for name in names.sorted() where name.hasSuffix(".swift") {
                let url = base.appendingPathComponent(name)
                guard let text = try? String(contentsOf: url, encoding: .utf8) else { continue }
                files.append(
                    File(path: "\(top)/\(name)", lines: text.split(separator: "\n", omittingEmptySubsequences: false)))
            }
        }
        self.files = files
    }

    /// Product code: what users link or run.
    var product: [File] { files.filter { $0.path.hasPrefix("Sources/") || $0.path.hasPrefix("Loadgen/") } }
}
