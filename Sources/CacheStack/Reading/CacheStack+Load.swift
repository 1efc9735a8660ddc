internal import Synchronization
internal import Telemetry

/// What a read demands of the rows it fetches, and when it began: ages are judged as of then.
struct Demand: Sendable {
    var bound: AgeBound
    var began: MonotonicTime
    /// L2 cannot help: the epoch is not known yet, or the token is of one still to come.
    var skipsShared = false
    /// A copy of L2 that lags may answer: bounded reads.
    var allowsReplicas = false
}

extension CacheStack {
    /// A row to be loaded from L3, and what L2 said about it.
    struct Load: Sendable {
        var claim: FlightTable.Claim
        /// The lease under which the row may be filled.
        var token: UInt64?
        /// L2 holds a version that did not do: announce what L3 says.
        var isHeld = false
        /// L2 was asked and holds nothing.
        var isMissed = false
        /// Not to be installed: another process has the lease.
        var isUncached = false
        /// What L2 held, if it was certified but too old.
        var fallback: LoadedRow?
    }

    /// Loads what the claims own and lands every one of them: a suspect row of L1 that proves good; L2; where L2 has
    /// nothing to say, a row that L1 still holds and the stream vouches for; then a lease and L3, or another's lease and
    /// waiting.
    func load(_ claims: [FlightTable.Claim], _ demand: Demand) async {
        var loads = await settleSuspects(claims, demand).map { Load(claim: $0) }
        if let shared, !demand.skipsShared {
            var inL2 = loads.filter { spaces.isInL2($0.claim.key.space) }
            loads.removeAll { spaces.isInL2($0.claim.key.space) }
            let isUp = await get(&inL2, from: shared, demand)
            vouch(for: &inL2, isUp: isUp, demand)
            let waiting = isUp ? await lease(&inL2, from: shared, demand) : []
            await loadDurable(loads + inL2)
            await wait(for: waiting, from: shared, demand)
        } else {
            await loadDurable(loads)
        }
    }

    // MARK: L2

    /// Lands what L2 has, and leaves the rest in `loads`; false where L2 failed.
    private func get(_ loads: inout [Load], from shared: any SharedTier, _ demand: Demand) async -> Bool {
        guard !loads.isEmpty else { return true }
        let sent = time.now()
        let replies: [SharedTierReply]
        do {
            replies = try await shared.get(
                loads.map(\.claim.key), allowingReplicas: mayAskReplicas(loads, demand),
                until: deadline(configuration.sharedTimeout))
        } catch {
            metrics.l2.error.increment(by: UInt64(loads.count))
            return false
        }
        metrics.l2Seconds.record((time.now() - sent).seconds)
        guard replies.count == loads.count else {
            metrics.l2.error.increment(by: UInt64(loads.count))
            return false
        }
        var rest: [Load] = []
        for (load, reply) in zip(loads, replies) {
            var load = load
            switch reply {
            case .entry(let entry): if take(entry, for: &load, demand) { continue }
            case .miss:
                metrics.l2.miss.increment()
                load.isMissed = true
            case .poison: countPoison()
            }
            rest.append(load)
        }
        loads = rest
        if publishQueue.withLock({ $0.count }) > 0 { publishSignal.raise() }
        return true
    }

    /// Whether lagging copies may answer. Not for rows that a message has put in doubt: a copy may not have heard of the
    /// change yet, and would answer with what the message was about.
    private func mayAskReplicas(_ loads: [Load], _ demand: Demand) -> Bool {
        guard demand.allowsReplicas else { return false }
        guard fast.source != nil else { return true }
        return loads.allSatisfy { doubt($0.claim.key, at: demand.began) == .unfounded }
    }

    /// Lands a flight with an entry of L2 if the entry is believed and meets the demand; else notes it in the load.
    private func take(_ entry: CertifiedEntry, for load: inout Load, _ demand: Demand) -> Bool {
        guard let row = believe(entry) else { return false }
        load.isHeld = true
        guard let judged = judge(row, demand), judged.asOf >= demand.bound.atLeast,
            judged.ageNanoseconds <= demand.bound.maxAgeNanoseconds
        else {
            metrics.l2.stale.increment()
            load.fallback = row
            return false
        }
        (entry.payload == nil ? metrics.l2.negative : metrics.l2.hit).increment()
        renew(row, judged)
        install(row, load.claim.flight)
        flights.land(load.claim, .loaded(row))
        return true
    }

    /// Checks an entry of L2 against what this process knows: epoch, newest ticket, L3's time.
    func believe(_ entry: CertifiedEntry) -> LoadedRow? {
        let certificate = entry.certificate
        let known = newest.load(ordering: .relaxed)
        guard epoch.load(ordering: .acquiring) != 0 else { return nil }
        let (limit, overflow) = known.addingReportingOverflow(configuration.ticketSlack)
        guard certificate.epoch == epoch.load(ordering: .acquiring), certificate.version <= certificate.asOf,
            overflow || certificate.asOf.rawValue <= limit
        else {
            countPoison()
            return nil
        }
        let now = time.now()
        let born = clock.withLock { clock in clock.isSet ? clock.born(certificate.asOfTime, at: now) : nil }
        guard let born else {
            countPoison()
            return nil
        }
        return LoadedRow(entry: entry, born: provenBirth(certificate, born, at: now), level: .l2)
    }

    /// When an entry of L2 was current for certain, given what L3's clock says.
    ///
    /// That clock may have stepped back before this process watched it, and what was stamped before then looks younger
    /// than it is. So a certificate of before the ticket this process began at proves nothing by its time, and one of
    /// that very ticket was current when the process began. Later ones were stamped while it watched.
    private func provenBirth(_ certificate: Certificate, _ born: MonotonicTime, at now: MonotonicTime) -> MonotonicTime
    {
        let start = start.withLock { $0 }
        if certificate.asOf > start.ticket { return born }
        return certificate.asOf == start.ticket
            ? start.born : MonotonicTime(nanoseconds: now.nanoseconds - 2 * configuration.maxAgeMax.nanoseconds)
    }

    private func countPoison() {
        metrics.poison.increment()
        metrics.l2.error.increment()
    }

    /// What a loaded row is worth to a reader; nil where it is below a floor by now.
    func judge(_ row: LoadedRow, _ demand: Demand) -> LocalRow? {
        let key = row.entry.key
        guard
            var judged = local.judge(
                key, row.entry.certificate, born: row.born, at: demand.began,
                followsStream: spaces.isInOutbox(key.space))
        else { return nil }
        judged.isAbsent = row.entry.payload == nil
        return judged
    }

    private func install(_ row: LoadedRow, _ flight: Flight) {
        if !flight.isCancelled {
            let followsStream = spaces.isInOutbox(row.entry.key.space)
            local.install(row.entry, born: row.born, at: time.now(), followsStream: followsStream)
        }
        // Also where it is not installed: the reader gets it, so no later read may go back behind it.
        local.noteRead(row.entry.key, row.entry.certificate, at: time.now())
        markIfCancelled(row.entry.key, flight)
    }

    /// Asks for leases; lands what has come meanwhile, leaves what is to be loaded, returns what another loads.
    private func lease(_ loads: inout [Load], from shared: any SharedTier, _ demand: Demand) async -> [Load] {
        let own = takeOverLeases(&loads)
        defer { loads += own }
        guard !loads.isEmpty else { return [] }
        fast.expectEchoes(loads.lazy.map(\.claim.key), at: time.now())
        let replies: [LeaseReply]
        do {
            replies = try await shared.lease(loads.map(\.claim.key), until: deadline(configuration.sharedTimeout))
        } catch {
            return []
        }
        guard replies.count == loads.count else { return [] }
        var (rest, waiting): ([Load], [Load]) = ([], [])
        for (load, reply) in zip(loads, replies) {
            var load = load
            switch reply {
            case .granted(let token, _): load.token = token == 0 ? nil : token
            case .wait:
                waiting.append(load)
                continue
            case .entry(let entry): if take(entry, for: &load, demand) { continue }
            }
            rest.append(load)
        }
        fast.withdrawEchoes(
            zip(loads, replies).filter { !$0.1.isGranted }.map(\.0.claim.key), at: time.now())
        loads = rest
        return waiting
    }

    /// Waits for another process's loads, up to the life of their leases; then loads without caching.
    private func wait(for loads: [Load], from shared: any SharedTier, _ demand: Demand) async {
        var waiting = loads
        let end = time.now() + configuration.leaseWaitMax
        var pause = Duration.milliseconds(5)
        while !waiting.isEmpty && time.now() < end {
            guard await sleep(pause) else { break }
            pause = min(pause * 2, .milliseconds(20))
            var asked = waiting
            waiting = await lease(&asked, from: shared, demand)
            await loadDurable(asked)
        }
        await loadDurable(
            waiting.map { load in
                var load = load
                load.isUncached = true
                return load
            })
    }

    // MARK: L3

    /// Loads rows from L3 in chunks and lands their flights.
    private func loadDurable(_ loads: [Load]) async {
        var rest = loads[...]
        while !rest.isEmpty {
            let chunk = Array(rest.prefix(configuration.loadRowsMax))
            rest = rest.dropFirst(chunk.count)
            await loadChunk(chunk)
        }
    }

    private func loadChunk(_ loads: [Load]) async {
        do {
            let (rows, sent) = try await query(loads.map(\.claim.key))
            let refused = await fill(loads, rows, sent: sent)
            for (index, load) in loads.enumerated() {
                let row = LoadedRow(entry: rows.entries[index], born: sent, level: .l3)
                if refused.contains(index) || load.isUncached {
                    local.noteRead(load.claim.key, row.entry.certificate, at: time.now())
                } else {
                    install(row, load.claim.flight)
                }
                if load.isHeld { announce(row.entry, born: sent) }
                flights.land(load.claim, .loaded(row))
            }
            if loads.contains(where: \.isHeld) { publishSignal.raise() }
        } catch {
            let isAbandoned = Task.isCancelled
            for load in loads {
                flights.land(load.claim, isAbandoned ? .abandoned : .failed(error, fallback: load.fallback))
            }
        }
    }

    /// One load from L3 through the bulkhead: one snapshot, and when it was sent.
    func query(_ keys: [CacheKey]) async throws(CacheError) -> (LoadedRows, sent: MonotonicTime) {
        let answer = await bulkhead.enter { () async -> Result<(LoadedRows, sent: MonotonicTime), TierError> in
            let sent = self.time.now()
            do throws(TierError) {
                let rows = try await self.durable.load(keys, until: self.deadline(self.configuration.loadTimeout))
                self.observe(time: rows.asOfTime, sent: sent)
                return .success((rows, sent))
            } catch {
                return .failure(error)
            }
        }
        guard let answer else {
            metrics.overloads.increment()
            throw CacheError(.overloaded, "too many loads from the database wait already; try again later")
        }
        switch answer {
        case .failure(let error):
            metrics.l3.error.increment(by: UInt64(keys.count))
            throw CacheError(
                .stalenessUnprovable, "no level could prove the value and the database failed", underlying: error)
        case .success(let (rows, sent)):
            metrics.loadSeconds.record((time.now() - sent).seconds)
            return (try check(rows, keys, sent: sent), sent)
        }
    }

    private func check(_ rows: LoadedRows, _ keys: [CacheKey], sent: MonotonicTime) throws(CacheError) -> LoadedRows {
        guard rows.entries.count == keys.count else {
            metrics.l3.error.increment(by: UInt64(keys.count))
            let error = TierError(.protocolViolation, "asked for \(keys.count) rows, got \(rows.entries.count)")
            throw CacheError(.stalenessUnprovable, "the database's answer is incomplete", underlying: error)
        }
        guard settle(rows.asOf, epoch: rows.epoch, born: sent) else {
            throw CacheError(.otherEpoch, "the database answered from an older epoch; check that it is the primary")
        }
        let absent = rows.entries.count { $0.payload == nil }
        metrics.l3.negative.increment(by: UInt64(absent))
        metrics.l3.hit.increment(by: UInt64(keys.count - absent))
        return rows
    }

    /// Fills L2 under the leases held; returns the places of the rows that L2 knew better.
    private func fill(_ loads: [Load], _ rows: LoadedRows, sent: MonotonicTime) async -> Set<Int> {
        let now = time.now()
        guard let shared, now - sent <= configuration.fillAgeMax else { return [] }
        let places = loads.indices.filter { loads[$0].token != nil }
        guard !places.isEmpty else { return [] }
        let born = clock.withLock { $0.born(rows.asOfTime, at: now) } ?? sent
        let fills = places.map { place in
            let lifetime = lifetime(loads[place].claim.key, born: born, at: now)
            return (entry: rows.entries[place], token: loads[place].token ?? 0, lifetime: lifetime)
        }
        fast.expectEchoes(fills.lazy.map(\.entry.key), at: now)
        do {
            let replies = try await shared.fill(fills, until: deadline(configuration.sharedTimeout))
            fast.withdrawEchoes(zip(fills, replies).filter { $1 == .lost }.map(\.0.entry.key), at: time.now())
            return Set(zip(places, replies).filter { $1 != .stored }.map(\.0))
        } catch {
            metrics.l2.error.increment(by: UInt64(fills.count))
            return []
        }
    }
}
