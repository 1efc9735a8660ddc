internal import Arrivals

/// A source of values while a run goes; see `FeederPlan` and `IterationKey`.
///
/// Zipf: rejection-inversion, constant memory; shuffled, four bytes a key for the permutation. CSV rows in random order
/// without repetition come from a Feistel permutation, so no order is stored and any row is found at once.
struct Feeder: Sendable {
    private enum Source {
        case zipf(ZipfDistribution, Permutation?, prefix: [UInt8], first: Int)
        case uniform(low: Int, count: Int, prefix: [UInt8])
        case lognormal(mu: Double, sigma: Double, roundTo: Int, min: Int, max: Int)
        case table(cells: [[UInt8]], columns: Int, rows: Int, FeederPlan.RowOrder)
    }

    private let source: Source
    private let stream: DrawStream
    private let shuffle: RowShuffle

    /// A feeder of a checked plan.
    init(_ plan: FeederPlan, seed: UInt64) {
        stream = DrawStream(seed: seed, name: "feeder/\(plan.name)")
        var rows = 1
        switch plan.kind {
        case .zipf(let size, let exponent, let prefix, let first, let isShuffled):
            let keys = isShuffled ? Permutation(count: size, seed: seed, stream: "feeder.keys/\(plan.name)") : nil
            source = .zipf(
                ZipfDistribution(count: size, exponent: exponent), keys, prefix: Array(prefix.utf8), first: first)
        case .uniform(let range, let prefix):
            source = .uniform(low: range.lowerBound, count: range.count, prefix: Array(prefix.utf8))
        case .lognormal(let mu, let sigma, let roundTo, let min, let max):
            source = .lognormal(mu: mu, sigma: sigma, roundTo: roundTo, min: min, max: max)
        case .csv(let columns, let table, let order):
            rows = table.count
            let cells = table.flatMap { row in row.map { Array($0.utf8) } }
            source = .table(cells: cells, columns: columns.count, rows: rows, order)
        }
        shuffle = RowShuffle(count: UInt64(rows), stream: DrawStream(seed: seed, name: "feeder.rows/\(plan.name)"))
    }

    /// Appends the value that request `key` gets.
    ///
    /// - Parameters:
    ///   - ordinal: which field of the request asks: each gets a draw of its own.
    ///   - column: of a CSV feeder; other feeders have one value.
    func append(_ key: IterationKey, ordinal: Int, column: Int, to values: FieldValues) {
        switch source {
        case .zipf(let ranks, let keys, let prefix, let first):
            var random = stream.random(key, ordinal)
            let rank = ranks.next(using: &random)
            values.append(prefix: prefix, number: (keys?[rank] ?? rank) + first)
        case .uniform(let low, let count, let prefix):
            var random = stream.random(key, ordinal)
            values.append(prefix: prefix, number: low + random.below(count))
        case .lognormal(let mu, let sigma, let roundTo, let min, let max):
            var random = stream.random(key, ordinal)
            let value = Normal.exp(mu + sigma * Normal.draw(&random))
            let multiple = Swift.min((value / Double(roundTo)).rounded(.up), 1e15) * Double(roundTo)
            values.append(prefix: [], number: Int(Swift.min(Swift.max(multiple, Double(min)), Double(max))))
        case .table(let cells, let columns, let rows, let order):
            let row = row(key, rows, order)
            values.append(cells[row * columns + column])
        }
    }

    private func row(_ key: IterationKey, _ rows: Int, _ order: FeederPlan.RowOrder) -> Int {
        switch order {
        case .sequential: return Int(key.row % UInt64(rows))
        case .shuffled: return Int(shuffle.row(key.row))
        case .random:
            var whole = key
            whole.step = 0
            var random = stream.random(whole)
            return random.below(rows)
        }
    }
}

/// The rows of a table in random order, each once before any comes again.
///
/// Position p of round r is the image of p under a four-round Feistel network over the next even power of two, keyed by
/// the round, walked until it falls inside the table (Black and Rogaway 2002): at most four steps on average.
struct RowShuffle: Sendable {
    private let count: UInt64
    private let halfBits: UInt64
    private let stream: DrawStream

    init(count: UInt64, stream: DrawStream) {
        self.count = count
        self.stream = stream
        let bits = UInt64(64 - (max(count, 2) - 1).leadingZeroBitCount)
        halfBits = (bits + 1) / 2
    }

    /// The row of the `number`th draw.
    func row(_ number: UInt64) -> UInt64 {
        var random = stream.random(IterationKey(scenario: 0, iteration: number / count, step: 0, row: 0))
        let keys = (random.next(), random.next(), random.next(), random.next())
        var place = number % count
        repeat { place = permuted(place, keys) } while place >= count
        return place
    }

    private func permuted(_ place: UInt64, _ keys: (UInt64, UInt64, UInt64, UInt64)) -> UInt64 {
        let mask: UInt64 = (1 << halfBits) - 1
        func round(_ pair: (UInt64, UInt64), _ key: UInt64) -> (UInt64, UInt64) {
            (pair.1, pair.0 ^ IterationKey.finalized(pair.1 ^ key) & mask)
        }
        let pair = round(round(round(round((place >> halfBits, place & mask), keys.0), keys.1), keys.2), keys.3)
        return pair.0 << halfBits | pair.1
    }
}
