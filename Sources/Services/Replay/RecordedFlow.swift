public import Market

/// A line of recorded flow that cannot be read.
public struct RecordedFlowError: Error, CustomStringConvertible, Sendable {
    /// Line number (from 1) and what is wrong with it.
    public let description: String

    init(line: Int, _ text: String) { description = "line \(line): \(text)" }
}

/// One recorded order or cancel of an exchange's Level-2 feed.
public struct RecordedEvent: Sendable, Hashable {
    /// What happened.
    public enum Action: Sendable, Hashable {
        case add, delete
    }

    /// Milliseconds since midnight, China Standard Time.
    public var time: Int
    public var action: Action
    /// The exchange's own order number.
    public var order: UInt64
    public var side: Side
    public var price: Price
    public var quantity: Quantity
}

/// The recorded orders of one instrument on one day, in the order of the exchange.
///
/// Columns: `seq,time_ms,action,order_id,side,price_milli,qty` and any more; action A (add, full quantity) or
/// D (delete, remaining quantity); side B or S.
public struct RecordedFlow: Sendable {
    public var symbol: UInt32
    public var events: [RecordedEvent]
    /// The previous close: given, or inferred as the middle of the prices entered, which span the whole daily band.
    public var previousClose: Price

    /// Parses a CSV text with a header line.
    public init(symbol: UInt32, csv: some StringProtocol, previousClose: Price? = nil) throws(RecordedFlowError) {
        self.symbol = symbol
        var events: [RecordedEvent] = []
        var number = 0
        for line in csv.utf8.split(separator: 10) {
            number += 1
            if number == 1 { continue }
            events.append(try Self.event(line, number))
        }
        self.events = events
        let prices = events.lazy.filter { $0.action == .add }.map(\.price.milli)
        guard let least = prices.min(), let greatest = prices.max() else {
            throw RecordedFlowError(line: 1, "no orders")
        }
        self.previousClose = previousClose ?? Price(milli: (least + greatest) / 20 * 10)
    }

    private static func event(
        _ line: some Collection<UInt8>, _ number: Int
    ) throws(RecordedFlowError) -> RecordedEvent {
        let fields = line.split(separator: 44, omittingEmptySubsequences: false)
        guard fields.count >= 7 else { throw RecordedFlowError(line: number, "\(fields.count) columns instead of 7") }
        func integer(_ index: Int) throws(RecordedFlowError) -> Int64 {
            guard let value = Int64(String(decoding: fields[index], as: UTF8.self)), value >= 0 else {
                throw RecordedFlowError(line: number, "column \(index + 1) is not a number")
            }
            return value
        }
        let action: RecordedEvent.Action
        switch fields[2].first {
        case UInt8(ascii: "A"): action = .add
        case UInt8(ascii: "D"): action = .delete
        default: throw RecordedFlowError(line: number, "the action is neither A nor D")
        }
        let side: Side
        switch fields[4].first {
        case UInt8(ascii: "B"): side = .buy
        case UInt8(ascii: "S"): side = .sell
        default: throw RecordedFlowError(line: number, "the side is neither B nor S")
        }
        return RecordedEvent(
            time: Int(try integer(1)), action: action, order: UInt64(try integer(3)), side: side,
            price: Price(milli: try integer(5)), quantity: Quantity(try integer(6)))
    }

    /// The events of several instruments in one sequence by time; those of one instrument keep their order.
    public static func merge(_ flows: [RecordedFlow]) -> [(flow: Int, event: RecordedEvent)] {
        var merged: [(flow: Int, event: RecordedEvent)] = []
        merged.reserveCapacity(flows.reduce(0) { $0 + $1.events.count })
        var next = Array(repeating: 0, count: flows.count)
        while true {
            var best: Int?
            for index in flows.indices where next[index] < flows[index].events.count {
                let time = flows[index].events[next[index]].time
                if let known = best, flows[known].events[next[known]].time <= time { continue }
                best = index
            }
            guard let best else { return merged }
            merged.append((best, flows[best].events[next[best]]))
            next[best] += 1
        }
    }
}
