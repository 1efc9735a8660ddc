/// The largest of the values of the last `window` seconds, ages of exactly `window` included.
///
/// Only values that can still become the largest are kept, so a value costs O(1) over its life; at most `countMax`
/// are kept, and past that the oldest two are merged into the larger, which can only raise the maximum.
public struct TrailingMaximum: Sendable, Equatable {
    private struct Entry: Sendable, Equatable {
        var time: Double
        var value: Int
    }

    /// Length of the window in seconds, at least 0.
    public let window: Double
    private var entries: [Entry] = []
    private static let countMax = 4_096

    /// An empty window.
    public init(window: Double) { self.window = window }

    /// Adds a value at a time that is not before that of the last, and returns the maximum of the window.
    @discardableResult
    public mutating func add(_ value: Int, at time: Double) -> Int {
        while let last = entries.last, last.value <= value { entries.removeLast() }
        entries.append(Entry(time: time, value: value))
        if entries.count > Self.countMax {
            // Values fall from the first to the last, so the first covers the second.
            entries[0].time = entries[1].time
            entries.remove(at: 1)
        }
        let stale = entries.prefix { $0.time < time - window }.count
        entries.removeFirst(stale)
        return entries.first?.value ?? value
    }

    /// Forgets all values.
    public mutating func reset() { entries.removeAll(keepingCapacity: true) }
}
