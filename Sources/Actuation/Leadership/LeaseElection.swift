/// What a lease says: `spec` of `coordination.k8s.io/v1` Lease.
public struct LeaseRecord: Sendable, Equatable {
    /// Who holds it; empty where it was given back.
    public var holder: String
    /// Seconds without a change after which others may take it.
    public var durationSeconds: Int
    /// When the holder took it, by the holder's clock.
    public var acquireTime: MicroTime?
    /// When the holder renewed it last, by the holder's clock; never compared with another clock.
    public var renewTime: MicroTime?
    /// Times the holder changed; the fencing epoch.
    public var transitions: Int

    /// A record.
    public init(
        holder: String, durationSeconds: Int, acquireTime: MicroTime?, renewTime: MicroTime?, transitions: Int
    ) {
        self.holder = holder
        self.durationSeconds = durationSeconds
        self.acquireTime = acquireTime
        self.renewTime = renewTime
        self.transitions = transitions
    }
}

/// Leader election over a lease with compare-and-set: events in, requests out; no clock, no I/O.
///
/// The protocol of client-go's `leaderelection.go`: a round reads the lease and then creates it, renews it, takes it
/// where it is free, or waits. Two rules make it safe where clocks differ:
/// - A lease is free when its record has not changed for its duration **as observed here**, whatever its `renewTime`.
/// - A leader counts its own renewal from the moment the round began, before the request left, and stops acting
///   `renewDeadline` later; others take over no earlier than `leaseDuration`, so nobody overlaps by
///   `leaseDuration - renewDeadline` seconds.
///
/// Every time this candidate begins to lead, the epoch (`leaseTransitions`) is higher than any it has seen.
public struct LeaseElection: Sendable {
    /// The times of client-go, in seconds.
    public struct Timing: Sendable, Equatable {
        /// Others wait as long without a change.
        public var leaseDuration = 15
        /// The leader stops acting as long after its last renewal.
        public var renewDeadline = 10.0
        /// Between rounds.
        public var retryPeriod = 2.0
        /// Candidates wait up to `1 + jitter` times the period.
        public var jitter = 1.2

        /// The defaults.
        public init() {}

        /// The first contradiction; nil where there is none.
        public var fault: String? {
            if !(retryPeriod > 0) || !(jitter >= 0) { return "retryPeriod is more than 0 s, jitter not negative" }
            if !(renewDeadline > retryPeriod * (1 + jitter)) { return "renewDeadline is longer than a jittered retry" }
            return Double(leaseDuration) > renewDeadline ? nil : "leaseDuration is longer than renewDeadline"
        }
    }

    /// A request to the store of the lease.
    public enum Request: Sendable, Equatable {
        case read
        case create(LeaseRecord)
        /// Replaces the record where the lease is still at `version`.
        case update(LeaseRecord, version: String)
    }

    /// What the store answered.
    public enum Answer: Sendable, Equatable {
        case found(LeaseRecord, version: String)
        case absent
        /// The record is stored.
        case written(version: String)
        /// Somebody else wrote first, or no answer came: the next round sees.
        case failed
    }

    /// This candidate; unique among all that ever run, e.g. the pod's name and a random word.
    public let identity: String
    /// The times.
    public let timing: Timing
    private var observed: LeaseRecord?
    private var observedAt = -Double.infinity
    private var version: String?
    /// The record of the request on its way.
    private var pending: LeaseRecord?
    private var roundBegan = -Double.infinity
    /// Whether this very candidate has ever sent a record: one that bears its name may then be its own.
    private var hasSent = false
    private var held: LeaseRecord?
    private var renewedAt = -Double.infinity
    private var epochMax = -1

    /// A candidate that holds nothing.
    public init(identity: String, timing: Timing = Timing()) {
        precondition(!identity.isEmpty && timing.fault == nil, timing.fault ?? "a candidate has an identity")
        self.identity = identity
        self.timing = timing
    }

    /// The epoch in which this candidate may act at `now`; nil where it may not.
    public func epoch(at now: Double) -> UInt64? {
        guard let held, now >= renewedAt, now - renewedAt < timing.renewDeadline else { return nil }
        return UInt64(held.transitions)
    }

    /// The holder named by the record seen last; nil where there is none.
    public var holder: String? { observed.flatMap { $0.holder.isEmpty ? nil : $0.holder } }

    /// Begins a round.
    public mutating func begin(at now: Double) -> Request {
        if held != nil, epoch(at: now) == nil { held = nil }
        roundBegan = now
        pending = nil
        return .read
    }

    /// Takes the answer to the request that was returned last; the next request of the round, nil where it is over.
    ///
    /// - Parameters:
    ///   - now: seconds on the local clock that never goes back.
    ///   - wall: the time to write into records.
    public mutating func take(_ answer: Answer, at now: Double, wall: MicroTime) -> Request? {
        switch answer {
        case .absent:
            held = nil
            return send(record(transitions: epochMax + 1, acquired: wall, wall), nil)
        case .found(let record, let version):
            observe(record, version, now)
            return proceed(record, version, now, wall)
        case .written(let version):
            guard let pending else { return nil }
            observe(pending, version, now)
            held = pending
            renewedAt = roundBegan
            self.pending = nil
            return nil
        case .failed:
            pending = nil
            return nil
        }
    }

    private mutating func proceed(
        _ record: LeaseRecord, _ version: String, _ now: Double, _ wall: MicroTime
    ) -> Request? {
        if let held, record.holder == identity, record.transitions == held.transitions {
            return send(self.record(transitions: held.transitions, acquired: held.acquireTime ?? wall, wall), version)
        }
        held = nil
        let isFree = record.holder.isEmpty || now - observedAt >= Double(min(max(record.durationSeconds, 1), 3_600))
        guard isFree || record.holder == identity && hasSent else { return nil }
        return send(self.record(transitions: epochMax + 1, acquired: wall, wall), version)
    }

    /// Gives the lease back: an update that the store may refuse; nil where nothing is held.
    public mutating func release(at now: Double, wall: MicroTime) -> Request? {
        defer { held = nil }
        guard let held, epoch(at: now) != nil, let version else { return nil }
        return .update(
            LeaseRecord(
                holder: "", durationSeconds: 1, acquireTime: wall, renewTime: wall, transitions: held.transitions),
            version: version)
    }

    /// Seconds until the next round; `chance` is uniform in 0..<1.
    public func pause(at now: Double, chance: Double) -> Double {
        epoch(at: now) != nil ? timing.retryPeriod : timing.retryPeriod * (1 + timing.jitter * chance)
    }

    private mutating func observe(_ record: LeaseRecord, _ version: String, _ now: Double) {
        if record != observed {
            observed = record
            observedAt = now
        }
        self.version = version
        epochMax = max(epochMax, min(record.transitions, 1 << 52))
    }

    private mutating func send(_ record: LeaseRecord, _ version: String?) -> Request {
        pending = record
        hasSent = true
        return version.map { .update(record, version: $0) } ?? .create(record)
    }

    private func record(transitions: Int, acquired: MicroTime, _ wall: MicroTime) -> LeaseRecord {
        LeaseRecord(
            holder: identity, durationSeconds: timing.leaseDuration, acquireTime: acquired, renewTime: wall,
            transitions: transitions)
    }
}
