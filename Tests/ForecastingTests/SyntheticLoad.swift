import Forecasting
import Foundation
import TestData

/// Loads with a daily shape, a slowly moving level and noise, all from a seed.
enum SyntheticLoad {
    /// A session of two segments of `bins` / 2 minutes with a break, stamped at the end like a-share.
    static func session(bins: Int = 40) throws -> TradingSession {
        let half = bins / 2 * 60
        return try TradingSession(
            name: "test", segments: [36_000..<36_000 + half, 50_000..<50_000 + half], intervalSeconds: 60, stamp: .end)
    }

    /// Standard normal numbers, by summing twelve uniform ones.
    static func normal(_ random: inout SplitMix64) -> Double {
        (0..<12).reduce(-6.0) { sum, _ in sum + Double(random.next() >> 11) * 0x1p-53 }
    }

    /// Weekdays from 2024-01-01 (a Monday) on; ratio follows AR(1) with `persistence`, noise `noise`.
    static func series(
        days count: Int, bins: Int = 40, seed: UInt64, level: Double = 1_000, persistence: Double = 0.9,
        noise: Double = 0.1, session given: TradingSession? = nil
    ) throws -> LoadSeries {
        let session = try given ?? session(bins: bins)
        var random = SplitMix64(seed: seed)
        var state = 0.0
        var values: [Double] = []
        for _ in 0..<count {
            for bin in 0..<session.binsPerDay {
                state = persistence * state + noise * normal(&random)
                let shape = 0.6 * cos(2 * .pi * Double(bin) / Double(session.binsPerDay))
                values.append(level * exp(shape + state))
            }
        }
        return try LoadSeries(session: session, days: weekdays(count), values: values)
    }

    /// Day numbers of weekdays from 2024-01-01 on.
    static func weekdays(_ count: Int) -> [Int] {
        let first = CivilTime.days(year: 2024, month: 1, day: 1)
        return (0..<count).map { first + $0 / 5 * 7 + $0 % 5 }
    }

    /// Rows of a series as CSV, stamped as the session wants.
    static func csv(_ series: LoadSeries, keeping: (Int) -> Bool = { _ in true }) -> String {
        var text = "time,load\n"
        for index in 0..<series.count where keeping(index) {
            let bins = series.session.binsPerDay
            let time = stamp(series.session, day: series.days[index / bins], bin: index % bins)
            text +=
                "\(CivilTime.text(day: time.day)) \(CivilTime.text(second: time.second)):00,\(series.values[index])\n"
        }
        return text
    }

    /// The time a row of that bin has.
    static func stamp(_ session: TradingSession, day: Int, bin: Int) -> CivilTime {
        let end = session.stamp == .end ? session.intervalSeconds : 0
        return CivilTime(day: day, second: session.start(ofBin: bin) + end)
    }
}

/// The code of the `ForecastError` that `body` throws, nil if it throws none, and its message.
func fault(_ body: () throws -> Void) -> (code: ForecastError.Code, message: String)? {
    do {
        try body()
        return nil
    } catch let error as ForecastError {
        return (error.code, error.message)
    } catch {
        return nil
    }
}
