import Foundation
import Market
import Matching

/// SplitMix64 with the draws the generator needs.
struct RandomSource {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// Uniform in [0, 1).
    mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }
    mutating func below(_ bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }
    mutating func exponential(mean: Double) -> Double { -mean * log(1 - uniform()) }
    mutating func normal() -> Double { (-2 * log(1 - uniform())).squareRoot() * cos(2 * .pi * uniform()) }
}

/// One message of the stream; orders are numbered densely from 0.
struct Message {
    enum Kind: UInt8 { case new, cancel, modify }

    var time: Double
    var order: UInt32
    var kind: Kind
    var side: Side
    var isImmediate: Bool
    var ticks: Int32
    var quantity: Int32
}

/// The referee benchmark's description of one liquid share ("normal": volatility 0.15, swing 2 %), written anew.
///
/// The mid follows geometric Brownian motion, one step an order. Orders are passive: a power law (exponent 2.23) of
/// distances with a hump near 8 ticks. Buys are priced along the first half of the path, sells along the second, and
/// the arrival order is shuffled. 15 % are IOC; of the others 20 % are modified once and 95 % cancelled; lifetimes
/// are exponential, longer for deeper orders; 2 % of the cancels come twice. The referee's random words are not
/// reproduced, so neither are its report hashes.
struct MessageStream {
    static let tickMilli: Int64 = 5
    static let startTicks = 33_504.0
    let messages: [Message]
    let orders: Int

    init(seed: UInt64, orders: Int, swing: Double) {
        var random = RandomSource(seed: seed)
        var path: [Double] = []
        var mid = Self.startTicks
        let step = swing / Double(orders).squareRoot()
        for _ in 0..<orders {
            path.append(mid)
            mid *= exp(-step * step / 2 + step * random.normal())
        }
        var arrivals = Array(0..<orders)
        for index in stride(from: orders - 1, to: 0, by: -1) {
            arrivals.swapAt(index, random.below(index + 1))
        }
        var stream: [Message] = []
        stream.reserveCapacity(orders * 5 / 2)
        for (arrival, place) in arrivals.enumerated() {
            let isBuy = place < orders / 2
            let time = Double(arrival) * Self.spacing
            Self.life(arrival, at: time, mid: path[place], side: isBuy ? .buy : .sell, &random, &stream)
        }
        // The order number breaks ties, so that the sort is a total order.
        stream.sort { ($0.time, $0.order, $0.kind.rawValue) < ($1.time, $1.order, $1.kind.rawValue) }
        messages = stream
        self.orders = orders
    }

    /// Seconds between orders: a million in a trading day of 6.5 h. So most short-lived orders are gone before the next
    /// order comes, and the standing book consists of those that nobody cancels.
    private static let spacing = 0.023_4
    private static let lifeMedian = 0.000_431

    /// All messages of one order.
    private static func life(
        _ order: Int, at time: Double, mid: Double, side: Side, _ random: inout RandomSource,
        _ stream: inout [Message]
    ) {
        let distance = distance(&random)
        let ticks = Int32(side == .buy ? mid.rounded(.down) - distance : mid.rounded(.down) + 1 + distance)
        let isImmediate = random.below(100) < 15
        let quantity = Int32(1 + random.below(100))
        var message = Message(
            time: time, order: UInt32(order), kind: .new, side: side, isImmediate: isImmediate, ticks: ticks,
            quantity: quantity)
        stream.append(message)
        guard !isImmediate else { return }
        let mean = lifeMedian / log(2) * (1 + distance / 8)
        let end = time + random.exponential(mean: mean)
        let isModified = random.below(100) < 20
        if isModified {
            message.kind = .modify
            message.time = time + random.uniform() * (end - time)
            message.quantity += Int32(1 + random.below(100))
            if random.below(100) < 80 { message.ticks += random.below(2) == 0 ? 1 : -1 }
            stream.append(message)
        }
        guard random.below(100) < 95 else { return }
        message.kind = .cancel
        message.time = end
        stream.append(message)
        if random.below(100) < 2 {
            message.time += random.exponential(mean: mean)
            stream.append(message)
        }
    }

    /// Ticks behind the mid.
    private static func distance(_ random: inout RandomSource) -> Double {
        if random.below(100) < 20 { return max(0, (8 + 2 * random.normal()).rounded()) }
        return min(2_000, (pow(1 - random.uniform(), -1 / 1.23) - 1).rounded(.down))
    }
}
