package import CacheStack

/// The conversation of one tracking connection. Pure: replies and time in, commands and news out.
///
/// Broadcast mode of CLIENT TRACKING, redirected to the connection itself (RESP2, Redis 6 and later). It needs no
/// second connection whose death nobody would notice:
/// ```
/// -> CLIENT ID                                         <- :4
/// -> CLIENT TRACKING ON REDIRECT 4 BCAST PREFIX st:    <- +OK
/// -> SUBSCRIBE __redis__:invalidate                    <- *3 subscribe, __redis__:invalidate, :1
/// -> PING, every second                                <- *2 pong, empty
///    a write, an expiry, an eviction                   <- *3 message, __redis__:invalidate, *n keys
///    FLUSHALL                                          <- *3 message, __redis__:invalidate, null
/// ```
/// Two pings without anything received since the first of them: the link is dead, at most three seconds after it fell
/// silent. Any reply counts as a sign of life, since replies come in order.
package struct TrackingSession: Sendable {
    /// What the caller must do, in order.
    package enum Action: Hashable, Sendable {
        /// Write these bytes.
        case send([UInt8])
        /// From here on every change is told; what came before is not.
        case live
        /// Something happened to these keys; `foreign` counts names of other epochs or programs.
        case keys([CacheKey], foreign: Int)
        /// The server was emptied.
        case flushed
        /// Close the connection; the text is safe to log.
        case dead(String)
    }

    private enum Phase {
        case asking, enabling, subscribing, live
    }

    /// The channel that Redis sends invalidations to in RESP2.
    package static let channel = "__redis__:invalidate"
    /// What all names of the cache begin with (`CacheKey.l2Name`).
    package static let prefix = "st:"
    /// Unanswered pings that end a link.
    package static let missedPingsMax = 2

    private let pingInterval: Duration
    private var phase = Phase.asking
    private var isPongOwed = false
    private var missed = 0
    /// When `tick` has something to do.
    package private(set) var nextTick: ContinuousClock.Instant

    /// A conversation that begins at `now`; the server must have agreed to it before `deadline`.
    package init(now: ContinuousClock.Instant, deadline: ContinuousClock.Instant, pingInterval: Duration) {
        self.pingInterval = pingInterval
        nextTick = deadline
    }

    /// Whether every change is told.
    package var isLive: Bool { phase == .live }

    /// The first command.
    package func start() -> Action { .send(CommandEncoder.command("CLIENT", "ID")) }

    /// Time has come to `now`.
    package mutating func tick(now: ContinuousClock.Instant) -> [Action] {
        guard now >= nextTick else { return [] }
        guard phase == .live else { return [.dead("tracking was not agreed to in time")] }
        missed = isPongOwed ? missed + 1 : 0
        guard missed < Self.missedPingsMax else { return [.dead("\(missed) pings were not answered")] }
        isPongOwed = true
        nextTick = now + pingInterval
        return [.send(CommandEncoder.command("PING"))]
    }

    /// The server said something.
    package mutating func take(_ reply: borrowing ReplyStore, epoch: UInt32, now: ContinuousClock.Instant) -> [Action] {
        let root = reply.nodes[0]
        guard root.kind != .error else {
            return [.dead("refused: \(String(decoding: reply.text(0).prefix(120), as: UTF8.self))")]
        }
        (isPongOwed, missed) = (false, 0)
        switch phase {
        case .asking:
            guard root.kind == .integer, root.value > 0 else { return [Self.unexpected] }
            phase = .enabling
            return [
                .send(
                    CommandEncoder.command(
                        "CLIENT", "TRACKING", "ON", "REDIRECT", "\(root.value)", "BCAST", "PREFIX", Self.prefix))
            ]
        case .enabling:
            guard root.kind == .status else { return [Self.unexpected] }
            phase = .subscribing
            return [.send(CommandEncoder.command("SUBSCRIBE", Self.channel))]
        case .subscribing:
            guard Self.word(reply) == "subscribe" else { return [Self.unexpected] }
            phase = .live
            nextTick = now + pingInterval
            return [.live]
        case .live: return hear(reply, epoch: epoch)
        }
    }

    private func hear(_ reply: borrowing ReplyStore, epoch: UInt32) -> [Action] {
        switch (Self.word(reply), reply.nodes[0].count) {
        case ("pong", 2): return []
        case ("message", 3): break
        default: return [Self.unexpected]
        }
        // The channel follows the word; the keys, or null, follow the channel.
        guard reply.string(2) == Self.channel else { return [Self.unexpected] }
        guard reply.nodes[3].kind == .array else {
            return reply.nodes[3].kind == .null ? [.flushed] : [Self.unexpected]
        }
        let count = Int(reply.nodes[3].count)
        var keys: [CacheKey] = []
        keys.reserveCapacity(count)
        // Names are scalars, so they follow the array node one by one.
        for index in 4..<4 + count {
            if let key = CacheKey(l2Name: reply.text(index), epoch: epoch) { keys.append(key) }
        }
        return [.keys(keys, foreign: count - keys.count)]
    }

    private static let unexpected = Action.dead("an unexpected reply")

    private static func word(_ reply: borrowing ReplyStore) -> String {
        reply.nodes[0].kind == .array && reply.nodes[0].count > 0 ? reply.string(1) : ""
    }
}

extension CacheKey {
    /// The key whose name in L2 is `name`, in exactly the form of `l2Name(epoch:)`; nil for other names and epochs.
    package init?(l2Name name: ArraySlice<UInt8>, epoch: UInt32) {
        guard name.starts(with: TrackingSession.prefix.utf8) else { return nil }
        var rest = name.dropFirst(TrackingSession.prefix.utf8.count)
        guard let named = Self.number(&rest, endsWithColon: true), named == UInt64(epoch),
            let space = Self.number(&rest, endsWithColon: true).flatMap({ UInt16(exactly: $0) }),
            let id = Self.number(&rest, endsWithColon: false)
        else { return nil }
        self.init(SpaceID(rawValue: space), id)
    }

    /// Takes a decimal number without leading zeros off the front, with the colon behind it.
    private static func number(_ rest: inout ArraySlice<UInt8>, endsWithColon: Bool) -> UInt64? {
        var value: UInt64 = 0
        var digits = 0
        while let byte = rest.first, byte != UInt8(ascii: ":") {
            let digit = byte &- UInt8(ascii: "0")
            let (product, isOver) = value.multipliedReportingOverflow(by: 10)
            let (sum, isOverToo) = product.addingReportingOverflow(UInt64(digit))
            guard digit <= 9, !isOver, !isOverToo, digits == 0 || value > 0 else { return nil }
            (value, digits) = (sum, digits + 1)
            rest = rest.dropFirst()
        }
        guard digits > 0, endsWithColon == !rest.isEmpty else { return nil }
        if endsWithColon { rest = rest.dropFirst() }
        return value
    }
}
