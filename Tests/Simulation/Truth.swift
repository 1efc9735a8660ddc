internal import CacheStack

/// A row as a read has shown it.
struct Sighting {
    var row: Int
    var version: UInt64
    var asOf: UInt64
    var epoch: UInt32
    var ageNanoseconds: Int64
    var content: Content
}

/// What a row holds: the attempt that wrote it and a balance. Attempt 0: the row is absent.
struct Content: Equatable {
    var attempt: UInt64 = 0
    var balance: Int64 = 0

    static let size = 16

    init() {}

    init(attempt: UInt64, balance: Int64) {
        self.attempt = attempt
        self.balance = balance
    }

    /// Reads 16 bytes, both numbers little endian; nil: absent.
    init?(_ payload: [UInt8]?) {
        guard let payload else {
            self.init()
            return
        }
        guard payload.count == Self.size else { return nil }
        self = payload.withUnsafeBytes { bytes in
            Content(
                attempt: UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)),
                balance: Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: Int64.self)))
        }
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.size)
        withUnsafeBytes(of: attempt.littleEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: balance.littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }
}

/// Everything that L3 has ever committed, by epoch, and whether what a read says of it is true.
final class Truth {
    /// One version of a row.
    struct Version {
        var ticket: UInt64
        /// When it was committed, in the scheduler's time.
        var time: Int64
        var content: Content
    }

    /// The history of one epoch; it holds what came before as far as that survived.
    final class Timeline {
        var rows: [[Version]]
        /// When each ticket was committed, the first being `firstTicket + 1`.
        var times: [Int64] = []
        var firstTicket: UInt64
        /// By how much L3's clock was ahead of the simulation's when the epoch began, in microseconds.
        var clockOffset: Int64 = 0
        /// When the epoch ended.
        var end: Int64?
        /// Ticket at which each attempt took effect.
        var attempts: [UInt64: UInt64] = [:]
        /// The attempt by which each intent took effect.
        var intents: [UInt64: UInt64] = [:]

        init(rows: [[Version]], firstTicket: UInt64) {
            self.rows = rows
            self.firstTicket = firstTicket
        }

        /// The history up to `ticket`, to be continued.
        init(_ old: Timeline, upTo ticket: UInt64, clockOffset: Int64) {
            rows = old.rows.map { versions in versions.filter { $0.ticket <= ticket } }
            firstTicket = old.firstTicket
            self.clockOffset = clockOffset
            times = Array(old.times.prefix(Int(ticket - firstTicket)))
            attempts = old.attempts.filter { $0.value <= ticket }
            intents = old.intents.filter { (old.attempts[$0.value] ?? .max) <= ticket }
        }

        var newest: UInt64 { firstTicket + UInt64(times.count) }

        /// When `ticket` was committed; nil where it was not.
        func time(of ticket: UInt64) -> Int64? {
            guard ticket > firstTicket, ticket <= newest else { return nil }
            return times[Int(ticket - firstTicket - 1)]
        }
    }

    private(set) var timelines: [UInt32: Timeline] = [:]
    private(set) var epoch: UInt32
    /// The history being written.
    private var current: Timeline
    private(set) var violation: String?
    /// Values compared with the truth.
    private(set) var checked = 0
    /// Transactions that took effect.
    private(set) var commits = 0
    let accounts: Int
    private var total: Int64 = 0
    /// Attempts that were reported as failed: they may not take effect any more.
    private var failed: Set<UInt64> = []
    /// Two clocks of 250 ppm each, and the microsecond L3's time is cut off to.
    static func tolerance(_ bound: Int64) -> Int64 { bound / 1_000 + 2_000 }

    init(rows: Int, accounts: Int, epoch: UInt32, firstTicket: UInt64) {
        self.epoch = epoch
        self.accounts = accounts
        let none = Version(ticket: 0, time: 0, content: Content())
        current = Timeline(rows: Array(repeating: [none], count: rows), firstTicket: firstTicket)
        timelines[epoch] = current
    }

    var newest: UInt64 { current.newest }

    func newestVersion(_ row: Int) -> Version? { current.rows[row].last }

    func fail(_ problem: @autoclosure () -> String) {
        if violation == nil { violation = problem() }
    }

    // MARK: Commits

    /// Notes one row written by an accepted transaction.
    func write(_ row: Int, _ content: Content, ticket: UInt64, at now: Int64) {
        if row < accounts {
            total += content.balance - (current.rows[row].last?.content.balance ?? 0)
        }
        current.rows[row].append(Version(ticket: ticket, time: now, content: content))
    }

    /// Notes that a transaction took effect at `ticket`, once.
    func accept(attempt: UInt64, intent: UInt64, ticket: UInt64) {
        commits += 1
        if failed.contains(attempt) { fail("attempt \(attempt) took effect at \(ticket) after it had failed") }
        if let earlier = current.intents[intent] {
            fail("intent \(intent) took effect twice: attempts \(earlier) and \(attempt) at \(ticket)")
        }
        current.attempts[attempt] = ticket
        current.intents[intent] = attempt
    }

    /// Notes that `ticket` is committed; no money may have come or gone.
    func finish(ticket: UInt64, total expected: Int64, at now: Int64) {
        if ticket != newest + 1 { fail("L3 committed ticket \(ticket) after \(newest)") }
        current.times.append(now)
        if total != expected { fail("the balances add up to \(total), not \(expected), at \(ticket)") }
    }

    /// Checks the version a write was based on.
    func checkBase(_ row: Int, expected: UInt64, ticket: UInt64) {
        let base = newestVersion(row)?.ticket ?? 0
        if base != expected && base != ticket {
            fail("lost update: row \(row) was at \(base), the write at \(ticket) expected \(expected)")
        }
    }

    /// History continues in `epoch`, from `ticket` on: what came after is lost.
    ///
    /// - Parameter clockOffset: by how many microseconds L3's clock is ahead of the simulation's by now.
    func restart(at ticket: UInt64, epoch next: UInt32, clockOffset: Int64, now: Int64) {
        current.end = now
        current = Timeline(current, upTo: ticket, clockOffset: clockOffset)
        total = current.rows[..<accounts].reduce(0) { $0 + ($1.last?.content.balance ?? 0) }
        epoch = next
        timelines[next] = current
    }

    /// What a client was told of its attempt must be so.
    func acknowledge(attempt: UInt64, ticket: UInt64, epoch: UInt32) {
        let actual = timelines[epoch]?.attempts[attempt]
        if actual != ticket, !timelines.values.contains(where: { $0.attempts[attempt] == ticket }) {
            let text = actual.map { "\($0)" } ?? "never"
            fail("attempt \(attempt) was acknowledged at \(ticket), it took effect: \(text)")
        }
    }

    /// An attempt said to have failed must not have taken effect, and never will.
    func refuse(attempt: UInt64) {
        failed.insert(attempt)
        if let ticket = current.attempts[attempt] {
            fail("attempt \(attempt) was said to have failed, it took effect at \(ticket)")
        }
    }

    /// The newest epoch in which an attempt took effect at that ticket; the current one where none is.
    func epoch(of attempt: UInt64, at ticket: UInt64) -> UInt32 {
        timelines.filter { $0.value.attempts[attempt] == ticket }.keys.max() ?? epoch
    }

    /// Whether an intent has taken effect, in a history that is or was.
    func isDone(_ intent: UInt64) -> Bool { timelines.values.contains { $0.intents[intent] != nil } }

    // MARK: Reads

    /// Compares a value with the truth: it was committed, its interval is proven, and it had not been superseded for
    /// longer than `maxAge` (nil: no bound), nor than its own age bound, when the read began.
    ///
    /// - Parameter token: a ticket at which it must still have been the newest, in the same epoch.
    func check(_ value: Sighting, began: Int64, maxAge: Int64?, token: UInt64 = 0) {
        checked += 1
        guard let timeline = value.epoch == epoch ? current : timelines[value.epoch] else {
            fail("row \(value.row) is said to be of epoch \(value.epoch)")
            return
        }
        let versions = timeline.rows[value.row]
        var index = versions.count - 1
        while index > 0, versions[index].ticket > value.version { index -= 1 }
        let version = versions[index]
        guard version.ticket == value.version, version.content == value.content else {
            fail("row \(value.row): version \(value.version) with \(value.content) was never committed")
            return
        }
        if value.asOf > timeline.newest && timeline.end == nil {
            fail("row \(value.row) is certified up to \(value.asOf), L3 is at \(timeline.newest)")
        }
        var superseded = timeline.end ?? .max
        if index + 1 < versions.count {
            let next = versions[index + 1]
            superseded = next.time
            if next.ticket <= value.asOf || next.ticket <= token {
                fail(
                    "row \(value.row): \(value.version) is certified up to \(value.asOf) with token \(token), "
                        + "\(next.ticket) wrote it")
            }
        }
        guard superseded < began else { return }
        let bound = min(maxAge ?? .max, value.ageNanoseconds)
        if began - superseded > bound + Self.tolerance(bound) {
            fail(
                "row \(value.row): \(value.version) had been superseded for \((began - superseded) / 1_000) us "
                    + "when the read began; bound \((maxAge ?? -1) / 1_000) us, said to be at most "
                    + "\(value.ageNanoseconds / 1_000) us")
        }
    }

    /// Checks the certificate of an entry that L2 is given: true at its ticket and at its time.
    func checkCertificate(_ row: Int, _ certificate: Certificate, content: Content) {
        guard let timeline = timelines[certificate.epoch] else { return }
        let (version, asOf) = (certificate.version.rawValue, certificate.asOf.rawValue)
        let value = Sighting(
            row: row, version: version, asOf: asOf, epoch: certificate.epoch, ageNanoseconds: .max, content: content)
        check(value, began: 0, maxAge: nil)
        // A clock that has stepped back within the epoch may have been at any time in between.
        guard let next = timeline.time(of: asOf + 1) else { return }
        let latest = DurableServer.start + next / 1_000 + timeline.clockOffset
        if latest < certificate.asOfTime {
            fail(
                "row \(row): ticket \(asOf) is certified as current at \(certificate.asOfTime), "
                    + "the next one was committed by \(latest)")
        }
    }

    /// Checks what a snapshot says: the state at `ticket` was the newest at most `maxAge` before the read began.
    func checkSnapshot(_ ticket: UInt64, epoch: UInt32, values: [Sighting], began: Int64, maxAge: Int64) {
        guard let timeline = timelines[epoch] else { return }
        for value in values where value.asOf != ticket || value.epoch != epoch || value.version > ticket {
            fail("row \(value.row) of the snapshot at \(ticket) is of [\(value.version), \(value.asOf)]")
        }
        if let superseded = timeline.time(of: ticket + 1) ?? timeline.end,
            began - superseded > maxAge + Self.tolerance(maxAge)
        {
            fail("the snapshot at \(ticket) had been superseded for \((began - superseded) / 1_000) us")
        }
    }
}
