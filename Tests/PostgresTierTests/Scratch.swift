import CacheStack
import Foundation

/// Directories and files of tests.
enum Scratch {
    /// The repository's migrations.
    static let schemas = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Schemas").path

    static func text(of path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    /// A fresh directory with these files; the caller removes it.
    static func directory(_ files: [(name: String, text: String)]) throws -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: "migrations-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for file in files { try file.text.write(toFile: "\(path)/\(file.name)", atomically: false, encoding: .utf8) }
        return path
    }

    static func remove(_ directory: String) throws { try FileManager.default.removeItem(atPath: directory) }
}
