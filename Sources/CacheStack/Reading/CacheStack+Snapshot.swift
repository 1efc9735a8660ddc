internal import Synchronization
internal import Telemetry

/// Rows as of one ticket.
public struct Snapshot: Sendable, Equatable {
    /// The ticket of which all values are the committed state.
    public var ticket: Ticket
    public var epoch: UInt32
    /// The values in the order of the keys; each is `asOf` the snapshot's ticket.
    public var values: [CachedValue]
}

extension CacheStack {
    /// Reads rows as of one ticket, at most `maxAge` old and not before the token.
    ///
    /// Takes whatever is held whose proven intervals [version, asOf] meet; rows that do not meet the others are read
    /// again from L3, which moves the snapshot forward. After two tries all rows come from one L3 snapshot.
    /// - Throws: as `read` does.
    public func snapshot(
        _ keys: [CacheKey], maxAge: Duration = .seconds(10), token: SessionToken = SessionToken()
    ) async throws(CacheError) -> Snapshot {
        try admit(token)
        let unique = try limited(Self.unique(keys))
        let bound = AgeBound(maxAge: min(maxAge, configuration.maxAgeMax), atLeast: token.ticket)
        let demand = Demand(bound: bound, began: time.now())
        var choice = SnapshotChoice(keys: unique, from: token.ticket)
        if token.isEmpty || token.epoch == epoch.load(ordering: .acquiring) {
            offerLocal(unique, to: &choice, demand)
            await offerShared(to: &choice, demand)
        }
        for _ in 0..<2 where !choice.isMet(maxAge: bound.maxAgeNanoseconds) {
            try await reload(choice.toReload(maxAge: bound.maxAgeNanoseconds), &choice, demand)
        }
        if !choice.isMet(maxAge: bound.maxAgeNanoseconds) {
            choice = SnapshotChoice(keys: unique, from: token.ticket)
            try await reload(unique, &choice, demand)
        }
        let epoch = epoch.load(ordering: .acquiring)
        guard token.isEmpty || token.epoch == epoch, choice.isMet(maxAge: bound.maxAgeNanoseconds),
            choice.epoch.map({ $0 == epoch }) ?? true
        else { throw CacheError(.behindToken, "the database is behind the session's token, or its history changed") }
        return choice.snapshot(of: keys, epoch: epoch)
    }

    private func offerLocal(_ keys: [CacheKey], to choice: inout SnapshotChoice, _ demand: Demand) {
        for key in keys {
            guard let (row, payload) = local.anyValue(key, at: demand.began) else { continue }
            choice.offer(key, row, payload, .l1)
        }
    }

    private func offerShared(to choice: inout SnapshotChoice, _ demand: Demand) async {
        let keys = choice.missing.filter { spaces.isInL2($0.space) }
        guard let shared, !keys.isEmpty else { return }
        do {
            let replies = try await shared.get(keys, until: deadline(configuration.sharedTimeout))
            for (key, reply) in zip(keys, replies) {
                guard case .entry(let entry) = reply, let row = believe(entry), let judged = judge(row, demand) else {
                    metrics.l2.miss.increment()
                    continue
                }
                metrics.l2.hit.increment()
                choice.offer(key, judged, entry.payload, .l2)
                local.noteRead(key, entry.certificate, at: time.now())
            }
        } catch {
            metrics.l2.error.increment(by: UInt64(keys.count))
        }
    }

    /// Reads rows in one L3 snapshot and puts them in place of what was chosen.
    private func reload(
        _ keys: [CacheKey], _ choice: inout SnapshotChoice, _ demand: Demand
    ) async throws(CacheError) {
        guard !keys.isEmpty else { return }
        let claims = flights.claim(keys)
        do {
            let (rows, sent) = try await query(keys)
            let age = max(0, (demand.began - sent).nanoseconds)
            let fresh = zip(claims, rows.entries).map { claim, entry in
                settleReload(claim, LoadedRow(entry: entry, born: sent, level: .l3))
                let row = LocalRow(
                    version: entry.certificate.version, asOf: rows.asOf, ageNanoseconds: age,
                    isAbsent: entry.payload == nil, isClosed: false, epoch: rows.epoch)
                return (key: entry.key, row: row, payload: entry.payload)
            }
            choice.replace(fresh, epoch: rows.epoch)
        } catch {
            for claim in claims where claim.isOwner {
                flights.land(claim, Task.isCancelled ? .abandoned : .failed(error, fallback: nil))
            }
            throw error
        }
    }

    private func settleReload(_ claim: FlightTable.Claim, _ row: LoadedRow) {
        if claim.isOwner && !claim.flight.isCancelled {
            let followsStream = spaces.isInOutbox(claim.key.space)
            local.install(row.entry, born: row.born, at: time.now(), followsStream: followsStream)
        }
        local.noteRead(claim.key, row.entry.certificate, at: time.now())
        if claim.isOwner { flights.land(claim, .loaded(row)) }
    }
}

/// The rows chosen so far for a snapshot, and the tickets [low, high] at which all of them hold. Pure.
struct SnapshotChoice {
    private struct Pick {
        var row: LocalRow
        var payload: [UInt8]?
        var level: CacheLevel
    }

    private let keys: [CacheKey]
    private let from: UInt64
    private var picks: [CacheKey: Pick] = [:]
    private(set) var epoch: UInt32?

    init(keys: [CacheKey], from: Ticket) {
        self.keys = keys
        self.from = from.rawValue
        low = from.rawValue
    }

    /// The tickets at which all rows chosen hold.
    private var low: UInt64
    private var high = UInt64.max

    /// Keys without a row.
    var missing: [CacheKey] { keys.filter { picks[$0] == nil } }

    /// Takes a row if its interval meets those chosen before.
    mutating func offer(_ key: CacheKey, _ row: LocalRow, _ payload: [UInt8]?, _ level: CacheLevel) {
        guard row.version.rawValue <= high, row.asOf.rawValue >= low, epoch == nil || epoch == row.epoch else { return }
        epoch = row.epoch
        low = max(low, row.version.rawValue)
        high = min(high, row.asOf.rawValue)
        picks[key] = Pick(row: row, payload: payload, level: level)
    }

    /// Takes the rows of a fresh L3 snapshot whatever was chosen before.
    mutating func replace(_ rows: [(key: CacheKey, row: LocalRow, payload: [UInt8]?)], epoch: UInt32) {
        if self.epoch != epoch { picks = [:] }
        self.epoch = epoch
        for (key, row, payload) in rows { picks[key] = Pick(row: row, payload: payload, level: .l3) }
        low = picks.values.reduce(from) { max($0, $1.row.version.rawValue) }
        high = picks.values.reduce(.max) { min($0, $1.row.asOf.rawValue) }
    }

    /// Whether all keys have rows that hold at one ticket, known current at most `maxAge` ago.
    func isMet(maxAge: Int64) -> Bool {
        picks.count == keys.count && low <= high && (keys.isEmpty || ageAtHigh <= maxAge)
    }

    /// Age of the certificate that ends the interval; the youngest, where several do.
    private var ageAtHigh: Int64 {
        let high = high
        return picks.values.filter { $0.row.asOf.rawValue == high }.map(\.row.ageNanoseconds).min() ?? .max
    }

    /// The keys to read again: those without a row, those that end before the others begin, or those too old.
    func toReload(maxAge: Int64) -> [CacheKey] {
        let (low, high) = (low, high)
        return keys.filter { key in
            guard let pick = picks[key] else { return true }
            let asOf = pick.row.asOf.rawValue
            return asOf < low || (low <= high && asOf == high && pick.row.ageNanoseconds > maxAge)
        }
    }

    /// The result as of the end of the interval.
    func snapshot(of keys: [CacheKey], epoch: UInt32) -> Snapshot {
        let ticket = Ticket(keys.isEmpty ? from : high)
        let age = Duration.nanoseconds(max(0, keys.isEmpty ? 0 : ageAtHigh))
        let values = keys.compactMap { key in
            picks[key].map { pick in
                CachedValue(
                    key: key, version: pick.row.version, asOf: ticket, epoch: epoch, ageBound: age,
                    payload: pick.payload, level: pick.level)
            }
        }
        return Snapshot(ticket: ticket, epoch: epoch, values: values)
    }
}
