package import Market
internal import Matching

/// The trading day: phases, the two uncrosses, the end.
extension TradingPartition {
    /// Moves to `next` at event time `now`: a control event with a sequence number of its own.
    ///
    /// Leaving a call uncrosses every book first; the end of the day expires what is still open.
    package func enter(_ next: SessionPhase, now: Int64) {
        guard next != phase else { return }
        lastSequence += 1
        let previous = phase
        let leavesCall = previous.isCall && !next.isCall
        if leavesCall { uncross(now: now) }
        phase = next
        if next == .ended { expireAll(now: now) }
    }

    private func uncross(now: Int64) {
        var auction = CallAuction(policy: configuration.auction == .shanghai ? .shanghai : .shenzhen)
        for index in books.indices {
            guard let book = books[index], let instrument = instruments[index] else { continue }
            fills.removeAll(keepingCapacity: true)
            guard auction.uncross(book, reference: instrument.previousClose, fills: &fills) != nil else { continue }
            for fill in fills { post(fill, now: now) }
            touch(instrument.id, at: now)
        }
    }

    /// Expires every open order, book by book, best price first.
    private func expireAll(now: Int64) {
        for case let book? in books {
            var open: [Int32] = []
            book.removeAll { open.append(Int32($0.handle)) }
            for slot in open {
                end(slot, as: .expired, type: .expired, by: lastSequence, now: now)
                touch(slots[slot].row.instrument, at: now)
            }
        }
    }
}
