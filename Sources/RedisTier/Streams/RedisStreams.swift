public import CacheStack
public import Telemetry

/// Redis Streams over a tier's pipelined connections: bounded appends, consumer groups, claims, membership.
///
/// **Promise.** At least once, as long as Redis keeps its data: an entry stays in its stream until a consumer has
/// acknowledged it, and acknowledging, removing and answering are one script, so that of two consumers of one entry
/// exactly one has the effect. A bounded stream refuses new entries (`.full`) instead of trimming old ones. Redis that
/// restarts empty forgets entries, groups and members: readers get `isGroupMissing` and make the groups again, and
/// whoever needs its entries answered repeats them.
///
/// **Blocking.** `read` and `follow` with a wait block their connection, and every command behind them: give them a
/// tier of their own. Keys that are named together must share a hash tag.
///
/// **Cost.** One round trip a call; a call over several entries is one pipeline.
public struct RedisStreams: Sendable {
    private let tier: RedisTier
    private let durations: [String: BucketHistogram]

    /// Streams over `tier`, which must be started; `metrics` gets the duration of each kind of command.
    public init(_ tier: RedisTier, metrics registry: MetricsRegistry) {
        self.tier = tier
        durations = Dictionary(
            uniqueKeysWithValues: ["XADD", "XREADGROUP", "XREAD", "XACK", "XAUTOCLAIM", "XGROUP", "XLEN", "MEMBERS"].map
            {
                (
                    $0,
                    registry.histogram(
                        "db_client_operation_duration_seconds", "Duration of a batch of operations, waiting included.",
                        [("db_system_name", "redis"), ("db_operation_name", $0)])
                )
            })
    }

    /// Whether `error` says that a stream or its group is not there (any more).
    public static func isGroupMissing(_ error: TierError) -> Bool { error.message.contains("NOGROUP") }

    // MARK: Groups

    /// Makes the streams and their group where they are missing (XGROUP CREATE ... 0 MKSTREAM).
    public func prepare(
        _ streams: [String], group: String, until deadline: ContinuousClock.Instant
    ) async throws(TierError) {
        var list = CommandList(capacity: streams.count, bytesPerCommand: 512)
        for stream in streams { add(["XGROUP", "CREATE", stream, group, "0", "MKSTREAM"], key: stream, to: &list) }
        let batch = CommandBatch(list, deadline: deadline)
        await perform(batch, "XGROUP")
        // An error reply ends a command as a fault: BUSYGROUP says that the group is there.
        if let fault = batch.firstFault, !fault.message.contains("BUSYGROUP") { throw fault }
    }

    // MARK: Appending

    /// Appends entries, each to a stream that holds fewer than `lengthMax`; counts `amount` under `field` of the hash
    /// `counters` for each one taken.
    public func append(
        _ entries: [(stream: String, field: String, amount: Int, payload: [UInt8])], counters: String, lengthMax: Int,
        until deadline: ContinuousClock.Instant
    ) async -> [StreamAppend] {
        var list = CommandList(capacity: entries.count, bytesPerCommand: 512)
        for entry in entries {
            add(
                [
                    "EVAL", StreamScript.append, "2", entry.stream, counters, "\(lengthMax)", entry.field,
                    "\(entry.amount)",
                ],
                entry.payload, key: entry.stream, to: &list)
        }
        let batch = CommandBatch(list, deadline: deadline)
        await perform(batch, "XADD")
        return entries.indices.map { index in
            guard let root = batch.root(index) else {
                return .unknown(batch.firstFault?.message ?? "no answer")
            }
            return batch.replies.nodes[root].kind == .null ? .full : .appended
        }
    }

    // MARK: Reading

    /// Entries never handed out before, at most `limit` of each stream (XREADGROUP); none where nothing came in time.
    ///
    /// - Parameter wait: how long Redis may hold the answer back; zero asks and returns.
    public func read(
        _ streams: [String], group: String, consumer: String, limit: Int, wait: Duration
    ) async throws(TierError) -> [StreamEntry] {
        guard let first = streams.first else { return [] }
        var list = CommandList(capacity: 1, bytesPerCommand: 512)
        var words = ["XREADGROUP", "GROUP", group, consumer, "COUNT", "\(limit)"]
        if wait > .zero { words += ["BLOCK", "\(Self.milliseconds(wait))"] }
        add(words + ["STREAMS"] + streams + streams.map { _ in ">" }, key: first, to: &list)
        let batch = CommandBatch(list, deadline: .now + wait + .seconds(2))
        try await ask(batch, "XREADGROUP")
        return entries(of: batch, 0)
    }

    /// Entries of a plain stream after `id` (XREAD), oldest first.
    public func follow(
        _ stream: String, after id: String, limit: Int, wait: Duration
    ) async throws(TierError) -> [StreamEntry] {
        var list = CommandList(capacity: 1, bytesPerCommand: 512)
        var words = ["XREAD", "COUNT", "\(limit)"]
        if wait > .zero { words += ["BLOCK", "\(Self.milliseconds(wait))"] }
        add(words + ["STREAMS", stream, id], key: stream, to: &list)
        let batch = CommandBatch(list, deadline: .now + wait + .seconds(2))
        try await ask(batch, "XREAD")
        return entries(of: batch, 0)
    }

    /// Takes over entries that others were given at least `idle` ago and have not acknowledged (XAUTOCLAIM), with
    /// their counts of deliveries; at most `limit` of each stream.
    public func claim(
        _ streams: [String], group: String, consumer: String, idle: Duration, limit: Int,
        until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [StreamEntry] {
        guard !streams.isEmpty else { return [] }
        var list = CommandList(capacity: streams.count, bytesPerCommand: 512)
        for stream in streams {
            add(
                [
                    "XAUTOCLAIM", stream, group, consumer, "\(Self.milliseconds(idle))", "0", "COUNT", "\(limit)",
                ], key: stream, to: &list)
        }
        let batch = CommandBatch(list, deadline: deadline)
        try await ask(batch, "XAUTOCLAIM")
        var claimed: [StreamEntry] = []
        for (index, stream) in streams.enumerated() {
            guard let root = batch.root(index) else { continue }
            let parts = batch.replies.elements(of: root)
            guard parts.count >= 2 else { continue }
            claimed += entries(of: batch.replies, parts[1], stream)
        }
        return claimed.isEmpty ? [] : try await counted(claimed, group, consumer, deadline)
    }

    /// The same entries with how often each was delivered (XPENDING of exactly that id).
    private func counted(
        _ entries: [StreamEntry], _ group: String, _ consumer: String, _ deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [StreamEntry] {
        var list = CommandList(capacity: entries.count, bytesPerCommand: 512)
        for entry in entries {
            add(["XPENDING", entry.stream, group, entry.id, entry.id, "1", consumer], key: entry.stream, to: &list)
        }
        let batch = CommandBatch(list, deadline: deadline)
        try await ask(batch, "XAUTOCLAIM")
        return entries.indices.compactMap { index in
            guard let root = batch.root(index), let row = batch.replies.elements(of: root).first else { return nil }
            let fields = batch.replies.elements(of: row)
            guard fields.count == 4 else { return nil }
            var entry = entries[index]
            entry.deliveries = Int(batch.replies.nodes[fields[3]].value)
            return entry
        }
    }

    // MARK: Ending

    /// Acknowledges and removes entries, each with its reply, where there is one: atomic for each; false for those
    /// that were acknowledged before, whose reply is not written.
    ///
    /// - Parameters:
    ///   - replyLengthMax: replies that a reply stream keeps, about.
    ///   - replyLifetime: how long an unread reply stream lives after its last entry.
    public func complete(
        _ entries: [(entry: StreamEntry, reply: (stream: String, payload: [UInt8])?)], group: String,
        replyLengthMax: Int, replyLifetime: Duration, until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> [Bool] {
        guard !entries.isEmpty else { return [] }
        var list = CommandList(capacity: entries.count, bytesPerCommand: 512)
        for (entry, reply) in entries {
            add(
                [
                    "EVAL", StreamScript.complete, "2", entry.stream, reply?.stream ?? entry.stream, group, entry.id,
                    reply == nil ? "0" : "1",
                ], reply?.payload ?? [], after: ["\(replyLengthMax)", "\(Self.milliseconds(replyLifetime))"],
                key: entry.stream, to: &list)
        }
        let batch = CommandBatch(list, deadline: deadline)
        try await ask(batch, "XACK")
        return entries.indices.map { index in
            batch.root(index).map { batch.replies.nodes[$0].value == 1 } ?? false
        }
    }

    /// Moves an entry to the stream `letters` with the reason; false where it was acknowledged before.
    public func bury(
        _ entry: StreamEntry, group: String, letters: String, reason: String, lengthMax: Int,
        until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> Bool {
        var list = CommandList(capacity: 1, bytesPerCommand: 512)
        add(
            ["EVAL", StreamScript.bury, "2", entry.stream, letters, group, entry.id], entry.payload,
            after: [reason, "\(entry.deliveries)", "\(lengthMax)"], key: entry.stream, to: &list)
        let batch = CommandBatch(list, deadline: deadline)
        try await ask(batch, "XACK")
        return batch.root(0).map { batch.replies.nodes[$0].value == 1 } ?? false
    }

    /// Removes the entries of a plain stream up to and including `id` (XTRIM MINID, exactly).
    public func trim(
        _ stream: String, through id: String, until deadline: ContinuousClock.Instant
    ) async throws(TierError) {
        let parts = id.split(separator: "-")
        guard parts.count == 2, let sequence = UInt64(parts[1]) else { return }
        var list = CommandList(capacity: 1, bytesPerCommand: 512)
        add(["XTRIM", stream, "MINID", "=", "\(parts[0])-\(sequence &+ 1)"], key: stream, to: &list)
        let batch = CommandBatch(list, deadline: deadline)
        try await ask(batch, "XACK")
    }

    // MARK: Looking

    /// What lies in each stream, and the counters of the hash `counters` by field.
    public func depths(
        _ streams: [String], counters: String, until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> (depths: [StreamDepth], counters: [String: UInt64]) {
        var list = CommandList(capacity: streams.count + 1, bytesPerCommand: 512)
        for stream in streams { add(["XLEN", stream], key: stream, to: &list) }
        add(["HGETALL", counters], key: counters, to: &list)
        let batch = CommandBatch(list, deadline: deadline)
        try await ask(batch, "XLEN")
        let depths = streams.indices.map { index in
            StreamDepth(length: batch.root(index).map { Int(batch.replies.nodes[$0].value) } ?? 0)
        }
        var counts: [String: UInt64] = [:]
        if let root = batch.root(streams.count) {
            let nodes = batch.replies.elements(of: root)
            for pair in stride(from: 0, to: nodes.count - 1, by: 2) {
                counts[batch.replies.string(nodes[pair])] = UInt64(batch.replies.string(nodes[pair + 1]))
            }
        }
        return (depths, counts)
    }

    // MARK: Membership

    /// What a process does to the set of members.
    public enum Beat: String, Sendable {
        /// It is there, or still there.
        case join
        /// It goes.
        case leave
        /// It only looks.
        case look
    }

    /// Joins, stays, leaves, or looks; removes members not heard of for `lifetime`; hands back the set.
    ///
    /// - Parameter scope: prefix of the keys; must hold a hash tag.
    public func beat(
        _ beat: Beat, _ name: String, facts: String = "", scope: String, lifetime: Duration,
        until deadline: ContinuousClock.Instant
    ) async throws(TierError) -> StreamMembers {
        var list = CommandList(capacity: 1, bytesPerCommand: 512)
        add(
            [
                "EVAL", StreamScript.beat, "3", "\(scope):members", "\(scope):epoch", "\(scope):facts", name,
                "\(Self.milliseconds(lifetime))", beat.rawValue, facts,
            ], key: "\(scope):members", to: &list)
        let batch = CommandBatch(list, deadline: deadline)
        try await ask(batch, "MEMBERS")
        guard let root = batch.root(0) else { throw TierError(.unavailable, "no answer") }
        let nodes = batch.replies.elements(of: root)
        guard let first = nodes.first, let epoch = UInt64(batch.replies.string(first)) else {
            throw TierError(.protocolViolation, "the members' epoch is not a number")
        }
        var members: [StreamMembers.Member] = []
        for index in stride(from: 1, to: nodes.count - 1, by: 2) {
            members.append(
                .init(name: batch.replies.string(nodes[index]), facts: batch.replies.string(nodes[index + 1])))
        }
        return StreamMembers(epoch: epoch, members: members)
    }
}

extension RedisStreams {
    /// Adds a command of words, raw bytes where `payload` is not nil, and more words.
    private func add(
        _ words: [String], _ payload: [UInt8]? = nil, after rest: [String] = [], key: String, to list: inout CommandList
    ) {
        let bytes = Array(key.utf8)
        let route = tier.placement?.owner(of: bytes[...]) ?? KeySlot.of(bytes[...])
        list.append(route: route) { buffer in
            CommandEncoder.head(words.count + (payload == nil ? 0 : 1) + rest.count, to: &buffer)
            for word in words { CommandEncoder.argument(word.utf8, to: &buffer) }
            if let payload { CommandEncoder.argument(payload, to: &buffer) }
            for word in rest { CommandEncoder.argument(word.utf8, to: &buffer) }
        }
    }

    private func perform(_ batch: CommandBatch, _ operation: String) async {
        let start = ContinuousClock.now
        await tier.perform(batch)
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        durations[operation]?.record(
            nanoseconds: UInt64(seconds) &* 1_000_000_000 &+ UInt64(attoseconds / 1_000_000_000))
    }

    private func ask(_ batch: CommandBatch, _ operation: String) async throws(TierError) {
        await perform(batch, operation)
        if let fault = batch.firstFault { throw fault }
    }

    /// The entries in a reply of XREADGROUP or XREAD: [[stream, [[id, [field, value ...]] ...]] ...].
    private func entries(of batch: CommandBatch, _ index: Int) -> [StreamEntry] {
        guard let root = batch.root(index) else { return [] }
        return batch.replies.elements(of: root).flatMap { node -> [StreamEntry] in
            let parts = batch.replies.elements(of: node)
            guard parts.count == 2 else { return [] }
            return entries(of: batch.replies, parts[1], batch.replies.string(parts[0]))
        }
    }

    private func entries(of replies: ReplyStore, _ list: Int, _ stream: String) -> [StreamEntry] {
        replies.elements(of: list).compactMap { node in
            let parts = replies.elements(of: node)
            guard parts.count == 2 else { return nil }
            let fields = replies.elements(of: parts[1])
            var payload: [UInt8] = []
            for field in stride(from: 0, to: fields.count - 1, by: 2) where replies.string(fields[field]) == "b" {
                payload = Array(replies.text(fields[field + 1]))
            }
            return StreamEntry(stream: stream, id: replies.string(parts[0]), payload: payload)
        }
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return max(1, seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
    }
}
