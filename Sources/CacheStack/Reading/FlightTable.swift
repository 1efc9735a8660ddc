internal import Synchronization

/// A row as a load found it: the certified bytes and where they came from.
struct LoadedRow: Sendable {
    var entry: CertifiedEntry
    /// A time on the own clock at or before which the certificate was current.
    var born: MonotonicTime
    var level: CacheLevel
}

/// One load of one key that any number of readers wait for.
final class Flight: Sendable {
    enum Outcome: Sendable {
        case loaded(LoadedRow)
        /// `fallback`: what L2 held, too old for the load but certified.
        case failed(CacheError, fallback: LoadedRow?)
        /// The loader was cancelled: somebody else may try.
        case abandoned
    }

    private struct State {
        var outcome: Outcome?
        var waiters: [CheckedContinuation<Outcome, Never>] = []
        var isCancelled = false
    }

    private let state = Mutex(State())

    /// Whether a newer version was announced since the load began: its result must not be installed.
    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    func cancel() { state.withLock { $0.isCancelled = true } }

    func finish(_ outcome: Outcome) {
        let waiters = state.withLock { state in
            precondition(state.outcome == nil, "a flight lands once")
            state.outcome = outcome
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: outcome) }
    }

    func outcome() async -> Outcome {
        await withCheckedContinuation { continuation in
            let outcome = state.withLock { state in
                if state.outcome == nil { state.waiters.append(continuation) }
                return state.outcome
            }
            if let outcome { continuation.resume(returning: outcome) }
        }
    }
}

/// The loads in progress: single flight for each key, and the markers that announcements cancel.
///
/// Its size is bounded by `fetch`, which begins no load while there are `flightsMax`; those who wait for a flight are
/// tasks of the callers.
final class FlightTable: Sendable {
    struct Claim: Sendable {
        let key: CacheKey
        let flight: Flight
        /// Whether the claimer must load; otherwise somebody does already.
        let isOwner: Bool
    }

    private let flights = Mutex<[CacheKey: Flight]>([:])
    private let count = Atomic<Int>(0)

    /// Loads in progress.
    var depth: Int { count.load(ordering: .relaxed) }

    /// Joins the load of each key, or takes it on. An owner must `land` every flight it owns.
    func claim(_ keys: [CacheKey]) -> [Claim] {
        flights.withLock { flights in
            let claims = keys.map { key in
                if let flight = flights[key] { return Claim(key: key, flight: flight, isOwner: false) }
                let flight = Flight()
                flights[key] = flight
                return Claim(key: key, flight: flight, isOwner: true)
            }
            count.store(flights.count, ordering: .sequentiallyConsistent)
            return claims
        }
    }

    /// Ends a load: later readers start another; those waiting get `outcome`.
    func land(_ claim: Claim, _ outcome: Flight.Outcome) {
        remove(claim.key) { $0 === claim.flight }
        claim.flight.finish(outcome)
    }

    /// Cancels the load of a key that was announced to have changed; later readers do not join it.
    func cancel(_ key: CacheKey) {
        guard count.load(ordering: .sequentiallyConsistent) > 0 else { return }
        remove(key) { _ in true }?.cancel()
    }

    /// Cancels all loads.
    func cancelAll() {
        let all = flights.withLock { flights in
            defer {
                flights = [:]
                count.store(0, ordering: .sequentiallyConsistent)
            }
            return Array(flights.values)
        }
        for flight in all { flight.cancel() }
    }

    @discardableResult
    private func remove(_ key: CacheKey, where isRight: (Flight) -> Bool) -> Flight? {
        flights.withLock { flights in
            guard let flight = flights[key], isRight(flight) else { return nil }
            flights[key] = nil
            count.store(flights.count, ordering: .sequentiallyConsistent)
            return flight
        }
    }
}
