internal import Actuation
internal import ArgumentParser
internal import Autoscaling
internal import Dispatch
internal import Foundation
internal import Synchronization

/// `autoscaler run`: the sidecar.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Decide replicas once a period and carry the decisions out.",
        discussion: """
            Reads metrics, forecasts, decides with the ablest policy that can be trusted, writes every decision to the \
            journal where the configuration names one, and orders replicas from the actuator of the configuration. Each decision is a line of JSON on \
            standard output; warnings go to standard error, once per condition. In Kubernetes replicas are seen by their \
            pods, whose own /metrics can be read without a Prometheus (config/kubernetes/README.md).

            SIGTERM and SIGINT end the run between two rounds: the last decision stays in force, the lease is given \
            back, exit 0; a second signal ends at once, exit 130. SIGHUP reads the files of model and forecaster anew \
            and enables a disabled model; a file that is refused changes nothing.

            Example:
              autoscaler run --config config/autoscaler.yaml --dry-run

            Exit codes: 0 ended as asked, 1 the listener failed, 2 wrong configuration or arguments or a journal that \
            cannot be opened, 130 second signal. A journal that fails later ends nothing: it is warned of and counted.
            """)

    @Option(help: "The configuration file; config/autoscaler.yaml explains every key.")
    var config: String
    @Flag(help: "Decide, write down and tell who asks (KEDA), carry nothing out.")
    var dryRun = false
    @Flag(help: "Let the learned policy propose only, whatever the file says.")
    var shadow = false
    @Flag(help: "End after one decision; with an election, after the first one that leads.")
    var once = false

    func run() throws {
        var settings = try RunConfiguration.read(config)
        if shadow { settings.ladder.isShadow = true }
        Interrupt.install()
        Hangup.install()
        let whole = settings
        let (path, options) = (config, Sidecar.Options(isDryRun: dryRun, isOnce: once, isShadow: shadow))
        let outcome = Mutex<Result<Void, any Error>>(.success(()))
        let done = DispatchSemaphore(value: 0)
        Task.detached(name: "sidecar") {
            do {
                try await Self.run(whole, options, path: path)
            } catch {
                outcome.withLock { $0 = .failure(error) }
            }
            done.signal()
        }
        done.wait()
        try outcome.withLock { $0 }.get()
    }

    private static func run(_ settings: RunConfiguration, _ options: Sidecar.Options, path: String) async throws {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        var journal: JournalStore?
        if !settings.journalFile.isEmpty {
            journal = try JournalStore(
                settings.journalFile, settings.rotation, sync: settings.journalSync, now: Outside.now)
            if let torn = journal?.bytesTorn, torn > 0 {
                Terminal.complain("autoscaler: \(settings.journalFile): a torn line of \(torn) bytes was cut off")
            }
        }
        let name = identity(settings)
        let last = journal?.last?.round.decision.replicas
        let bounds = settings.profile.services.map(\.bounds.lowerBound)
        let outside: Outside
        do {
            outside = try Outside(
                settings, replicas: last?.count == bounds.count ? last ?? bounds : bounds, identity: name)
        } catch { throw UserError("\(path): \(error.description)") }
        do {
            let sidecar = try Sidecar(settings, options, outside, journal: journal, run: name, folder: folder)
            if let port = try await outside.listen() { Terminal.complain("autoscaler: listening on port \(port)") }
            let election = Task { await outside.lead() }
            await sidecar.turn()
            election.cancel()
            await election.value
        } catch {
            await outside.stop()
            if let fault = error as? PolicyFault { throw UserError("\(path): \(fault.description)") }
            throw error
        }
        await outside.stop()
    }

    /// A name that no other run bears.
    private static func identity(_ settings: RunConfiguration) -> String {
        let word = String(UInt32.random(in: .min ... .max), radix: 16)
        let name = settings.identity.isEmpty ? ProcessInfo.processInfo.hostName : settings.identity
        return "\(name)-\(ProcessInfo.processInfo.processIdentifier)-\(word)"
    }
}

/// SIGHUP asks for the model's file to be read anew.
enum Hangup {
    private static let flag = Atomic<Bool>(false)

    /// Whether it came since the last question.
    static func take() -> Bool { flag.exchange(false, ordering: .relaxed) }

    /// Takes the signal over from here on.
    static func install() {
        _ = flag.load(ordering: .relaxed)
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGHUP)
        signal(SIGHUP) { _ in Hangup.flag.store(true, ordering: .relaxed) }
        unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }
}
