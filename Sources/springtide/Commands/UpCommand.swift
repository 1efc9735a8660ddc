internal import ArgumentParser
internal import Foundation

/// `springtide up`: the stack and the services, for a developer.
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Run a private stack, sample accounts and the services until Ctrl-C.",
        discussion: """
            Prints where FIX and HTTP listen. Sessions are LG1, LG2, ... without password; accounts start at 16.
            Example: springtide up --accounts 1000 --instruments 50
            """)

    @Option(help: "Client accounts.") var accounts = 1_000
    @Option(help: "Instruments, symbols 600000, 600001, ...") var instruments = 100
    @Option(help: "FIX sessions.") var sessions = 8

    func run() async throws {
        let plan = DemoPlan(
            rate: 1, seconds: 1, accounts: accounts, instruments: instruments, sessions: sessions, seed: 1,
            report: NSTemporaryDirectory() + "/springtide-up-\(getpid())", correctnessOnly: true, kills: 0,
            redisStop: 0)
        let run = try await DemoRun.start(plan)
        say(run.invitation)
        await Interruption.wait()
        await run.stop()
        try? FileManager.default.removeItem(atPath: plan.report)
    }
}

extension DemoRun {
    /// Where everything listens.
    nonisolated var invitation: String {
        """

        FIX 4.4     127.0.0.1:\(fixPort)   TargetCompID SPRINGTIDE, SenderCompID LG1 to LG\(plan.sessions)
        HTTP        http://127.0.0.1:\(httpPort)/metrics
        PostgreSQL  \(connection)
        Redis       \(redisAddresses.joined(separator: " "))
        instruments \(instrumentFile)

        Ctrl-C ends everything.
        """
    }
}
