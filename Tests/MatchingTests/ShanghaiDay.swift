import Foundation
import Market
import TestData

/// One recorded symbol-day of Shanghai Level-2: the order flow and the exchange's own trades.
struct ShanghaiDay: Sendable, CustomStringConvertible {
    let symbol: String
    /// Lowest and highest price of the day, milli-yuan.
    let band: ClosedRange<Int64>
    let adds: Int
    let cancels: Int
    let continuousTrades: Int
    let openingFills: Int
    let closingFills: Int
    /// Price in milli-yuan, shares, buy minus sell.
    let opening: [Int64]
    let closing: [Int64]
    let turnover: Int64

    var description: String { symbol }

    /// The data folder's own tables.
    static let all = [
        ShanghaiDay(
            symbol: "600536", band: 46_080...56_320, adds: 53_946, cancels: 12_580, continuousTrades: 33_105,
            openingFills: 136, closingFills: 312, opening: [51_210, 61_090, 2_110],
            closing: [50_730, 175_007, 36_493], turnover: 628_170_404_700),
        ShanghaiDay(
            symbol: "601825", band: 4_910...6_010, adds: 9_237, cancels: 1_997, continuousTrades: 5_340,
            openingFills: 10, closingFills: 20, opening: [5_480, 2_800, -41_800], closing: [5_480, 25_000, -338_100],
            turnover: 28_381_272_430),
        ShanghaiDay(
            symbol: "605580", band: 13_430...16_410, adds: 26_883, cancels: 7_108, continuousTrades: 16_393,
            openingFills: 240, closingFills: 363, opening: [14_560, 197_700, 36_000],
            closing: [14_500, 327_500, 44_800], turnover: 204_631_645_620),
    ]

    /// The lines of a file without its header, split at commas.
    private func rows(_ kind: String) throws -> [[Substring]] {
        try RecordedData.shanghaiDay(symbol, kind).split(separator: "\n").dropFirst().map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
    }

    private func number(_ row: [Substring], _ column: Int) throws -> Int64 {
        guard row.count > column, let number = Int64(row[column]) else { throw RecordedData.Failure("bad row \(row)") }
        return number
    }

    /// Columns: seq, time_ms, action, order_id, side, price_milli, qty, price_inferred.
    func events() throws -> [DayEvent] {
        try rows("orders").map { row in
            DayEvent(
                milliseconds: Int(try number(row, 1)), isCancel: row[2] == "D",
                order: UInt64(try number(row, 3)), side: row[4] == "B" ? .buy : .sell, price: try number(row, 5),
                quantity: try number(row, 6))
        }
    }

    /// Columns: seq, time_ms, buy_order_id, sell_order_id, aggressor, price_milli, qty.
    func trades() throws -> (opening: [DayTrade], continuous: [DayTrade], closing: [DayTrade]) {
        var result: (opening: [DayTrade], continuous: [DayTrade], closing: [DayTrade]) = ([], [], [])
        for row in try rows("expected_trades") {
            let trade = DayTrade(
                buyer: UInt64(try number(row, 2)), seller: UInt64(try number(row, 3)), price: try number(row, 5),
                quantity: try number(row, 6))
            if row[4] != "N" {
                result.continuous.append(trade)
            } else if try number(row, 1) < 43_200_000 {
                result.opening.append(trade)
            } else {
                result.closing.append(trade)
            }
        }
        return result
    }
}
