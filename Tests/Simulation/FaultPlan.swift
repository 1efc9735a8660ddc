/// What may go wrong in a run.
package enum Fault: Int, CaseIterable, Sendable, Hashable {
    // The network.
    case slowMessages, lostMessages, duplicatedMessages, partitionedFromL2, partitionedFromL3, stalledStream
    // L2.
    case flush, eviction, rollback, zombie, l2Down, poison
    // L3.
    case lostCommitAnswer, serializationFailure, stalledCommit, l3Restart, l3ReadOnly, l3Restored, clockStepBack
    case prunedOutbox
    // Processes.
    case pause, crash, drift
    // What L2 tells of its own accord.
    case lostInvalidations, lateInvalidations, repeatedInvalidations, brokenFeed
}

/// The sizes of a run and the faults in it, all drawn from its seed: each run has its own few faults ("swarm testing").
package struct FaultPlan: Sendable, Hashable, CustomStringConvertible {
    package var seed: UInt64
    /// The faults and the mean time between two of each, in nanoseconds; for faults of messages: parts in 10,000.
    package var rates: [Fault: Int64]
    package var processes: Int
    package var clientsPerProcess: Int
    package var accounts: Int
    package var notes: Int
    package var orders: Int
    /// Length of the time with faults, in nanoseconds.
    package var duration: Int64
    /// Mean time between two operations of a client.
    package var think: Int64
    package var pollInterval: Int64
    /// Rows in L1; floors in L1.
    package var entriesMax: Int
    package var floorsMax: Int
    package var installsCommits: Bool
    package var mutant: Mutant?
    /// The first ticket; near 2^53 in some runs, where doubles stop telling integers apart.
    package var firstTicket: UInt64

    static let second: Int64 = 1_000_000_000
    static let millisecond: Int64 = 1_000_000

    /// The plan of `seed`.
    package init(seed: UInt64, mutant: Mutant? = nil) {
        var generator = SeededGenerator(seed: seed, stream: 2)
        self.seed = seed
        self.mutant = mutant
        processes = 1 + generator.below(4)
        if generator.chance(8_000) { processes = max(2, processes) }
        clientsPerProcess = 1 + generator.below(4)
        accounts = 2 + generator.below(12)
        notes = 1 + generator.below(4)
        orders = 1 + generator.below(4)
        duration = Self.second * (10 + Int64(generator.below(80)))
        think = Self.millisecond * [2, 5, 10, 20, 50, 200][generator.below(6)]
        pollInterval = Self.millisecond * [20, 50, 100][generator.below(3)]
        entriesMax = [4, 16, 256][generator.below(3)]
        floorsMax = [4, 64, 1_024][generator.below(3)]
        installsCommits = generator.chance(5_000)
        firstTicket = generator.chance(1_000) ? (1 << 53) - UInt64(generator.below(50)) : 0
        rates = [:]
        let share = [0, 1_500, 3_000, 5_000][generator.below(4)]
        for fault in Fault.allCases where generator.chance(share) {
            rates[fault] = Self.rate(fault, &generator)
        }
    }

    private static func rate(_ fault: Fault, _ generator: inout SeededGenerator) -> Int64 {
        switch fault {
        case .slowMessages, .lostMessages, .duplicatedMessages, .lostCommitAnswer, .serializationFailure,
            .lostInvalidations, .lateInvalidations, .repeatedInvalidations:
            [10, 100, 1_000][generator.below(3)]
        case .eviction: millisecond * [2, 20, 500][generator.below(3)]
        case .flush: millisecond * [50, 1_000, 8_000][generator.below(3)]
        case .drift: 1
        default: second * [2, 5, 15][generator.below(3)]
        }
    }

    func has(_ fault: Fault) -> Bool { rates[fault] != nil }

    /// Rows in all.
    package var keys: Int { accounts + notes + orders }

    package var description: String {
        let faults = Fault.allCases.compactMap { fault in
            rates[fault].map { rate in
                rate > 10_000 ? "\(fault) each \(rate / Self.millisecond) ms" : "\(fault) \(rate)/10000"
            }
        }
        let sizes = "\(processes) processes x \(clientsPerProcess) clients, \(accounts)+\(notes)+\(orders) rows"
        let times = "\(duration / Self.millisecond) ms, think \(think / Self.millisecond) ms"
        let more = "poll \(pollInterval / Self.millisecond) ms, L1 \(entriesMax)/\(floorsMax)"
        let first = firstTicket > 0 ? ", first ticket \(firstTicket)" : ""
        let mutation = mutant.map { ", mutant \($0)" } ?? ""
        return "seed \(seed): \(sizes), \(times), \(more)\(first)\(mutation); "
            + (faults.isEmpty ? "no faults" : faults.joined(separator: ", "))
    }
}

/// A way to get the stack wrong, put into the tiers or clients around it: each must be caught.
package enum Mutant: String, CaseIterable, Sendable, Hashable {
    /// L2 is filled by SET and emptied by DEL: cache-aside without leases and versions.
    case deleteOnWrite
    /// PUBLISH stores whatever comes last.
    case setWithoutCompare
    /// Age is counted from the arrival of an entry, as a time to live does.
    case timeToLive
    /// Scripts compare versions as doubles.
    case floatVersions
    /// Sessions forget their token.
    case tokenNotCarried
    /// A fill may come at any time after its load and its lease.
    case fillWithoutDeadline
    /// Fills are guarded by tombstones alone, and these expire early.
    case shortTombstone
    /// L3's answer is given before it has committed.
    case acknowledgedEarly
    /// A commit in doubt is repeated under another idempotency key.
    case retriedWithoutKey
    /// After a backup was restored the epoch is the old one.
    case epochNotRaised
    /// PUBLISH creates a value where there is none.
    case publishCreates
    /// The rows are read before the lease is asked for.
    case snapshotBeforeLease
    /// The certificate's time is that of the answer, not that of the snapshot.
    case lateTimestamp
}
