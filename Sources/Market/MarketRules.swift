/// The A-share trading rules in force on one day, out of a dated table.
///
/// The rules change by decree. Every number is therefore a row of `BoardRules` with the day it came into force, and
/// `rules(on:)` picks each board's newest row that is not in the future. Another table can be given: a config file's.
public struct MarketRules: Hashable, Sendable {
    /// The day asked for.
    public let date: TradingDate
    private let rows: [BoardRules]

    /// The rules on `date` out of `table` (any order); boards without a row by then are missing.
    ///
    /// - Precondition: every row `isValid`.
    public static func rules(on date: TradingDate, table: [BoardRules] = shares) -> MarketRules {
        precondition(table.allSatisfy(\.isValid), "a row of the rule table contradicts itself")
        let rows = Board.allCases.compactMap { board in
            table.filter { $0.board == board && $0.effectiveFrom <= date }.max { $0.effectiveFrom < $1.effectiveFrom }
        }
        return MarketRules(date: date, rows: rows)
    }

    /// The row of `board`, or nil where the board did not exist yet.
    public subscript(board: Board) -> BoardRules? { rows.first { $0.board == board } }

    /// The daily band: previous close x (1 -+ percent), rounded half up to the tick.
    ///
    /// Each limit lies at least one tick away from the close, and none below one tick (from memory of the exchanges'
    /// rules for very low prices).
    ///
    /// - Returns: nil for a close or tick outside 1...`Price.milliMax`, or a percentage outside 1...99.
    public static func dailyBand(previousClose: Price, percent: Int, tick: Price) -> PriceBand? {
        guard (1...99).contains(percent), let down = previousClose.scaled(percent: 100 - percent, tick: tick),
            let up = previousClose.scaled(percent: 100 + percent, tick: tick)
        else { return nil }
        let below = Price(milli: previousClose.milli - tick.milli)
        let above = Price(milli: previousClose.milli + tick.milli)
        return PriceBand(down: max(tick, min(down, below)), up: max(up, above))
    }

    /// The reference data of an instrument for this day.
    ///
    /// - Parameters:
    ///   - daysListed: Trading days since listing, today included; the first `bandFreeDays` have no band.
    /// - Returns: nil where the board has no rules yet, or the previous close is no price.
    public func instrument(
        id: InstrumentID, symbol: UInt32, board: Board, previousClose: Price, daysListed: Int = .max
    ) -> Instrument? {
        guard let row = self[board],
            let band = Self.dailyBand(previousClose: previousClose, percent: row.bandPercent, tick: row.tick)
        else { return nil }
        let hasBand = daysListed > row.bandFreeDays
        return Instrument(
            id: id, symbol: symbol, board: board, tick: row.tick, lot: row.lot, quantityMin: row.quantityMin,
            quantityMax: row.quantityMax, marketQuantityMax: row.marketQuantityMax, previousClose: previousClose,
            limitDown: hasBand ? band.down : .zero, limitUp: hasBand ? band.up : .zero)
    }

    /// The table this release knows.
    ///
    /// Main board: band of 10 % since 1996-12-16; no band in the first five days and the effective price range since
    /// 2023-04-10 (registration reform). STAR since 2019-07-22. ChiNext: 20 % since 2020-08-24. Risk warning ("ST"):
    /// 5 %. From memory, to be checked against the exchanges' texts: quantities of STAR and ChiNext, the effective
    /// price range and the dates of this paragraph. Not in the table: the first-day limits of 44 % before 2023.
    public static let shares: [BoardRules] = [
        row(.main, from: 19_961_216, band: 10, bandFreeDays: 0, range: 0),
        row(.main, from: 20_230_410, band: 10, range: 2, rangeTicks: 10),
        row(.riskWarning, from: 19_980_422, band: 5, bandFreeDays: 0, range: 0),
        row(.riskWarning, from: 20_230_410, band: 5, bandFreeDays: 0, range: 2, rangeTicks: 10),
        row(.star, from: 20_190_722, lot: 1, least: 200, most: 100_000, mostMarket: 50_000, band: 20, range: 2),
        row(
            .star, from: 20_230_410, lot: 1, least: 200, most: 100_000, mostMarket: 50_000, band: 20, range: 2,
            rangeTicks: 10),
        row(.chiNext, from: 20_091_030, band: 10, bandFreeDays: 0, range: 0),
        row(.chiNext, from: 20_200_824, most: 300_000, mostMarket: 150_000, band: 20, range: 2),
        row(.chiNext, from: 20_230_410, most: 300_000, mostMarket: 150_000, band: 20, range: 2, rangeTicks: 10),
    ].compactMap(\.self)

    private static func row(
        _ board: Board, from day: Int, lot: Int64 = 100, least: Int64 = 100, most: Int64 = 1_000_000,
        mostMarket: Int64 = 1_000_000, band: Int, bandFreeDays: Int = 5, range: Int, rangeTicks: Int = 0
    ) -> BoardRules? {
        TradingDate(day).map {
            BoardRules(
                board: board, effectiveFrom: $0, lot: Quantity(lot), quantityMin: Quantity(least),
                quantityMax: Quantity(most), marketQuantityMax: Quantity(mostMarket), bandPercent: band,
                bandFreeDays: bandFreeDays, rangePercent: range, rangeTicks: rangeTicks)
        }
    }
}
