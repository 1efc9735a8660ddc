/// Index of dispersion of the actual send times: variance over mean of the requests in consecutive windows.
///
/// 1 for a Poisson process of constant rate. Kept as sums while the run goes; a rate that changes over the run adds
/// to it, as it must.
struct SendDispersion {
    /// Window lengths, nanoseconds: 1, 10, 100 ms and 1 s.
    static let windows: [UInt64] = [1_000_000, 10_000_000, 100_000_000, 1_000_000_000]

    private struct Counts {
        var window: UInt64 = 0
        var open = 0
        var closed = 0
        var sum = 0.0
        var squares = 0.0
    }

    private var counts = [Counts](repeating: Counts(), count: SendDispersion.windows.count)

    /// `number` requests were sent at `time`, nanoseconds after the start; times never go back.
    mutating func note(_ number: Int, at time: UInt64) {
        for index in counts.indices {
            advance(index, to: time / Self.windows[index])
            counts[index].open += number
        }
    }

    private mutating func advance(_ index: Int, to window: UInt64) {
        guard window > counts[index].window else { return }
        let open = Double(counts[index].open)
        counts[index].sum += open
        counts[index].squares += open * open
        counts[index].closed += Int(window - counts[index].window)
        counts[index].open = 0
        counts[index].window = window
    }

    /// The four indices, over the whole windows before the last request; nil where those are fewer than two.
    var indices: [Double?] {
        counts.map { count in
            let mean = count.sum / Double(count.closed)
            guard count.closed > 1, mean > 0 else { return nil }
            let variance = (count.squares - count.sum * mean) / Double(count.closed - 1)
            return max(0, variance) / mean
        }
    }
}
