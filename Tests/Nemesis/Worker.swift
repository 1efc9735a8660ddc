import CacheStack
import Glibc
import HistoryChecker
import PostgresTier
import RedisTier
import Synchronization
import Telemetry

/// A process of the workload: a cache stack of its own, and clients that use all of it until they are killed or told
/// to end by SIGTERM.
struct Worker: Sendable {
    /// How long a session stays in one process.
    static let roundNanoseconds: Int64 = 400_000_000
    static let sessionSlots = 6

    let options: WorkerOptions
    let seed: UInt64
    let stack: CacheStack
    let recorder: Recorder
    let attempts = AttemptCounter()

    /// The attempts of this process.
    final class AttemptCounter: Sendable {
        private let next = Atomic<UInt64>(1)
        func take(_ incarnation: Int) -> UInt64 {
            UInt64(incarnation) << 32 | next.wrappingAdd(1, ordering: .relaxed).oldValue
        }

        /// The number of a session begun in the midst of a round: above all that `SessionClient` gives.
        func session(_ incarnation: Int) -> Int32 {
            let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
            return Int32(1 << 30 | (incarnation & 0x3FF) << 20 | Int(number & 0xF_FFFF))
        }
    }

    /// Runs until SIGTERM; the exit code.
    static func run(_ options: WorkerOptions, seed: UInt64) async -> Int32 {
        let addresses = options.redis.compactMap { RedisAddress($0) }
        let path = "\(options.directory)/calls-\(options.incarnation).txt"
        guard !addresses.isEmpty, let recorder = Recorder(path, process: Int32(options.incarnation))
        else { return 1 }
        var redis = RedisTier.Configuration(.cluster(seeds: addresses))
        redis.tokenSeed = seed &* 31 &+ UInt64(options.incarnation)
        let registry = MetricsRegistry()
        let shared = RedisTier(redis, metrics: registry)
        var postgres = PostgresTier.Configuration(conninfo: options.conninfo)
        postgres.applicationName = "nemesis-\(options.incarnation)"
        guard let durable = try? PostgresTier(postgres, schemas: Bank.schemas, metrics: registry) else {
            return 1
        }
        let stack = CacheStack(
            configuration(options.index), schemas: Bank.schemas,
            shared: options.isCanary ? LyingTier(shared) : shared,
            durable: options.isCanary ? LyingDurableTier(durable) : durable, metrics: registry)
        shared.start()
        let worker = Worker(
            options: options, seed: seed &+ UInt64(options.incarnation) &* 7_919, stack: stack,
            recorder: recorder)
        await worker.work()
        recorder.flush()
        let metrics = registry.text()
        let file = fopen("\(options.directory)/metrics-\(options.incarnation).txt", "w")
        fputs(metrics, file)
        fclose(file)
        shared.shutdown()
        return 0
    }

    /// The processes differ: a small L1 of short life, rows installed by commits, or the defaults.
    private static func configuration(_ index: Int) -> CacheStack.Configuration {
        var configuration = CacheStack.Configuration()
        configuration.commitTimeout = .seconds(2)
        configuration.resolutionTimeout = .seconds(4)
        switch index % 3 {
        case 0:
            configuration.local.lifetime = .milliseconds(500)
            configuration.local.entriesMax = 1_024
        case 1: configuration.installedOnCommit = [Bank.accounts, Bank.registers]
        default: configuration.renewalWindow = .seconds(60)
        }
        return configuration
    }

    private func work() async {
        let clients = Mutex<[Task<Void, Never>]>([])
        let stream = Task { try? await stack.run() }
        for slot in 0..<Self.sessionSlots {
            let task = Task { await SessionClient(worker: self, slot: slot).run() }
            clients.withLock { $0.append(task) }
        }
        for number in 0..<4 {
            let task = Task {
                var client = Client(self, seed: seed &+ UInt64(number) &* 104_729)
                while !Task.isCancelled {
                    await client.step()
                    await client.pause()
                }
            }
            clients.withLock { $0.append(task) }
        }
        while !Termination.isAsked { try? await Task.sleep(for: .milliseconds(20)) }
        let all = clients.withLock { $0 }
        for client in all { client.cancel() }
        for client in all { await client.value }
        stream.cancel()
        _ = await stream.value
    }
}

/// Whether SIGTERM has come.
enum Termination {
    private static let asked = Atomic<Bool>(false)
    static var isAsked: Bool { asked.load(ordering: .relaxed) }

    static func listen() {
        signal(SIGTERM) { _ in Termination.asked.store(true, ordering: .relaxed) }
    }
}

/// One session slot: while it is this process's turn the session goes on here, with the token it came with.
struct SessionClient {
    let worker: Worker
    let slot: Int

    func run() async {
        let file = SessionFile(directory: worker.options.directory, slot: slot)
        var client = Client(worker, seed: worker.seed &+ UInt64(slot) &* 15_485_863)
        while !Task.isCancelled {
            let round = (Clock.now - worker.options.start) / Worker.roundNanoseconds
            guard isTurn(round) else {
                try? await Task.sleep(for: .milliseconds(5))
                continue
            }
            client.session = await begin(file, round)
            while isTurn((Clock.now - worker.options.start) / Worker.roundNanoseconds), !Task.isCancelled {
                await client.step()
                await client.pause()
            }
            if let session = client.session {
                file.put(session.number, session.token, worker.options.incarnation)
            }
            client.session = nil
        }
    }

    private func isTurn(_ round: Int64) -> Bool {
        round >= 0 && (Int(round) + slot) % worker.options.count == worker.options.index
    }

    /// The session as the process before left it, or a new one where it was killed or is paused.
    private func begin(_ file: SessionFile, _ round: Int64) async -> Client.Session {
        for _ in 0..<20 {
            if let (session, token) = file.take(worker.options.incarnation) {
                return Client.Session(number: session, token: token)
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
        let number = Int32(truncatingIfNeeded: (round + 1) * 100 + Int64(slot))
        return Client.Session(number: number, token: SessionToken())
    }
}
