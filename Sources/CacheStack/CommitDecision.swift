/// The decision a durable tier takes while it holds the clock row: which transactions of a batch take effect.
///
/// Pure, so that every L3 decides alike: in batch order, first committer wins; the writes of an accepted transaction
/// count as the batch's ticket for those behind it. A transaction in conflict leaves no trace: its idempotency key may
/// be used again, also later in the same batch.
public enum CommitDecision: Sendable, Equatable {
    /// Write its rows.
    case accepted
    /// The row named is at another version than expected.
    case conflict(CacheKey, current: Ticket)
    /// The idempotency key took effect before, at that ticket.
    case duplicate(Ticket)
    /// The idempotency key took effect before, for another body.
    case keyReused

    /// What is durable about an idempotency key.
    public struct KnownAttempt: Sendable, Hashable {
        /// Ticket at which it took effect.
        public let ticket: Ticket
        /// Hash of the body it stood for.
        public let bodyHash: UInt64

        /// An attempt that took effect at `ticket`.
        public init(ticket: Ticket, bodyHash: UInt64) {
            self.ticket = ticket
            self.bodyHash = bodyHash
        }
    }

    /// Decides `batch` in its order.
    ///
    /// - Parameters:
    ///   - current: newest committed version of a row, nil where it never existed; asked only for expected rows.
    ///   - idempotency: the attempt known under a key before this batch.
    ///   - ticket: the ticket the batch has taken.
    ///   - epoch: the epoch it was taken in.
    /// - Returns: one decision for each transaction, in order.
    public static func decide(
        _ batch: [Transaction], current: (CacheKey) -> Ticket?,
        idempotency: (Transaction.IdempotencyKey) -> KnownAttempt?, ticket: Ticket, epoch: UInt32
    ) -> [CommitDecision] {
        let watched = Set(batch.dropFirst().flatMap { $0.expectations.map(\.key) })
        var written: Set<CacheKey> = []
        var attempts: [String: KnownAttempt] = [:]
        return batch.map { transaction in
            if let key = transaction.idempotency, let known = attempts[key.key] ?? idempotency(key) {
                return known.bodyHash == key.bodyHash ? .duplicate(known.ticket) : .keyReused
            }
            for expected in transaction.expectations {
                let version = written.contains(expected.key) ? ticket : current(expected.key) ?? .zero
                let isOtherHistory = expected.epoch != 0 && expected.epoch != epoch
                if isOtherHistory || version != expected.version { return .conflict(expected.key, current: version) }
            }
            if let key = transaction.idempotency {
                attempts[key.key] = KnownAttempt(ticket: ticket, bodyHash: key.bodyHash)
            }
            if !watched.isEmpty {
                transaction.writes.forEachKey { if watched.contains($0) { written.insert($0) } }
            }
            return .accepted
        }
    }
}

extension WriteSet {
    /// Calls `body` with every key written, group by group.
    public func forEachKey(_ body: (CacheKey) -> Void) {
        for group in groups { for id in group.ids { body(CacheKey(group.space, id)) } }
    }
}
