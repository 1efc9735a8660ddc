internal import CacheStack
internal import PostgresTier
internal import RedisTier
internal import Synchronization
internal import Telemetry

/// Sends probe rows through every path of the cache and measures each: commit, stream, fill, publication, message, get.
struct CacheProbe: Sendable {
    /// How one path did.
    struct Path: Sendable, Codable {
        /// Verdicts of a path.
        enum State: String, Sendable, Codable {
            case ok, broken
            /// Not configured, or not reached because an earlier path is broken.
            case skipped
        }

        var name: String
        var state: State
        /// Time from the cause to its arrival at the end of the path, in milliseconds.
        var milliseconds: Double?
        /// Time since the last message of a path that carries messages, in milliseconds.
        var lastMessageMilliseconds: Double?
        /// What is wrong, or what was measured.
        var detail: String
    }

    /// Rows enough for each of a few primaries to own one: of 64 keys a given one of eight nodes gets none once in
    /// 5,000 times.
    private static let rows: [CacheKey] = (1...64).map { CacheKey(schema.space, $0) }
    static let schema = SpaceSchema(
        space: SpaceID(rawValue: 1_023), table: "cache_probe", key: .id("id"), fields: [.init("nonce", .int64)])

    let durable: any DurableTier
    let shared: RedisTier?
    /// Deadline of each path.
    let timeout: Duration

    /// Probes all paths, in the order in which a change takes them.
    func run() async -> [Path] {
        let metrics = MetricsRegistry()
        var configuration = CacheStack.Configuration()
        configuration.sharedTimeout = min(timeout, .seconds(1))
        configuration.loadTimeout = timeout
        configuration.commitTimeout = timeout
        configuration.resolutionTimeout = timeout
        let stack = CacheStack(
            configuration, schemas: [Self.schema], shared: shared, durable: durable, metrics: metrics)
        var paths = [await read(stack)]
        guard paths[0].state == .ok else { return paths + Self.skipped(after: 1) }
        let (committed, ticket) = await commit(stack)
        paths.append(committed)
        guard let ticket else { return paths + Self.skipped(after: 2) }
        paths.append(await follow(stack, to: ticket))
        guard let shared else { return paths + Self.skipped(after: 3, "no Redis is configured") }
        do throws(TierError) {
            try await shared.waitUntilHealthy(until: .now + timeout)
        } catch {
            paths.append(Path(name: Self.names[3], state: .broken, detail: error.message))
            return paths + Self.skipped(after: 4)
        }
        return paths + (await probeShared(stack, shared, metrics))
    }

    private static let names = [
        "L3 read", "L3 commit", "outbox stream", "L2 fill", "L2 publish", "tracking message", "L2 get",
    ]

    private static func skipped(after count: Int, _ why: String = "an earlier path is broken") -> [Path] {
        names.dropFirst(count).map { Path(name: $0, state: .skipped, detail: why) }
    }

    // MARK: L3

    /// Asks L3 for its clock and the newest changes.
    private func read(_ stack: CacheStack) async -> Path {
        let start = ContinuousClock.now
        do throws(TierError) {
            _ = try await stack.pollChanges()
            let time = Self.milliseconds(since: start)
            return Path(name: Self.names[0], state: .ok, milliseconds: time, detail: "connected, newest changes read")
        } catch {
            return Path(name: Self.names[0], state: .broken, detail: "\(error)")
        }
    }

    private func commit(_ stack: CacheStack) async -> (Path, Ticket?) {
        var writes = WriteSet()
        let nonce = UInt64.random(in: 0 ... .max)
        let payload = (0..<8).map { UInt8(truncatingIfNeeded: nonce >> (8 * UInt64($0))) }
        for key in Self.rows { writes.append(key, payload: payload) }
        let start = ContinuousClock.now
        let outcome = await stack.commit(Transaction(writes: writes))
        let path = { (state: Path.State, detail: String) in
            Path(name: Self.names[1], state: state, milliseconds: Self.milliseconds(since: start), detail: detail)
        }
        guard case .committed(let ticket, _, _) = outcome else { return (path(.broken, "\(outcome)"), nil) }
        return (path(.ok, "\(Self.rows.count) rows at ticket \(ticket.rawValue)"), ticket)
    }

    private func follow(_ stack: CacheStack, to ticket: Ticket) async -> Path {
        let start = ContinuousClock.now
        var problem = "the stream stays behind the ticket"
        repeat {
            do throws(TierError) { try await stack.pollChanges() } catch { problem = "\(error)" }
            if stack.watermark >= ticket {
                let time = Self.milliseconds(since: start)
                return Path(
                    name: Self.names[2], state: .ok, milliseconds: time, lastMessageMilliseconds: 0,
                    detail: "watermark \(stack.watermark.rawValue)")
            }
        } while await pause(start)
        return Path(name: Self.names[2], state: .broken, detail: problem)
    }

    // MARK: L2

    private func probeShared(_ stack: CacheStack, _ shared: RedisTier, _ metrics: MetricsRegistry) async -> [Path] {
        let tracking = RedisTracking(shared, metrics: metrics)
        let heard = HeardKeys()
        tracking.setHandler { heard.take($0) }
        defer { tracking.setHandler(nil) }
        let isLive = await linksAreLive(tracking)
        var paths = [await fill(stack, shared)]
        heard.removeAll()
        let (committed, ticket) = await commit(stack)
        guard let ticket else { return paths + [committed] + Self.skipped(after: 5) }
        let start = ContinuousClock.now
        paths.append(await publish(stack, shared, ticket))
        paths.append(await hear(tracking, isLive: isLive, start, heard))
        paths.append(await get(shared, ticket))
        return paths
    }

    private func linksAreLive(_ tracking: RedisTracking) async -> Bool {
        let start = ContinuousClock.now
        repeat {
            let links = tracking.links
            if !links.isEmpty, links.allSatisfy(\.isLive) { return true }
        } while await pause(start)
        return false
    }

    /// Reads the rows through the stack until L2 holds a value of each.
    private func fill(_ stack: CacheStack, _ shared: RedisTier) async -> Path {
        let start = ContinuousClock.now
        var missing = Self.rows.count
        repeat {
            do {
                _ = try await stack.read(Self.rows, .bounded(maxAge: .zero))
                missing = try await held(shared).count { $0 == nil }
            } catch { return Path(name: Self.names[3], state: .broken, detail: "\(error)") }
            if missing == 0 {
                let time = Self.milliseconds(since: start)
                return Path(
                    name: Self.names[3], state: .ok, milliseconds: time, detail: "leases granted, values stored")
            }
        } while await pause(start)
        return Path(name: Self.names[3], state: .broken, detail: "\(missing) of \(Self.rows.count) rows are not stored")
    }

    private func publish(_ stack: CacheStack, _ shared: RedisTier, _ ticket: Ticket) async -> Path {
        let start = ContinuousClock.now
        var late = Self.rows.count
        repeat {
            while await stack.publishPending() == (isSent: true, isEmpty: false) {}
            let versions = (try? await held(shared)) ?? []
            late = Self.rows.count - versions.count { $0.map { $0 >= ticket } ?? false }
            if late == 0 {
                let time = Self.milliseconds(since: start)
                return Path(name: Self.names[4], state: .ok, milliseconds: time, detail: "all values upgraded")
            }
        } while await pause(start)
        return Path(name: Self.names[4], state: .broken, detail: "\(late) of \(Self.rows.count) rows are still older")
    }

    private func hear(
        _ tracking: RedisTracking, isLive: Bool, _ start: ContinuousClock.Instant, _ heard: HeardKeys
    ) async -> Path {
        let name = Self.names[5]
        guard isLive else {
            let down = tracking.links.filter { !$0.isLive }.map { "\($0.address): \($0.lastFault ?? "connecting")" }
            let detail = down.isEmpty ? "no primary is known" : down.joined(separator: "; ")
            return Path(name: name, state: .broken, detail: detail)
        }
        repeat {
            guard heard.keys.isSuperset(of: Self.rows) else { continue }
            let age = tracking.links.compactMap(\.lastMessageAge).max() ?? .zero
            return Path(
                name: name, state: .ok, milliseconds: Self.milliseconds(since: start),
                lastMessageMilliseconds: Self.milliseconds(age), detail: "\(tracking.links.count) links live")
        } while await pause(start)
        let count = Self.rows.count - heard.keys.intersection(Self.rows).count
        return Path(name: name, state: .broken, detail: "\(count) of \(Self.rows.count) messages did not come")
    }

    private func get(_ shared: RedisTier, _ ticket: Ticket) async -> Path {
        let start = ContinuousClock.now
        do {
            let versions = try await held(shared)
            let time = Self.milliseconds(since: start)
            let isRight = versions.allSatisfy { $0.map { $0 >= ticket } ?? false }
            return Path(
                name: Self.names[6], state: isRight ? .ok : .broken, milliseconds: time,
                detail: isRight ? "\(versions.count) values in one round trip" : "values are missing or old")
        } catch { return Path(name: Self.names[6], state: .broken, detail: "\(error)") }
    }

    /// Version of each row in L2; nil where it holds no value.
    private func held(_ shared: RedisTier) async throws(TierError) -> [Ticket?] {
        try await shared.get(Self.rows, until: .now + timeout).map { reply in
            if case .entry(let entry) = reply { entry.certificate.version } else { nil }
        }
    }

    // MARK: Time

    /// Waits a little; false once the timeout since `start` has passed.
    private func pause(_ start: ContinuousClock.Instant) async -> Bool {
        guard ContinuousClock.now - start < timeout else { return false }
        return (try? await Task.sleep(for: .milliseconds(5))) != nil
    }

    private static func milliseconds(since start: ContinuousClock.Instant) -> Double {
        milliseconds(ContinuousClock.now - start)
    }

    private static func milliseconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) * 1_000 + Double(duration.components.attoseconds) / 1e15
    }
}

/// The keys that messages have named so far.
private final class HeardKeys: Sendable {
    private let state = Mutex<Set<CacheKey>>([])

    var keys: Set<CacheKey> { state.withLock { $0 } }

    func take(_ message: Invalidation) {
        if case .keys(let keys) = message { state.withLock { $0.formUnion(keys) } }
    }

    func removeAll() { state.withLock { $0 = [] } }
}
