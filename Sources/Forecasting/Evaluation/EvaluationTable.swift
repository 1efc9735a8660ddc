/// An evaluation as text and as JSON.
extension Evaluation {
    /// Columns of the names.
    private static let nameWidth = 36

    /// Horizons of the text: the first, the middle, the last.
    private var shown: [Int] {
        var horizons = [1, (horizon + 1) / 2, horizon]
        horizons = horizons.enumerated().filter { horizons.firstIndex(of: $0.element) == $0.offset }.map(\.element)
        return horizons
    }

    /// The table of all regimes: WAPE and RMSE of logs by horizon, mean over seeds with the spread at the last horizon,
    /// and skill against each of `baselines`.
    public func text(baselines: [String]) -> String {
        let days = "\(CivilTime.text(day: testDays.lowerBound)) to \(CivilTime.text(day: testDays.upperBound))"
        var lines = ["\(series): test \(days), \(count) forecasts a horizon"]
        for regime in regimes {
            lines.append("")
            lines.append("  \(regime.rawValue)")
            var header = "    " + FixedText.padded("", Self.nameWidth)
            for ahead in shown { header += FixedText.padded("WAPE h\(ahead)", 9, right: true) }
            for ahead in shown { header += FixedText.padded("RMSElog h\(ahead)", 12, right: true) }
            lines.append(header + "   spread over seeds")
            for name in names { lines.append(row(name, regime)) }
        }
        lines.append("")
        if !baselines.isEmpty { lines += skillLines(baselines) }
        lines += figureLines()
        lines += quantileLines()
        return lines.joined(separator: "\n") + "\n"
    }

    private func row(_ name: String, _ regime: Regime) -> String {
        var line = "    " + FixedText.padded(name, Self.nameWidth)
        for ahead in shown {
            let wape = spread(name, regime, ahead: ahead, \.wape)?.mean ?? .nan
            line += FixedText.padded(FixedText.decimals(wape, 4), 9, right: true)
        }
        for ahead in shown {
            let error = spread(name, regime, ahead: ahead, \.logRMSE)?.mean ?? .nan
            line += FixedText.padded(FixedText.decimals(error, 4), 12, right: true)
        }
        if let last = spread(name, regime, ahead: horizon, \.logRMSE), last.least < last.greatest {
            line += "   \(FixedText.decimals(last.least, 4)) to \(FixedText.decimals(last.greatest, 4))"
        }
        return line
    }

    private func skillLines(_ baselines: [String]) -> [String] {
        var lines = ["  skill at h\(horizon): part of the baseline's WAPE that is gone"]
        lines.append(
            "    " + FixedText.padded("", Self.nameWidth)
                + baselines.map { FixedText.padded($0, 17, right: true) }.joined())
        for name in names {
            let own = spread(name, .all, ahead: horizon, \.wape)?.mean ?? .nan
            var line = "    " + FixedText.padded(name, Self.nameWidth)
            for baseline in baselines {
                let other = spread(baseline, .all, ahead: horizon, \.wape)?.mean ?? .nan
                line += FixedText.padded(FixedText.decimals(100 * (1 - own / other), 1) + " %", 17, right: true)
            }
            lines.append(line)
        }
        return lines + [""]
    }

    private func figureLines() -> [String] {
        var lines = ["  more figures at h\(horizon)"]
        lines.append(
            "    " + FixedText.padded("", Self.nameWidth) + FixedText.padded("MAPE", 9, right: true)
                + FixedText.padded("RMSE", 15, right: true) + FixedText.padded("MASE", 9, right: true)
                + FixedText.padded("bias", 9, right: true))
        for name in names {
            func mean(_ figure: (ForecastScore) -> Double) -> Double {
                spread(name, .all, ahead: horizon, figure)?.mean ?? .nan
            }
            lines.append(
                "    " + FixedText.padded(name, Self.nameWidth)
                    + FixedText.padded(FixedText.decimals(mean(\.mape), 4), 9, right: true)
                    + FixedText.padded(FixedText.decimals(mean(\.rmse), 1), 15, right: true)
                    + FixedText.padded(FixedText.decimals(mean(\.mase), 4), 9, right: true)
                    + FixedText.padded(FixedText.decimals(mean(\.bias), 4), 9, right: true))
        }
        return lines + [""]
    }

    private func quantileLines() -> [String] {
        let judged = names.filter { quantileSpread($0, .all, ahead: 1, \.coverage) != nil }
        guard !judged.isEmpty else { return [] }
        var lines = ["  share inside the 95 % band, least to greatest over seeds; pinball loss of logs at 0.5 and 0.95"]
        for name in judged {
            for ahead in shown {
                guard let coverage = quantileSpread(name, .all, ahead: ahead, \.coverage) else { continue }
                var line =
                    "    " + FixedText.padded(name, Self.nameWidth)
                    + "h\(ahead)  \(FixedText.decimals(coverage.least, 4)) to "
                line += "\(FixedText.decimals(coverage.greatest, 4))"
                for level in [Float(0.5), 0.95] {
                    let loss = quantileSpread(name, .all, ahead: ahead) { score in
                        score.levels.firstIndex(of: level).map { score.pinball[$0] } ?? .nan
                    }
                    line += "  \(FixedText.decimals(loss?.mean ?? .nan, 4))"
                }
                lines.append(line)
            }
        }
        return lines
    }

    /// All figures of all entries as one JSON object; equal evaluations give equal bytes.
    public var json: String {
        let list = entries.map { entry in
            let parts = regimes.map { regime in
                let horizons = (1...horizon).map { figures(entry, regime, $0) }
                return "\"\(regime.rawValue)\":[\(horizons.joined(separator: ","))]"
            }
            let seed = entry.seed.map { "\($0)" } ?? "null"
            return
                "{\"name\":\(FixedText.quoted(entry.name)),\"seed\":\(seed),\"regimes\":{\(parts.joined(separator: ","))}}"
        }
        return "{\"series\":\(FixedText.quoted(series)),\"testFirst\":\"\(CivilTime.text(day: testDays.lowerBound))\","
            + "\"testLast\":\"\(CivilTime.text(day: testDays.upperBound))\",\"horizon\":\(horizon),"
            + "\"entries\":[\(list.joined(separator: ","))]}"
    }

    private func figures(_ entry: Entry, _ regime: Regime, _ ahead: Int) -> String {
        func number(_ value: Double, _ places: Int = 6) -> String {
            value.isFinite ? FixedText.decimals(value, places) : "null"
        }
        guard let score = entry.scores[regime]?[ahead - 1] else { return "null" }
        var text = "{\"ahead\":\(ahead),\"count\":\(score.count),\"wape\":\(number(score.wape)),"
        text += "\"mape\":\(number(score.mape)),\"rmse\":\(number(score.rmse, 3)),\"logRMSE\":\(number(score.logRMSE)),"
        text += "\"mase\":\(number(score.mase)),\"bias\":\(number(score.bias))"
        if let quantile = entry.quantiles[regime]?[ahead - 1] {
            let losses = zip(quantile.levels, quantile.pinball).map { "\"\($0)\":\(number($1))" }
            text += ",\"coverage95\":\(number(quantile.coverage)),\"upper975\":\(number(quantile.upperCoverage)),"
            text += "\"width95\":\(number(quantile.width)),\"pinball\":{\(losses.joined(separator: ","))}"
        }
        return text + "}"
    }
}
