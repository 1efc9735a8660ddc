/// When the stream was read and what was the newest ticket then: bounds on when any ticket was committed. Pure.
///
/// A ticket that one reading saw and the reading before did not was committed between the sending of the earlier one
/// and the answer of the later one. All times are of the process's own clock, so no two clocks have to agree.
struct StreamHistory {
    private struct Reading {
        var newest: Ticket
        var sent: MonotonicTime
        var received: MonotonicTime
    }

    private let countMax: Int
    private var readings: [Reading] = []

    /// A history of the last `countMax` readings that saw something new.
    init(countMax: Int) {
        precondition(countMax > 1, "a span needs two readings")
        self.countMax = countMax
    }

    /// Readings remembered, at most twice `countMax`.
    var count: Int { readings.count }

    /// Takes a reading; one that saw nothing new only tells that nothing was committed before it.
    mutating func note(_ newest: Ticket, sent: MonotonicTime, received: MonotonicTime) {
        if let last = readings.last, last.newest == newest {
            readings[readings.count - 1].sent = max(last.sent, sent)
            return
        }
        if let last = readings.last, newest < last.newest { readings = [] }
        if readings.count == countMax * 2 { readings.removeFirst(countMax) }
        readings.append(Reading(newest: newest, sent: sent, received: received))
    }

    /// Between which times a ticket was committed; nil where no reading tells.
    func commit(of ticket: Ticket) -> (earliest: MonotonicTime, latest: MonotonicTime)? {
        var (low, high) = (0, readings.count)
        while low < high {
            let middle = (low + high) / 2
            if readings[middle].newest < ticket { low = middle + 1 } else { high = middle }
        }
        guard low > 0, low < readings.count else { return nil }
        return (readings[low - 1].sent, readings[low].received)
    }
}
