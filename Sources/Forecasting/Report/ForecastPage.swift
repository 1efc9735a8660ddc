internal import Glibc

/// A page that shows what a forecaster did on some days: truth, median and band, and its errors by time of day beside
/// those of baselines. One HTML file without scripts or other files.
public struct ForecastPage: Sendable {
    /// Heading of the page.
    public var title: String
    /// Bins ahead of the drawing.
    public var ahead: Int
    /// Days drawn, from the first of the test on.
    public var daysDrawn: Int

    /// A page.
    public init(title: String, ahead: Int, daysDrawn: Int) {
        self.title = title
        self.ahead = ahead
        self.daysDrawn = daysDrawn
    }

    /// The page of `main`, which has quantiles, beside `others`, all over the same origins of `table`.
    public func html(_ table: FeatureTable, main: (String, Predictions), others: [(String, Predictions)]) -> String {
        precondition((1...table.horizon).contains(ahead) && daysDrawn > 0, "what to draw")
        var body =
            "<header><h1>\(LinePlot.escaped(title))</h1><p>\(LinePlot.escaped(summary(table, main)))</p></header>"
        body += course(table, main).html()
        body += timesOfDay(table, [main] + others).html()
        body += figures(table, [main] + others)
        return """
            <!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" \
            content="width=device-width"><title>\(LinePlot.escaped(title))</title><style>\(Self.style)</style></head>\
            <body><main>\(body)</main></body></html>

            """
    }

    private func summary(_ table: FeatureTable, _ main: (String, Predictions)) -> String {
        let origins = main.1.origins
        let first = table.days[table.dayNumber(origins.lowerBound)]
        let last = table.days[table.dayNumber(origins.upperBound - 1)]
        let minutes = ahead * table.configuration.session.intervalSeconds
        let span = minutes % 60 == 0 ? "\(minutes / 60) min" : "\(minutes) s"
        return "\(main.0), \(span) ahead, \(origins.count) forecasts from \(CivilTime.text(day: first)) to "
            + CivilTime.text(day: last)
    }

    /// Truth, middle and band over the first days; every origin's forecast stands at the bin it is for.
    private func course(_ table: FeatureTable, _ main: (String, Predictions)) -> LinePlot {
        let predictions = main.1
        let first = predictions.origins.lowerBound
        let count = min(daysDrawn * table.bins, predictions.origins.count)
        let rows = first..<first + count
        let low = predictions.levels.firstIndex(of: 0.025)
        let high = predictions.levels.firstIndex(of: 0.975)
        var plot = LinePlot(
            title: "Load, forecast and 95 % band", note: "Each forecast was made \(ahead) bins before.",
            unit: "load a bin",
            ticks: ticks(table, rows, dayLabels: daysDrawn > 1),
            lines: [
                .init(name: "measured", style: "truth", values: rows.map { table.loads[$0 + ahead] }),
                .init(
                    name: main.0, style: "main", values: rows.map { exp(predictions[$0, ahead: ahead]) - 1 }),
            ])
        if let low, let high {
            plot.band = (
                "95 % band", rows.map { max(0, exp(predictions.quantile($0, ahead: ahead, low)) - 1) },
                rows.map { max(0, exp(predictions.quantile($0, ahead: ahead, high)) - 1) }
            )
        }
        return plot
    }

    private func ticks(
        _ table: FeatureTable, _ rows: Range<Int>, dayLabels: Bool
    ) -> [(at: Int, label: String)] {
        let session = table.configuration.session
        let every = max(1, (dayLabels ? 1 : table.bins / 8))
        return rows.enumerated().compactMap { index, row in
            let bin = table.bin(row + ahead)
            if dayLabels {
                guard bin == 0 else { return nil }
                return (index, CivilTime.text(day: table.days[table.dayNumber(row + ahead)]))
            }
            return bin % every == 0 ? (index, CivilTime.text(second: session.start(ofBin: bin))) : nil
        }
    }

    /// WAPE by the bin that is forecast, in parts of the day.
    private func timesOfDay(_ table: FeatureTable, _ all: [(String, Predictions)]) -> LinePlot {
        let parts = min(48, table.bins)
        let styles = ["main", "c2", "c3", "c4", "c5"]
        let lines = all.enumerated().map { number, forecaster in
            var scores = [ForecastScore](repeating: ForecastScore(), count: parts)
            for origin in forecaster.1.origins {
                let part = table.bin(origin + ahead) * parts / table.bins
                scores[part].add(forecast: forecaster.1[origin, ahead: ahead], truth: table.logLoad(origin + ahead))
            }
            return LinePlot.Line(
                name: forecaster.0, style: styles[min(number, styles.count - 1)],
                values: scores.map { $0.count > 0 ? 100 * $0.wape : nil })
        }
        let session = table.configuration.session
        let ticks = stride(from: 0, to: parts, by: max(1, parts / 8)).map { part in
            (at: part, label: CivilTime.text(second: session.start(ofBin: part * table.bins / parts)))
        }
        return LinePlot(
            title: "Errors by time of day",
            note: "WAPE of the bins forecast in each part of the day, \(ahead) bins ahead.",
            unit: "WAPE, %", ticks: ticks, lines: lines, decimals: 1)
    }

    private func figures(_ table: FeatureTable, _ all: [(String, Predictions)]) -> String {
        var out = "<section><h2>All bins</h2><table><tr><th>forecaster</th><th>WAPE</th><th>RMSE of logs</th>"
        out += "<th>bias</th><th>inside the 95 % band</th></tr>"
        for (name, predictions) in all {
            var score = ForecastScore()
            var inside = 0
            let low = predictions.levels.firstIndex(of: 0.025)
            let high = predictions.levels.firstIndex(of: 0.975)
            for origin in predictions.origins {
                let truth = table.logLoad(origin + ahead)
                score.add(forecast: predictions[origin, ahead: ahead], truth: truth)
                guard let low, let high else { continue }
                let band =
                    predictions.quantile(origin, ahead: ahead, low)...predictions.quantile(origin, ahead: ahead, high)
                if band.contains(truth) { inside += 1 }
            }
            let share = low == nil ? "-" : FixedText.decimals(100 * Double(inside) / Double(score.count), 1) + " %"
            out += "<tr><td>\(LinePlot.escaped(name))</td><td>\(FixedText.decimals(100 * score.wape, 2)) %</td>"
            out += "<td>\(FixedText.decimals(score.logRMSE, 4))</td>"
            out += "<td>\(FixedText.decimals(100 * score.bias, 2)) %</td><td>\(share)</td></tr>"
        }
        return out + "</table></section>"
    }

    private static let style = """
        :root{color-scheme:light dark;--bg:#f4f6f8;--card:#fff;--ink:#17212b;--soft:#5c6a78;--line:#dde3e9;
        --main:#2460c6;--c2:#0b8f7c;--c3:#8438c9;--c4:#cf6a1d;--c5:#8b97a3}
        @media(prefers-color-scheme:dark){:root{--bg:#0e1318;--card:#161d25;--ink:#e7ecf1;--soft:#9ba8b5;
        --line:#29333e;--main:#74a9ff;--c2:#40cdb5;--c3:#c190ff;--c4:#ff9c5f;--c5:#7d8a97}}
        body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,"DejaVu Sans",sans-serif}
        main{max-width:1080px;margin:0 auto;padding:28px 20px 60px}h1{margin:0;font-size:28px}
        h2{margin:0;font-size:16px}p{margin:2px 0 0;color:var(--soft)}header{margin-bottom:16px}
        figure,section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 20px;
        margin:0 0 16px}figcaption p{font-size:13px}
        .legend{display:flex;flex-wrap:wrap;gap:2px 18px;margin:8px 0;font-size:13px}
        .legend span{display:inline-flex;align-items:center;gap:6px}
        .legend i{width:18px;border-top:3px solid currentColor}.legend span{color:var(--ink)}
        .legend .truth i{color:var(--c4)}.legend .main i{color:var(--main)}.legend .c2 i{color:var(--c2)}
        .legend .c3 i{color:var(--c3)}.legend .c4 i{color:var(--c4)}.legend .c5 i{color:var(--c5)}
        .legend .band i{height:10px;border:0;border-radius:2px;background:var(--main);opacity:.25}
        svg{display:block;width:100%;height:auto;overflow:visible}svg text{fill:var(--soft);font-size:12px}
        svg path{fill:none;stroke-width:1.5;stroke-linejoin:round}.grid{stroke:var(--line);stroke-width:1}
        path.truth{stroke:var(--c4)}path.main{stroke:var(--main)}path.c2{stroke:var(--c2)}path.c3{stroke:var(--c3)}
        path.c4{stroke:var(--c4)}path.c5{stroke:var(--c5)}path.band{fill:var(--main);fill-opacity:.2;stroke:none}
        table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;margin-top:8px}
        th{color:var(--soft);font-weight:500;font-size:13px}th,td{text-align:right;padding:5px 12px 5px 0}
        th:first-child,td:first-child{text-align:left}tr+tr td{border-top:1px solid var(--line)}
        """
}
