internal import ArgumentParser
internal import CacheStack
internal import Foundation
internal import PostgresTier
internal import RedisTier
internal import Telemetry

/// `springtide cache check`: whether invalidations arrive, by sending some.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Send probe rows through every path of the cache and print each one's round trip.",
        discussion: """
            Example: springtide cache check --config config/springtide.yaml

            Writes rows of the table cache_probe and nothing else; safe beside running nodes.
            Exit codes: 0 all paths work, 99 a path is broken, 1 the check could not run.
            """)

    @Option(help: "Configuration file; its sections postgres and redis are used.")
    var config: String

    @Option(help: "Seconds each path has.")
    var timeout = 5

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard (1...600).contains(timeout) else { throw ValidationError("--timeout must be in 1...600") }
    }

    func run() async throws {
        let settings = try ServeConfiguration.read(config)
        var postgres = PostgresTier.Configuration(conninfo: settings.connection)
        postgres.readers = 1
        postgres.relaxedDurability = settings.relaxedDurability
        let durable = try PostgresTier(postgres, schemas: [CacheProbe.schema])
        do throws(TierError) {
            try await durable.verifySchemas(until: .now + .seconds(timeout))
        } catch  where error.code == .protocolViolation {
            await durable.close()
            throw error
        } catch {
            // Unreachable: the probe itself says so, path by path.
        }
        let shared = try settings.redisTier().map { RedisTier($0, metrics: MetricsRegistry()) }
        shared?.start()
        let paths = await CacheProbe(durable: durable, shared: shared, timeout: .seconds(timeout)).run()
        shared?.shutdown()
        await durable.close()
        try show(paths)
        guard !paths.contains(where: { $0.state == .broken }) else { throw ExitCode(99) }
    }

    private func show(_ paths: [CacheProbe.Path]) throws {
        guard !json else {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            return say(String(decoding: try encoder.encode(paths), as: UTF8.self))
        }
        say("path              state    round trip  last message  detail")
        for path in paths {
            let cells = [
                path.name.padded(to: 17), path.state.rawValue.padded(to: 9), Self.cell(path.milliseconds, width: 10),
                Self.cell(path.lastMessageMilliseconds, width: 13), path.detail,
            ]
            say(cells[0] + " " + cells[1] + cells[2] + " " + cells[3] + "  " + cells[4])
        }
    }

    private static func cell(_ milliseconds: Double?, width: Int) -> String {
        let text = milliseconds.map { String(format: "%.2f ms", $0) } ?? "-"
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
