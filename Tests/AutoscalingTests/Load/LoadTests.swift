import Autoscaling
import Foundation
import TestData
import Testing

@Suite struct LoadTests {
    @Test("A day without noise follows the breakpoints; its peak is the one asked for") func profile() throws {
        var day = TradingDayLoad()
        day.deviation = 0
        day.leadIn = 0
        let load = try day.load(seed: 1)
        #expect(load.duration == 23_400)
        #expect(abs(load.peak - 15_000) < 1e-6)
        for (minute, value) in [(0, 4.9), (5, 2.2), (30, 1.4), (60, 1), (120, 0.79), (200, 0.58), (330, 1), (385, 3)] {
            #expect(abs(load.rates[minute * 60] - 3_000 * value) < 1e-6, "minute \(minute)")
        }
        #expect(abs(load.mean - 15_000 / 5 * 1.06205) < 1)
        day.leadIn = 600
        let early = try day.load(seed: 1)
        #expect(early.rates[599] < 0.11 * early.rates[600], "the open is a jump")
        #expect(early.market(at: 600)?.sinceOpen == 0)
        #expect(early.market(at: 24_000)?.untilClose == 0)
    }

    @Test("Noise has the deviation and autocorrelation asked for", arguments: [0.25, 0.6])
    func noise(deviation: Double) throws {
        var day = TradingDayLoad()
        day.scaling = .profile
        day.leadIn = 0
        day.deviation = 0
        let plain = try day.load(seed: 0)
        day.deviation = deviation
        var x: [[Double]] = []
        for seed in 0..<20 {
            let load = try day.load(seed: UInt64(seed))
            x.append((0..<390).map { log(load.rates[$0 * 60] / plain.rates[$0 * 60]) })
        }
        let all = x.flatMap { $0 }
        let mean = all.reduce(0, +) / Double(all.count)
        let variance = all.reduce(0) { $0 + $1 * $1 } / Double(all.count)
        let products = x.flatMap { zip($0, $0.dropFirst()).map { $0 * $1 } }
        #expect(abs(mean) < 0.03 * deviation / 0.25)
        #expect(abs(variance.squareRoot() / deviation - 1) < 0.05)
        #expect(abs(products.reduce(0, +) / Double(products.count) / variance - 0.39) < 0.05)
    }

    @Test("Same seed, same day; sizes vary as asked") func seeds() throws {
        #expect(try TradingDayLoad.eventful.load(seed: 5) == TradingDayLoad.eventful.load(seed: 5))
        #expect(try TradingDayLoad.mild.load(seed: 5) != TradingDayLoad.mild.load(seed: 6))
        var day = TradingDayLoad()
        day.dayVariation = 0.38
        let peaks = try (0..<300).map { try day.load(seed: UInt64($0)).peak / 15_000 }
        let mean = peaks.reduce(0, +) / 300
        let deviation = (peaks.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 300).squareRoot()
        #expect(abs(mean - 1) < 0.08 && abs(deviation / mean - 0.38) < 0.06)
    }

    @Test("News come as often as asked, a flash crash is eight times the rate for 20 s") func events() throws {
        var day = TradingDayLoad()
        day.deviation = 0
        day.scaling = .profile
        let plain = try day.load(seed: 1)
        day.news = 2
        var jumps = 0
        var least = Double.infinity
        for seed in 0..<200 {
            let load = try day.load(seed: UInt64(seed))
            for second in 1..<load.duration {
                let ratio = load.rates[second] / plain.rates[second]
                let before = load.rates[second - 1] / plain.rates[second - 1]
                least = min(least, ratio)
                if ratio > 1.5 * before { jumps += 1 }
            }
        }
        #expect(abs(Double(jumps) / 200 - 2) < 0.35)
        #expect(least > 0.999)
        day.news = 0
        day.flashCrash = 3_600
        let crash = try day.load(seed: 1)
        for second in 4_190..<4_230 {
            let expected = (4_200..<4_220).contains(second) ? 8.0 : 1
            #expect(abs(crash.rates[second] / plain.rates[second] - expected) < 1e-9)
        }
    }

    @Test("A day of the mainland has a break and an auction before its open") func china() throws {
        var day = TradingDayLoad()
        day.exchange = .china
        day.deviation = 0
        day.leadIn = 1_200
        let load = try day.load(seed: 1)
        #expect(load.duration == 1_200 + 19_800)
        #expect(load.market(at: 1_200) == MarketClock(sinceOpen: 0, length: 19_800))
        func at(_ minute: Int) -> Double { load.rates[1_200 + minute * 60] }
        #expect(at(-14) > 5 * at(-16) && at(-4) < 0.3 * at(-6), "the auction of 9:15 to 9:25")
        #expect(at(0) == load.peak)
        #expect(at(150) < 0.1 * at(100) && at(210) > 5 * at(209), "the break")
    }

    @Test("Settings outside their limits are told") func badSettings() {
        let edits: [(inout TradingDayLoad) -> Void] = [
            { $0.peak = 0 }, { $0.peak = .nan }, { $0.deviation = -0.1 }, { $0.autocorrelation = 1 }, { $0.news = -1 },
            { $0.newsFactor = 0.5...2 }, { $0.newsDecay = 0...1 }, { $0.dayVariation = 4 }, { $0.leadIn = -1 },
        ]
        for (index, edit) in edits.enumerated() {
            var day = TradingDayLoad()
            edit(&day)
            #expect(throws: SimulationFault.self, "edit \(index)") { try day.load(seed: 1) }
        }
    }

    @Test("Shapes have their corners") func shapes() {
        let step = LoadTrace.step(low: 1, high: 3, during: 10..<20, seconds: 30)
        #expect(step.rates[9] == 1 && step.rates[10] == 3 && step.rates[19] == 3 && step.rates[20] == 1)
        let spike = LoadTrace.spike(base: 10, top: 50, at: 50, width: 20, seconds: 100)
        #expect(spike.rates[50] == 50 && spike.rates[45] == 30 && spike.rates[40] == 10 && spike.rates[61] == 10)
        let flash = LoadTrace.flash(base: 10, factor: 5, at: 20, rise: 10, hold: 30, fall: 20, seconds: 100)
        #expect(flash.rates[20] == 10 && flash.rates[25] == 30 && flash.rates[30] == 50 && flash.rates[59] == 50)
        #expect(flash.rates[70] == 30 && flash.rates[80] == 10 && flash.peak == 50)
        #expect(LoadTrace.steady(rate: 5, seconds: -1).rates.isEmpty)
        #expect(step.window(5..<15).rates.count == 10 && step.window(25..<99).rates.count == 5)
        #expect(step.mean(-10 ..< -5) == 1 && step.mean(40..<50) == 1 && step.mean(15..<25) == 2)
    }
}
