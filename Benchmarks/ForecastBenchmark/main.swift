// Prints what a live forecast costs: one sample through features, network, join and correction, for each model. The
// network answers the whole window of 30 steps from the zero state; what of it is known before the sample comes is
// done after the forecast before, and printed apart.
//
// Argument: samples measured for each model (default 2,000). Wall times of one thread; the median and the 99th percentile.
// The weights are random: the time does not depend on them.

import Forecasting
import Foundation
import Glibc
import Learning

let samples = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1]) ?? 2_000 : 2_000

func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

func report(_ label: String, _ times: [UInt64]) {
    let sorted = times.sorted()
    let median = Double(sorted[sorted.count / 2]) / 1e3
    let late = Double(sorted[sorted.count * 99 / 100]) / 1e3
    let padded = label.padding(toLength: 52, withPad: " ", startingAt: 0)
    print("\(padded) median " + String(format: "%.1f us, p99 %.1f us", median, late))
}

/// 14 days of a 24x7 load with a daily shape and noise.
func makeSeries(_ session: TradingSession) throws -> LoadSeries {
    var random = Xoshiro256StarStar(seed: 1)
    let values = (0..<14 * 1_440).map { bin in
        10_000 * exp(0.5 * sin(2 * .pi * Double(bin % 1_440) / 1_440) + 0.05 * random.normal())
    }
    return try LoadSeries(session: session, days: Array(20_000..<20_014), values: values)
}

let session = try TradingSession("24x7")
let features = try FeatureStream.Configuration(session: session, horizon: 5, profileDays: 7)
let series = try makeSeries(session)
let table = try FeatureTable(series, features)
let ridge = try RidgeForecaster(table, rows: 2_000..<8_000, inputs: .differences)
let scaler = FeatureScaler(table, rows: 0..<8_000)

for model in Benchmark.Model.allCases {
    let configuration = model.configuration(horizon: 5)
    var sizes = configuration.network
    sizes.inputs = Feature.count
    let forecaster = NetworkForecaster(
        configuration, features: features, network: RecurrentNetwork(sizes, seed: 1), scaler: scaler,
        targetScales: [Float](repeating: 0.1, count: 5), ridge: configuration.hasRidgeBase ? ridge : nil)
    let online = OnlineForecaster(forecaster)
    var times: [UInt64] = []
    var later: [UInt64] = []
    let first = 13 * 1_440 - samples
    for index in 0..<series.count - 1_440 {
        let sample = LoadSample(
            time: CivilTime(day: series.days[index / 1_440], second: index % 1_440 * 60), load: series.values[index])
        let start = now()
        let answer = online.take(sample)
        let end = now()
        online.prepare()
        let prepared = now()
        guard index >= first, case .forecast = answer else { continue }
        times.append(end - start)
        later.append(prepared - end)
    }
    report("one live forecast of 5 bins, \(configuration.name)", times)
    report("  and preparing the next, \(configuration.name)", later)
}

var stream = FeatureStream(features)
var times: [UInt64] = []
for index in 0..<series.count {
    let start = now()
    stream.append(series.values[index], day: series.days[index / 1_440], bin: index % 1_440)
    if stream.isReady { times.append(now() - start) }
}
report("the 18 features of one bin", times)
