import Market

/// What the state tells about a request, and what the request leaves behind.
extension RiskState {
    /// The facts of a request: its own, and what is remembered about its account, instrument, session.
    ///
    /// Draws a token from the buckets of rules 114, 118 and 119: every request that arrives counts.
    mutating func evidence(for context: RiskContext, _ limits: RiskLimits) -> Evidence {
        let request = context.request
        let isKnown = context.instrument != nil
        let hasMarket = isKnown && growInstruments(to: request.instrument)
        let market = hasMarket ? instruments[Int(request.instrument.rawValue)] : InstrumentState()
        var evidence = Evidence(context, last: market.last)
        evidence.market = market
        evidence.grossValueFirm = saturatingSum(filledValue, openValue)
        let hasAccount = Int(request.account.rawValue) < capacity.accountsMax
        evidence.isWithinCapacity = hasAccount && (hasMarket || !isKnown)
        if hasAccount { readAccount(request.account, &evidence) }
        if hasMarket { readPair(request, &evidence) }
        evidence.flags.formUnion(firmFlags.union(market.flags).union(evidence.account.flags).union(evidence.pair.flags))
        drawTokens(request, hasMarket, limits, &evidence)
        return evidence
    }

    /// Counts an accepted request: its account's messages, and a new order's terms.
    mutating func count(_ request: OrderRequest, _ evidence: Evidence) {
        if let page = page(of: request.account) {
            let row = Int(request.account.rawValue) % Self.pageSize
            pages[page][row].observe(evidence)
        }
        guard evidence.isNew else { return }
        let key = repeatKey(request, evidence)
        guard let slot = repeats.findOrInsert(key, time: evidence.time) else { return }
        repeats[slot].count(at: evidence.time, quarter: repeatQuarter)
    }

    private func readAccount(_ account: AccountID, _ evidence: inout Evidence) {
        let number = Int(account.rawValue)
        let page = number / Self.pageSize
        guard !pages[page].isEmpty else { return }
        evidence.account = pages[page][number % Self.pageSize]
        evidence.account.window.advance(to: evidence.time)
    }

    private mutating func readPair(_ request: OrderRequest, _ evidence: inout Evidence) {
        let slot = pairs.find(PairState.key(request.account, request.instrument))
        evidence.pairHasRoom = pairs.hasRoom(for: slot)
        if let slot {
            evidence.pair = pairs[slot]
            evidence.fillMean = evidence.pair.fills.mean(at: evidence.time, half: fillWindowHalf)
            evidence.tradeMean = evidence.market.trades.mean(at: evidence.time, half: fillWindowHalf)
        }
        if evidence.isCancel { return }
        let level = levels.find(levelKey(request, evidence))
        evidence.levelHasRoom = levels.hasRoom(for: level)
        if let level { evidence.levelOrders = Int64(levels[level].orders) }
        if evidence.isNew { readRepeats(request, &evidence) }
    }

    private mutating func readRepeats(_ request: OrderRequest, _ evidence: inout Evidence) {
        let key = repeatKey(request, evidence)
        repeats.makeRoom(for: key, time: evidence.time)
        let slot = repeats.find(key)
        evidence.repeatHasRoom = repeats.hasRoom(for: slot)
        if let slot { evidence.repeats = repeats[slot].total(at: evidence.time, quarter: repeatQuarter) }
    }

    private mutating func drawTokens(
        _ request: OrderRequest, _ hasMarket: Bool, _ limits: RiskLimits, _ evidence: inout Evidence
    ) {
        evidence.hasSessionToken = growSessions(to: request.session)
        if evidence.hasSessionToken {
            evidence.hasSessionToken = sessions[Int(request.session)].draw(limits[.sessionMessageRate], evidence.time)
        }
        evidence.hasFirmToken = firmMessages.draw(limits[.firmMessageRate], evidence.time)
        if hasMarket {
            evidence.hasInstrumentToken = instruments[Int(request.instrument.rawValue)].messages.draw(
                limits[.instrumentMessageRate], evidence.time)
        }
    }

    private func levelKey(_ request: OrderRequest, _ evidence: Evidence) -> LevelCount.Key {
        LevelCount.Key(
            pair: PairState.key(request.account, request.instrument), price: evidence.price, isBuy: evidence.isBuy)
    }

    private func repeatKey(_ request: OrderRequest, _ evidence: Evidence) -> RepeatCount.Key {
        RepeatCount.Key(level: levelKey(request, evidence), quantity: evidence.quantity)
    }
}

extension TokenBucket {
    /// Refills, then takes a token where there is one; whether there was one.
    fileprivate mutating func draw(_ limit: RiskLimit, _ time: Int64) -> Bool {
        let has = refill(to: time, perSecond: limit.threshold, burst: limit.second)
        if has { take() }
        return has
    }
}

extension AccountState {
    /// Counts an accepted request.
    fileprivate mutating func observe(_ evidence: Evidence) {
        window.advance(to: evidence.time)
        window.count()
        messages = messages == .max ? messages : messages + 1
        if evidence.isNew { observe(quantity: evidence.quantity) }
    }
}
