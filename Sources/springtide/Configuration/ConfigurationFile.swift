internal import Foundation
internal import Settings

/// A mistake in a configuration file or argument: one line for a person.
struct ConfigurationError: Error, CustomStringConvertible {
    let description: String
}

extension ConfigurationError {
    /// The mistake with its file and line.
    init(_ error: SettingsError) { self.init(description: "\(error.place.line): \(error.message)") }
}

/// Configuration files of the program.
enum ConfigurationFile {
    /// Reads `file` strictly: every key must be known, every value must have its type and range.
    ///
    /// - Parameter body: makes the configuration from the file's top; keys it does not ask for are errors.
    /// - Throws: `ConfigurationError` with file, line, key and the nearest known key.
    static func read<T>(_ file: String, _ body: (SettingsSection) throws -> T) throws -> T {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw ConfigurationError(description: "\(file): cannot be read")
        }
        do {
            let top = try SettingsSection(yaml: text, name: file)
            let result = try body(top)
            try top.finish()
            return result
        } catch let error as SettingsError {
            throw ConfigurationError(error)
        }
    }
}
