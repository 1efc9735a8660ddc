package import CacheStack
internal import Ledger
public import Market
internal import Matching
package import Telemetry

/// What leaves a partition at once when its rows are durable.
package struct PartitionBatch: Sendable {
    package var transaction: Transaction
    package var row: PartitionRow
    package var reports: [ExecutionReport]
    package var lookups: [OrderLookup]
    package var trades: [TradeRow]
    package var tops: [TopOfBook]
    /// Sampled requests of the batch, and how many requests it has in all.
    package var traces: [TracedRequest] = []
    package var requestCount = 0
}

/// Best prices of one instrument after a batch.
public struct TopOfBook: Sendable, Hashable {
    public var instrument: InstrumentID
    /// Best bid and what stands there; `.zero` where there is none.
    public var bid: Price
    public var bidQuantity: Quantity
    /// Best offer and what stands there; `.zero` where there is none.
    public var offer: Price
    public var offerQuantity: Quantity
    /// Event time of the last change, microseconds since 1970 UTC.
    public var time: Int64

    /// The best prices of an instrument.
    package init(
        instrument: InstrumentID, bid: Price, bidQuantity: Quantity, offer: Price, offerQuantity: Quantity, time: Int64
    ) {
        self.instrument = instrument
        self.bid = bid
        self.bidQuantity = bidQuantity
        self.offer = offer
        self.offerQuantity = offerQuantity
        self.time = time
    }
}

extension TradingPartition {
    /// Takes everything that changed since the last call as one transaction.
    ///
    /// - Parameters:
    ///   - owner: random number of this process, written into the partition's row.
    ///   - fence: version of the partition's row that this process wrote last: another owner makes the commit fail.
    package func drain(owner: UInt64, fence: Ticket) -> PartitionBatch {
        var writes = WriteSet()
        for slot in dirtySlots { writeOrder(slot, to: &writes) }
        dirtySlots.removeAll(keepingCapacity: true)
        ledger.drainDirty(
            accounts: { account, balance in
                let row = CashRow(
                    account: account, balance: balance.total,
                    unsettled: balance.unsettled)
                writes.append(CashRow.key(account)) { row.encode(into: &$0) }
            },
            positions: { account, instrument, position in
                let row = PositionRow(
                    account: account, instrument: instrument, settled: position.settled,
                    unsettled: position.unsettled)
                writes.append(PositionRow.key(account, instrument)) { row.encode(into: &$0) }
            })
        for trade in trades { writes.append(TradeRow.key(trade.trade), .insert) { trade.encode(into: &$0) } }
        let row = PartitionRow(
            partition: configuration.partition, day: configuration.day.rawValue, owner: owner,
            lastSequence: lastSequence, lastExecution: lastExecution, lastTrade: lastTrade, phase: phase)
        let key = PartitionRow.key(configuration.partition)
        writes.append(key) { row.encode(into: &$0) }
        let transaction = Transaction(
            expectations: [.init(key, at: fence)], writes: writes)
        defer {
            reports = []
            lookups = []
            trades = []
        }
        return PartitionBatch(
            transaction: transaction, row: row, reports: reports, lookups: lookups, trades: trades, tops: drainTops())
    }

    /// Writes a changed order; one that ended leaves memory, its client id stays.
    private func writeOrder(_ slot: Int32, to writes: inout WriteSet) {
        let row = slots[slot].row
        writes.append(OrderRow.key(row.order), slots[slot].isWritten ? .upsert : .insert) { row.encode(into: &$0) }
        slots[slot].isWritten = true
        slots[slot].isDirty = false
        guard !row.status.isOpen else { return }
        for id in [row.clientOrderID, row.endedByID] {
            guard let id, var entry = clients.find(row.session, id), entry.slot == slot else { continue }
            entry.slot = -1
            entry.status = row.status
            _ = clients.set(row.session, id, entry)
        }
        slots.remove(slot)
    }

    private func drainTops() -> [TopOfBook] {
        defer { touched.removeAll(keepingCapacity: true) }
        return touched.compactMap { id in
            isTouched[Int(id.rawValue)] = false
            guard let book = book(id) else { return nil }
            let bid = book.bestBid
            let offer = book.bestAsk
            return TopOfBook(
                instrument: id, bid: bid ?? .zero, bidQuantity: bid.map { book.quantity(.buy, at: $0) } ?? .zero,
                offer: offer ?? .zero, offerQuantity: offer.map { book.quantity(.sell, at: $0) } ?? .zero,
                time: quoteTimes[Int(id.rawValue)])
        }
    }
}
