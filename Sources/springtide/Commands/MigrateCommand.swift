internal import ArgumentParser
internal import Foundation
internal import PostgresTier

/// `springtide migrate`: brings a database to the schema of this version.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Create or update the tables in PostgreSQL.",
        discussion: "Example: springtide migrate --config config/springtide.yaml")

    @Option(help: "Configuration file; only its section postgres is used.")
    var config: String

    @Option(help: "Directory of the numbered SQL files.")
    var schemas: String?

    func run() async throws {
        let settings = try ServeConfiguration.read(config)
        let applied = try await Self.migrate(settings.connection, schemas: schemas)
        say(applied.isEmpty ? "nothing to do" : "applied " + applied.joined(separator: ", "))
    }

    /// Applies the migrations of `schemas`, or of the folder found beside the program.
    static func migrate(_ connection: String, schemas: String? = nil) async throws -> [String] {
        let directory = try schemas ?? defaultDirectory()
        let migrations = Migrations(directory: directory, PostgresTier.Configuration(conninfo: connection))
        return try await migrations.apply(until: .now + .seconds(60))
    }

    /// `Schemas` in the working directory, or in a directory above the program.
    private static func defaultDirectory() throws -> String {
        var places = [FileManager.default.currentDirectoryPath]
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent()
        for _ in 0..<5 {
            places.append(folder.path)
            folder = folder.deletingLastPathComponent()
        }
        for place in places where FileManager.default.fileExists(atPath: "\(place)/Schemas/0001_cache.sql") {
            return "\(place)/Schemas"
        }
        throw ConfigurationError(description: "no folder Schemas found: name it with --schemas DIRECTORY")
    }
}
