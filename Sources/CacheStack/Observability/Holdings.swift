internal import Synchronization

/// How much a stack holds of everything that grows with its load, for checks of the limits.
package struct Holdings: Sendable {
    /// Loads in progress.
    package var flights: Int
    /// Loads waiting for the bulkhead.
    package var loadsWaiting: Int
    /// Transactions waiting for a batch.
    package var commits: Int
    /// Versions waiting to be announced, and places of the queue in memory, used or not.
    package var publishes: (count: Int, places: Int)
    /// Marked rows and regions.
    package var suspects: (keys: Int, regions: Int)
    /// Rows with an expected message.
    package var echoes: Int
    /// Versions kept for a repair and waiting for it, and the places of both in memory, used or not.
    package var repairs: (named: Int, pending: Int, namedPlaces: Int, orderPlaces: Int)
    /// Rows that L2 lacks: waiting for a lease, and leased.
    package var refills: (wanted: Int, leased: Int)
    /// Reads waiting to be checked, and readings of the stream remembered for that.
    package var checks: (samples: Int, readings: Int)
}

extension CacheStack {
    /// What is held now.
    package var holdings: Holdings {
        let (repairs, places) = fast.repairer.withLock { ($0.count, $0.places) }
        return Holdings(
            flights: flights.depth, loadsWaiting: bulkhead.depth.waiting, commits: committer.depth,
            publishes: publishQueue.withLock { ($0.count, $0.places) },
            suspects: fast.suspects.withLock { $0.count }, echoes: fast.echoes.withLock { $0.count },
            repairs: (repairs.named, repairs.pending, places.named, places.order),
            refills: fast.refills.withLock { $0.count }, checks: shadow.holdings)
    }
}
