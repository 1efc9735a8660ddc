/// How far a process has followed the stream of changes: pages of the outbox in, what to do to L1 out.
///
/// Pure: whoever holds it fetches the pages after `watermark` and carries out the steps in their order. The watermark
/// starts at the ticket that was current at the first reading, and never claims a ticket whose record was not applied.
public struct OutboxTail: Sendable {
    /// What a page demands, in order.
    public enum Step: Sendable, Equatable {
        /// The first reading: follow from here on; nothing held is vouched for.
        case start(Ticket, epoch: UInt32)
        /// Raise the floors of these records' keys, oldest first.
        case apply([ChangeRecord])
        /// All tickets up to this one were applied; `isNewest`: it was the newest when the page was read.
        case advance(Ticket, isNewest: Bool)
        /// Records are missing or history went back: forget rows and floors, follow from here on.
        case restartAfterGap(Ticket)
        /// L3 is in another epoch: forget rows and floors, change the names in L2, follow from here on.
        case restartInEpoch(Ticket, epoch: UInt32)
    }

    /// The last ticket applied; nil before the start.
    public private(set) var watermark: Ticket?
    /// The epoch followed; 0 before the start.
    public private(set) var epoch: UInt32 = 0

    /// A tail that has not started.
    public init() {}

    /// The ticket after which to ask for changes.
    public var position: Ticket { watermark ?? .zero }

    /// Takes a page that was asked for after `position`; pages asked for after another ticket change nothing.
    public mutating func absorb(_ page: ChangePage, after position: Ticket) -> [Step] {
        guard let watermark else { return restart(at: page.newest, epoch: page.epoch) }
        guard position == watermark else { return [] }
        if page.epoch != epoch {
            // An older epoch comes from a server left behind: it is not followed back.
            return page.epoch > epoch ? restart(at: page.newest, epoch: page.epoch) : []
        }
        guard page.newest >= watermark else { return gap(page) }
        guard page.newest > watermark else { return [.advance(watermark, isNewest: true)] }
        var next = watermark.rawValue
        for record in page.records {
            next += 1
            guard record.ticket.rawValue == next else { return gap(page) }
        }
        guard next > watermark.rawValue, next <= page.newest.rawValue else { return gap(page) }
        self.watermark = Ticket(next)
        return [.apply(page.records), .advance(Ticket(next), isNewest: Ticket(next) == page.newest)]
    }

    /// Takes the ticket and epoch of another answer of L3, which may start the tail or move it to a newer epoch.
    public mutating func meet(_ ticket: Ticket, epoch: UInt32) -> [Step] {
        guard watermark == nil || epoch > self.epoch else { return [] }
        return restart(at: ticket, epoch: epoch)
    }

    private mutating func restart(at ticket: Ticket, epoch: UInt32) -> [Step] {
        let isFirst = watermark == nil
        watermark = ticket
        self.epoch = epoch
        return [isFirst ? .start(ticket, epoch: epoch) : .restartInEpoch(ticket, epoch: epoch)]
    }

    private mutating func gap(_ page: ChangePage) -> [Step] {
        watermark = page.newest
        return [.restartAfterGap(page.newest)]
    }
}
