/// Keeps a dead node from costing latency: one per node, pure.
///
/// A fault is a connection that broke, could not be made, or let a deadline pass; in each case the connection is gone.
/// The first fault reconnects at once, the next ones after growing delays; after `faults` of them without an answer in
/// between the breaker opens: commands are refused at once. When its delay has passed one new connection is the probe
/// (half open): its handshake decides. Delays double up to a limit and are shortened by up to a quarter at random, so
/// that many clients do not come back in step.
package struct Breaker: Sendable {
    /// When it opens and how long it stays so.
    package struct Settings: Sendable, Hashable {
        package var faults: Int
        package var reconnectDelay: Duration
        package var openDelay: Duration
        package var longestDelay: Duration

        /// `faults` must be positive.
        package init(faults: Int, reconnectDelay: Duration, openDelay: Duration, longestDelay: Duration) {
            precondition(faults > 0, "a breaker opens after at least one fault")
            self.faults = faults
            self.reconnectDelay = reconnectDelay
            self.openDelay = openDelay
            self.longestDelay = longestDelay
        }
    }

    /// The usual three.
    package enum State: Int, Sendable {
        case closed, halfOpen, open
    }

    package private(set) var state = State.closed
    /// No connection may be tried before; nil where one may at once.
    package private(set) var retryAt: ContinuousClock.Instant?
    private let settings: Settings
    private var faults = 0
    private var openings = 0

    /// A closed breaker.
    package init(_ settings: Settings) { self.settings = settings }

    /// Whether commands may wait for a connection being made.
    package var admits: Bool { state == .closed }

    /// Asks for leave to connect; turns an open breaker half open when its delay has passed.
    package mutating func mayConnect(now: ContinuousClock.Instant) -> Bool {
        if let retryAt, now < retryAt { return false }
        if state == .open { state = .halfOpen }
        return true
    }

    /// The connection is gone; `random` in 0..<1 shortens the delay.
    package mutating func fault(now: ContinuousClock.Instant, random: Double) {
        faults += 1
        guard state == .halfOpen || faults >= settings.faults else {
            retryAt = faults == 1 ? now : now + delay(settings.reconnectDelay, faults - 2, random)
            return
        }
        state = .open
        retryAt = now + delay(settings.openDelay, openings, random)
        openings += 1
    }

    /// A connection was made and its handshake answered: closed again, but one fault before an answer reopens.
    package mutating func connected() {
        retryAt = nil
        guard state != .closed else { return }
        state = .closed
        faults = settings.faults - 1
    }

    /// A command got its answer in time.
    package mutating func answered() {
        faults = 0
        openings = 0
    }

    private func delay(_ first: Duration, _ doublings: Int, _ random: Double) -> Duration {
        let whole = min(first * (1 << min(doublings, 20)), settings.longestDelay)
        return whole * (1 - 0.25 * random)
    }
}
