internal import Engine
internal import Telemetry

/// The response times of a run as an HdrHistogram log (`.hlog`), format 1.3, V2 encoding: nanoseconds.
///
/// | lines | content |
/// |---|---|
/// | without a tag | one an interval, warm-up included: response times of all requests to two digits |
/// | `Tag=all`, `Tag=order.new` | one each: response times of the whole run without its warm-up, all digits |
/// | `Tag=all.service`, `Tag=all.send_lag`, ... | the same of service times and send lags |
/// | `Tag=open/order.new` | where there are several scenarios: response times of one operation of one |
///
/// An interval keeps coarse counts only, hence percentiles over time come from the lines without a tag (at most 0.8 %
/// high) and those of the run from the tags, where they are those of the summary exactly.
public enum HistogramLog {
    /// The log's text.
    public static func text(_ report: RunReport) -> String {
        let start = seconds(report.result.startedAt)
        var lines = [
            "#[Logged with springtide loadgen]", "#[Histogram log format version 1.3]",
            "#[StartTime: \(start) (seconds since epoch), \(date(report.result.startedAt))]",
            "#[BaseTime: \(start) (seconds since epoch)]",
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"",
        ]
        for interval in report.result.series where !interval.response.values.isEmpty {
            var histogram = SummaryDocument.coarse
            for (value, count) in zip(interval.response.values, interval.response.counts) {
                histogram.record(value, times: count)
            }
            let begin = Double(interval.index) * report.facts.intervalSeconds
            lines.append(line(nil, begin, report.facts.intervalSeconds, histogram))
        }
        for (tag, histogram) in tagged(report) where histogram.count > 0 {
            lines.append(line(tag, report.facts.warmupSeconds, report.measuredSeconds, histogram))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func tagged(_ report: RunReport) -> [(String, HDRHistogram)] {
        var all = [("all", report.response), ("all.service", report.service), ("all.send_lag", report.lag)]
        for row in report.operations {
            let name = tag(report.facts.operation(row.operation))
            all += [(name, row.response), (name + ".service", row.service), (name + ".send_lag", row.lag)]
        }
        guard report.facts.scenarios.count > 1 else { return all }
        return all
            + report.result.rows.map { row in
                (tag("\(report.facts.scenario(row.scenario))/\(report.facts.operation(row.operation))"), row.response)
            }
    }

    /// A tag holds no comma and no space.
    static func tag(_ name: String) -> String {
        String(name.unicodeScalars.map { $0.value > 0x20 && $0 != "," && $0.value != 0x7F ? Character($0) : "_" })
    }

    private static func line(_ tag: String?, _ begin: Double, _ length: Double, _ histogram: HDRHistogram) -> String {
        let fields = [
            FixedText.text(begin, decimals: 3), FixedText.text(length, decimals: 3),
            FixedText.text(Double(histogram.greatest) / 1e6, decimals: 3), HDRHistogramCodec.encode(histogram),
        ]
        return ((tag.map { ["Tag=\($0)"] } ?? []) + fields).joined(separator: ",")
    }

    private static func seconds(_ microseconds: Int64) -> String {
        FixedText.text(Double(microseconds) / 1e6, decimals: 3)
    }

    /// `Tue Nov 14 22:13:20 UTC 2023`.
    static func date(_ microseconds: Int64) -> String {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let day = days[Int(microseconds / 86_400_000_000 % 7)]
        let parts = JSONLogHandler.timestamp(microseconds).split { "-T:.Z".contains($0) }
        guard parts.count >= 6, let month = Int(parts[1]), months.indices.contains(month - 1) else { return day }
        return "\(day) \(months[month - 1]) \(parts[2]) \(parts[3]):\(parts[4]):\(parts[5]) UTC \(parts[0])"
    }
}
