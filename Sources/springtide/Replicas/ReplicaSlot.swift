internal import Foundation
internal import LocalStack
internal import Services

/// One replica under supervision, from its start to its end.
struct ReplicaSlot {
    /// Where it stands.
    enum Phase: String {
        /// Started, not answering yet.
        case starting
        /// Answers and is a member.
        case ready
        /// Answers and is no member, or does not answer.
        case unready
        /// Asked to end.
        case draining
        /// Ended by itself; started again later.
        case waiting
    }

    let service: String
    let number: Int
    var phase = Phase.starting
    var child: ChildProcess?
    /// What it told once it listened.
    var facts: ReplicaFacts?
    var startedAt = ContinuousClock.now
    /// The processor it stays on, where it has a quota of one at most.
    var processor: Int?
    /// When a draining one is killed, and when a waiting one is started.
    var dueAt = ContinuousClock.now
    /// Health checks in a row without an answer.
    var misses = 0
    var restarts = 0
    var backoff = RestartBackoff()

    /// `SERVICE-NUMBER`.
    var name: String { "\(service)-\(number)" }

    /// Whether it counts towards the replicas that were asked for.
    var isWanted: Bool { phase != .draining }
}
