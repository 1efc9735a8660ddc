import Foundation
import TestData

/// Discrete-event simulation of stations with several servers and one first-come-first-served queue each: the exact
/// reference that formulas are held against. Events in a binary heap, each customer followed on its own.
struct QueueSimulation {
    /// A station.
    struct Station {
        var servers: Int
        var serviceTime: Double
        /// Coefficient of variation of the service time; gamma distributed.
        var variation = 1.0
    }

    /// Which stations a customer visits, in order.
    var routes: [(share: Double, stations: [Int])]
    var stations: [Station]
    /// Customers a second at a time, at most `rateMax`.
    var rate: (Double) -> Double
    var rateMax: Double
    /// Coefficient of variation of the time between arrivals, for a constant rate; 1 for Poisson.
    var arrivalVariation = 1.0

    struct Result {
        /// Response times in the order of leaving, those of the first tenth left out.
        var responses: [Double] = []
        /// Response times by route.
        var byRoute: [[Double]] = []
        /// Response times at each station.
        var atStation: [[Double]] = []
        /// Customers at station 0 at whole seconds.
        var inFirst: [Int] = []

        static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
        static func quantile(_ values: [Double], _ p: Double) -> Double {
            let sorted = values.sorted()
            return sorted[min(sorted.count - 1, Int(p * Double(sorted.count)))]
        }
    }

    private struct Event {
        var time: Double
        var customer: Int
        /// -1: the customer arrives; else it leaves this station.
        var station: Int
    }

    private struct Customer {
        var arrival: Double
        var route: Int
        var stop = 0
        var reached = 0.0
    }

    /// Serves `count` customers, or those that arrive within `until` seconds.
    func run(customers count: Int, until: Double = .infinity, seed: UInt64) -> Result {
        var random = Draws(seed: seed)
        var heap = Heap()
        var customers: [Customer] = []
        var queues = [[Int]](repeating: [], count: stations.count)
        var heads = [Int](repeating: 0, count: stations.count)
        var busy = [Int](repeating: 0, count: stations.count)
        var result = Result()
        result.byRoute = [[Double]](repeating: [], count: routes.count)
        result.atStation = [[Double]](repeating: [], count: stations.count)
        var present = 0
        var left = 0

        func enter(_ customer: Int, _ now: Double) {
            let station = routes[customers[customer].route].stations[customers[customer].stop]
            customers[customer].reached = now
            if station == 0 { present += 1 }
            if busy[station] < stations[station].servers {
                busy[station] += 1
                heap.push(Event(time: now + random.service(stations[station]), customer: customer, station: station))
            } else {
                queues[station].append(customer)
            }
        }
        func schedule(after now: Double) {
            guard customers.count < count else { return }
            var at = now
            if arrivalVariation == 1 {
                repeat { at += random.exponential() / rateMax } while random.uniform() * rateMax > rate(at)
            } else {
                at += random.gamma(mean: 1 / rateMax, variation: arrivalVariation)
            }
            guard at < until else { return }
            let route = random.pick(routes.map(\.share))
            customers.append(Customer(arrival: at, route: route))
            heap.push(Event(time: at, customer: customers.count - 1, station: -1))
        }

        schedule(after: 0)
        while let event = heap.pop() {
            while Double(result.inFirst.count) <= event.time { result.inFirst.append(present) }
            if event.station < 0 {
                enter(event.customer, event.time)
                schedule(after: event.time)
                continue
            }
            let station = event.station
            if station == 0 { present -= 1 }
            if heads[station] < queues[station].count {
                let next = queues[station][heads[station]]
                heads[station] += 1
                heap.push(Event(time: event.time + random.service(stations[station]), customer: next, station: station))
            } else {
                busy[station] -= 1
            }
            let isCounted = left >= count / 10
            let customer = customers[event.customer]
            if isCounted { result.atStation[station].append(event.time - customer.reached) }
            customers[event.customer].stop += 1
            if customers[event.customer].stop < routes[customer.route].stations.count {
                enter(event.customer, event.time)
            } else {
                left += 1
                if isCounted {
                    result.responses.append(event.time - customer.arrival)
                    result.byRoute[customer.route].append(event.time - customer.arrival)
                }
            }
        }
        return result
    }

    /// Random times.
    private struct Draws {
        var random: SplitMix64
        init(seed: UInt64) { random = SplitMix64(seed: seed) }

        mutating func uniform() -> Double { (Double(random.next() >> 11) + 0.5) * 0x1p-53 }
        mutating func exponential() -> Double { -log(uniform()) }
        mutating func pick(_ shares: [Double]) -> Int {
            var rest = uniform()
            for (index, share) in shares.enumerated() {
                rest -= share
                if rest < 0 { return index }
            }
            return shares.count - 1
        }
        mutating func service(_ station: Station) -> Double {
            gamma(mean: station.serviceTime, variation: station.variation)
        }
        /// Marsaglia and Tsang 2000, with the boost for shapes below 1.
        mutating func gamma(mean: Double, variation: Double) -> Double {
            if variation == 1 { return mean * exponential() }
            if variation == 0 { return mean }
            let shape = 1 / (variation * variation)
            let boosted = shape < 1 ? shape + 1 : shape
            let d = boosted - 1 / 3.0
            let c = 1 / (9 * d).squareRoot()
            while true {
                let normal = (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform())
                let v = pow(1 + c * normal, 3)
                guard v > 0, log(uniform()) < 0.5 * normal * normal + d - d * v + d * log(v) else { continue }
                let boost = shape < 1 ? pow(uniform(), 1 / shape) : 1
                return mean * d * v * boost / shape
            }
        }
    }

    /// The earliest event first; of several the one pushed first does not matter, times are continuous.
    private struct Heap {
        private var items: [Event] = []

        mutating func push(_ event: Event) {
            items.append(event)
            var at = items.count - 1
            while at > 0, items[(at - 1) / 2].time > items[at].time {
                items.swapAt(at, (at - 1) / 2)
                at = (at - 1) / 2
            }
        }

        mutating func pop() -> Event? {
            guard let first = items.first else { return nil }
            let last = items.removeLast()
            guard !items.isEmpty else { return first }
            items[0] = last
            var at = 0
            while true {
                var least = at
                for child in [2 * at + 1, 2 * at + 2] where child < items.count && items[child].time < items[least].time
                {
                    least = child
                }
                guard least != at else { return first }
                items.swapAt(at, least)
                at = least
            }
        }
    }
}
