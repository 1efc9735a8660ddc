internal import ArgumentParser
internal import CacheStack
internal import Foundation
internal import PostgresTier
internal import Services

/// `springtide audit`: the invariants, from PostgreSQL alone.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Check every invariant of the trading day from the rows in PostgreSQL.",
        discussion: "Example: springtide audit --config config/springtide.yaml   (exit 99 if one is broken)")

    @Option(help: "Configuration file; only its section postgres is used.")
    var config: String

    func run() async throws {
        let settings = try ServeConfiguration.read(config)
        let tier = try PostgresTier(
            PostgresTier.Configuration(conninfo: settings.connection), schemas: TradingSpaces.all)
        let report = try await TradingAudit(durable: tier, fees: settings.partition.fees).run()
        await tier.close()
        say("\(report.orders) orders, \(report.trades) trades at ticket \(report.ticket.rawValue)")
        for finding in report.findings {
            say(
                "\(finding.number.padded(to: 4)) \(finding.verdict.rawValue.padded(to: 15)) \(finding.claim) (\(finding.detail))"
            )
        }
        guard report.isSound else { throw ExitCode(99) }
    }
}
