import Market
import Matching
import TestData

/// A small seeded trading day in the shape of the recorded ones: two calls, bursts, walks of the price, cancels.
struct GeneratedDay {
    let events: [DayEvent]
    static let band: ClosedRange<Int64> = 9_000...11_000

    init(seed: UInt64, entries: Int) {
        var random = SplitMix64(seed: seed)
        var events: [DayEvent] = []
        var matcher = NaiveBook(band: Self.band)
        var middle: Int64 = 1_000
        var open: [UInt64] = []
        var hasOpened = false
        var id: UInt64 = 0
        while id < UInt64(entries) {
            // 10 % of the orders come before the opening, 10 % after 14:57, spread evenly within each phase.
            let share = Int(id) * 100 / entries
            let time = Self.time(share: share, position: Int(id), of: entries)
            if !hasOpened, time >= 33_900_000 {
                var fills: [Fill] = []
                _ = matcher.uncross(fills: &fills)
                hasOpened = true
            }
            let isContinuous = hasOpened && time < 53_820_000
            if random.percent(30), !open.isEmpty, isContinuous || (share < 6) {
                let place = random.below(open.count)
                let victim = open[place]
                open.swapAt(place, open.count - 1)
                open.removeLast()
                guard let order = matcher.find(victim) else { continue }
                _ = matcher.cancel(victim)
                events.append(
                    DayEvent(
                        milliseconds: time, isCancel: true, order: victim, side: order.side, price: order.price,
                        quantity: order.quantity))
                continue
            }
            id += 1
            if random.percent(10) { middle = min(1_080, max(920, middle + Int64(random.below(5)) - 2)) }
            let event = Self.entry(id, at: time, middle: middle, &random)
            let order = IncomingOrder(
                id: id, side: event.side, price: Price(milli: event.price), quantity: Quantity(event.quantity))
            var fills: [Fill] = []
            _ = isContinuous ? matcher.add(order, fills: &fills) : matcher.collect(order)
            events.append(event)
            open.append(id)
        }
        self.events = events
    }

    private static func time(share: Int, position: Int, of entries: Int) -> Int {
        switch share {
        case ..<10: 33_300_000 + position * 5_000_000 / entries
        case ..<90: 34_200_000 + position * 19_000_000 / entries
        default: 53_820_000 + (position - entries * 9 / 10) * 1_500_000 / entries
        }
    }

    private static func entry(
        _ id: UInt64, at time: Int, middle: Int64, _ random: inout SplitMix64
    ) -> DayEvent {
        let side: Side = random.percent(50) ? .buy : .sell
        let away = Int64(random.below(12)) - 4
        let odd = side == .sell && random.percent(5) ? Int64(random.below(99)) : 0
        return DayEvent(
            milliseconds: time, isCancel: false, order: id, side: side,
            price: 10 * (side == .buy ? middle - away : middle + away),
            quantity: 100 * Int64(1 + random.below(30)) + odd)
    }
}
