/// Parts of a day in which forecasts are judged apart, by the bin that is forecast.
public enum Regime: String, Sendable, CaseIterable {
    /// All scored bins.
    case all
    /// The first ten bins of the day, forecast from the last bins of the day before on; not in `all`.
    case opening
    /// Bins 10 to 29.
    case open
    /// The last ten bins before a break and the first ten after it.
    case breaks
    /// The last 15 bins of the day.
    case close
    /// The tenth of the test's bins with the greatest load.
    case busiest

    /// The parts that sessions of this kind have.
    public static func cases(_ session: TradingSession) -> [Regime] {
        if session.isContinuous { return [.all, .busiest] }
        return session.segments.count > 1
            ? [.all, .opening, .open, .breaks, .close, .busiest]
            : [.all, .opening, .open, .close, .busiest]
    }

    /// Which bins forecasts of a table are judged on.
    struct Scope {
        private let session: TradingSession
        private let isSinceOpening: [Bool]
        private let isBreak: [Bool]
        private let busyLoad: Double

        /// The bins of `table`, busy ones by the loads of the rows `test`.
        init(_ table: FeatureTable, test: Range<Int>) {
            let session = table.configuration.session
            self.session = session
            isSinceOpening = (0..<table.bins).map { session.isContinuous || $0 >= 10 }
            isBreak = (0..<table.bins).map { bin in
                guard session.segments.count > 1 else { return false }
                let edges = session.edges(ofBin: bin)
                let isFirstSegment = edges.sinceOpen == bin
                let isLastSegment = edges.toClose == table.bins - 1 - bin
                return (!isFirstSegment && edges.sinceOpen < 10) || (!isLastSegment && edges.toClose < 10)
            }
            let sorted = table.loads[test].sorted()
            busyLoad = sorted.isEmpty ? .infinity : sorted[sorted.count * 9 / 10]
        }

        /// Whether the forecast of `ahead` bins from `origin` belongs to `regime`.
        ///
        /// Within sessions, `all` and the parts of the day take origins from the tenth bin on and targets of the same
        /// day.
        func contains(_ table: FeatureTable, _ regime: Regime, origin: Int, ahead: Int) -> Bool {
            let bin = table.bin(origin + ahead)
            let isWithin = session.isContinuous || (table.bin(origin) >= 9 && table.bin(origin) + ahead < table.bins)
            switch regime {
            case .all: return isWithin
            case .opening: return !isSinceOpening[bin]
            case .open: return isWithin && isSinceOpening[bin] && bin < 30
            case .breaks: return isWithin && isBreak[bin]
            case .close: return isWithin && bin >= table.bins - 15
            case .busiest: return isWithin && table.loads[origin + ahead] >= busyLoad
            }
        }
    }
}
