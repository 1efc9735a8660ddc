internal import Market
internal import Risk

/// Invariants of orders and trades: I5 to I10, I12, I14 to I17.
extension AuditRows {
    /// All findings in the order of their numbers.
    func findings(_ opening: OpeningBalances?) -> [AuditFinding] {
        [
            cashConserved(), sharesConserved(), noNegativeBalance(), frozenEqualsHolds(), ordersAddUp(),
            tradesWithinLimits(), booksNotCrossed(), fillsEqualTape(), identifiersDense(),
            balancesFollowTrades(opening),
            AuditFinding("I12", "no self-trade", .notApplicable, "self-trade prevention is off"),
            sellsWithinSettled(opening), pricesAllowed(), replayAgrees(), allRulesEvaluated(),
        ]
    }

    func ordersAddUp() -> AuditFinding {
        let wrong = orders.first { row in
            // A rejected request may have named any quantity.
            if row.status == .rejected { return row.cumulative != .zero || row.frozen != 0 }
            guard row.cumulative >= row.carried, row.cumulative <= row.quantity, row.leaves >= .zero else {
                return true
            }
            switch row.status {
            case .new: return row.cumulative != .zero || row.leaves == .zero || row.endedBy != 0
            case .partiallyFilled: return row.cumulative == .zero || row.leaves == .zero || row.endedBy != 0
            case .filled: return row.cumulative != row.quantity
            case .canceled, .expired, .replaced: return row.endedBy == 0 || row.frozen != 0
            case .rejected: return false
            }
        }
        return AuditFinding(
            "I5", "quantity = cumulative + leaves + cancelled for every order", wrong == nil ? .holds : .broken,
            wrong.map { "order \($0.order): \($0.status), \($0.cumulative.shares) of \($0.quantity.shares)" }
                ?? "\(orders.count) orders")
    }

    func tradesWithinLimits() -> AuditFinding {
        let byID = Dictionary(orders.map { ($0.order, $0) }) { first, _ in first }
        var auctionPrices: [[UInt64]: Price] = [:]
        let wrong = trades.first { trade in
            guard let buy = byID[trade.buyOrder], let sell = byID[trade.sellOrder], trade.quantity > .zero else {
                return true
            }
            let isLimited =
                (buy.type == .market || buy.price >= trade.price)
                && (sell.type == .market || sell.price <= trade.price)
            guard isLimited else { return true }
            guard let aggressor = trade.aggressor else {
                // One uncross is one event of one instrument.
                let auction = [UInt64(trade.instrument.rawValue), trade.sequence]
                return auctionPrices.updateValue(trade.price, forKey: auction).map { $0 != trade.price } ?? false
            }
            return (aggressor == .buy ? sell : buy).price != trade.price
        }
        return AuditFinding(
            "I6", "buy limit >= price >= sell limit, and the price is the maker's or the auction's",
            wrong == nil ? .holds : .broken,
            wrong.map { "trade \($0.trade)" } ?? "\(trades.count) trades")
    }

    func booksNotCrossed() -> AuditFinding {
        let claim = "no book is crossed or locked"
        guard partitions.allSatisfy({ !$0.phase.isCall }) else {
            return AuditFinding("I7", claim, .notApplicable, "a call auction is collecting")
        }
        var bids: [InstrumentID: Price] = [:]
        var asks: [InstrumentID: Price] = [:]
        for row in orders where row.status.isOpen {
            if row.side == .buy {
                bids[row.instrument] = max(bids[row.instrument] ?? row.price, row.price)
            } else {
                asks[row.instrument] = min(asks[row.instrument] ?? row.price, row.price)
            }
        }
        let wrong = bids.first { instrument, bid in asks[instrument].map { bid >= $0 } ?? false }
        return AuditFinding(
            "I7", claim, wrong == nil ? .holds : .broken,
            wrong.map { "instrument \($0.key.rawValue)" } ?? "\(Set(bids.keys).union(asks.keys).count) books")
    }

    func fillsEqualTape() -> AuditFinding {
        let tape = Tape(trades)
        let byID = Dictionary(orders.map { ($0.order, $0) }) { first, _ in first }
        let wrong = orders.first { row in
            // A rejected order has no fills, whatever it asked for; I5 sees to that.
            let old = row.replaces == 0 ? nil : byID[row.replaces]
            let made = Tape.Sums(
                shares: (row.cumulative - row.carried).shares, value: row.turnover.milli - (old?.turnover.milli ?? 0),
                fees: row.fees.milli - (old?.fees.milli ?? 0))
            return made != tape.sums[row.order] ?? Tape.Sums()
        }
        let volume = trades.reduce(0) { $0 + $1.quantity.shares }
        return AuditFinding(
            "I9", "the fills, values and fees of buyers, of sellers and of the tape agree",
            wrong == nil ? .holds : .broken,
            wrong.map { "order \($0.order) has \($0.cumulative.shares - $0.carried.shares) filled" }
                ?? "\(volume) shares")
    }

    func identifiersDense() -> AuditFinding {
        let claim = "execution and trade ids have no gaps and no duplicates"
        let reports = orders.reduce(0) { $0 + UInt64($1.reports) }
        let last = partitions.reduce(0) { $0 + $1.lastExecution }
        let isDense = trades.enumerated().allSatisfy { $1.trade == UInt64($0) + 1 }
        let lastTrade = partitions.reduce(0) { $0 + $1.lastTrade }
        let firsts = Set(orders.map(\.firstExecution))
        let areDistinct =
            firsts.count == orders.count && orders.allSatisfy { (1...max(last, 1)).contains($0.firstExecution) }
        let holds = reports == last && areDistinct && isDense && lastTrade == UInt64(trades.count)
        return AuditFinding(
            "I10", claim, holds ? .holds : .broken,
            "\(reports) reports, last id \(last); \(trades.count) trades, last id \(lastTrade)")
    }

    func pricesAllowed() -> AuditFinding {
        let wrong = orders.first { row in
            guard row.status != .rejected, row.type == .limit, let instrument = instruments[row.instrument] else {
                return row.status != .rejected && instruments[row.instrument] == nil
            }
            let isInBand = !instrument.hasBand || (instrument.limitDown...instrument.limitUp).contains(row.price)
            return !isInBand || row.price.milli % instrument.tick.milli != 0
        }
        return AuditFinding(
            "I14", "every accepted price is on the tick and inside the band", wrong == nil ? .holds : .broken,
            wrong.map { "order \($0.order) at \($0.price.milli)" } ?? "\(orders.count) orders")
    }

    func replayAgrees() -> AuditFinding {
        let claim = "a reference engine makes the same trades from the same requests (I8, I15, I16)"
        guard trades.allSatisfy({ $0.aggressor != nil }) else {
            return AuditFinding(
                "I16", claim, .notApplicable, "the day has call auctions: `springtide replay` checks them")
        }
        guard partitions.allSatisfy({ !$0.phase.isCall }) else {
            return AuditFinding("I16", claim, .notApplicable, "a call auction is collecting")
        }
        let difference = DayReplay.difference(orders: orders, trades: trades)
        return AuditFinding(
            "I16", claim, difference == nil ? .holds : .broken, difference ?? "\(trades.count) trades in sequence")
    }

    /// What the trades say about each order.
    private struct Tape {
        struct Sums: Equatable {
            var shares: Int64 = 0
            var value: Int64 = 0
            var fees: Int64 = 0
        }

        var sums: [OrderID: Sums] = [:]

        init(_ trades: [TradeRow]) {
            for trade in trades {
                add(trade, trade.buyOrder, fees: trade.buyCommission.milli + trade.buyTransferFee.milli)
                add(
                    trade, trade.sellOrder,
                    fees: trade.sellCommission.milli + trade.sellTransferFee.milli + trade.stampDuty.milli)
            }
        }

        private mutating func add(_ trade: TradeRow, _ order: OrderID, fees: Int64) {
            sums[order, default: Sums()].shares += trade.quantity.shares
            sums[order, default: Sums()].value += trade.price.milli * trade.quantity.shares
            sums[order, default: Sums()].fees += fees
        }
    }

    func allRulesEvaluated() -> AuditFinding {
        let all = RiskRule.all
        let wrong = orders.first { $0.evaluatedLow != all.low || $0.evaluatedHigh != all.middle }
        return AuditFinding(
            "I17", "every request met all \(all.count) risk rules", wrong == nil ? .holds : .broken,
            wrong.map { "order \($0.order)" } ?? "\(orders.count) requests")
    }
}
