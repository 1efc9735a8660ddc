internal import Synchronization

/// A count that only grows. Incrementing is one relaxed atomic addition, about 6 ns.
public final class Counter: Sendable {
    private let cell = Atomic<UInt64>(0)

    /// A counter at zero that no registry knows; `MetricsRegistry.counter` makes the exported ones.
    public init() {}

    /// Adds `amount`.
    public func increment(by amount: UInt64 = 1) { cell.wrappingAdd(amount, ordering: .relaxed) }

    /// The count now.
    public var value: UInt64 { cell.load(ordering: .relaxed) }
}

/// A value that goes up and down.
public final class Gauge: Sendable {
    private let cell = Atomic<UInt64>(0)

    /// A gauge at zero that no registry knows; `MetricsRegistry.gauge` makes the exported ones.
    public init() {}

    /// Replaces the value.
    public func set(_ value: Double) { cell.store(value.bitPattern, ordering: .relaxed) }

    /// The value now.
    public var value: Double { Double(bitPattern: cell.load(ordering: .relaxed)) }
}

/// Counts of values below fixed bounds, as Prometheus wants them: mergeable, constant size, lock free.
public final class BucketHistogram: Sendable {
    /// Bounds in seconds that reach from an L1 hit to a slow commit; 0.05 is one of them, the product's SLO.
    public static let durations: [Double] = [
        0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
        0.25, 0.5, 1, 2.5,
    ]
    /// Bounds for batch sizes.
    public static let sizes: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000]

    /// Upper bounds, ascending, inclusive; values above the last are counted under +Inf.
    public let bounds: [Double]
    private let cells: [Counter]
    private let sumNanos = Counter()

    /// A histogram over `bounds`, which must ascend.
    public init(bounds: [Double] = BucketHistogram.durations) {
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "bounds ascend")
        self.bounds = bounds
        cells = (0...bounds.count).map { _ in Counter() }
    }

    /// Counts one value, in the unit of the bounds; the sum keeps nine decimals.
    public func record(_ value: Double) {
        var low = 0
        var high = bounds.count
        while low < high {
            let middle = (low + high) / 2
            if value <= bounds[middle] { high = middle } else { low = middle + 1 }
        }
        cells[low].increment()
        sumNanos.increment(by: UInt64(max(0, value * 1e9)))
    }

    /// Counts one duration given in nanoseconds.
    public func record(nanoseconds: UInt64) { record(Double(nanoseconds) / 1e9) }

    /// Counts per bucket, not cumulative, the last one for +Inf; and the sum.
    public var snapshot: (counts: [UInt64], sum: Double) {
        (cells.map(\.value), Double(sumNanos.value) / 1e9)
    }
}
