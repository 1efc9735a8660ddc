internal import Arrivals
internal import Settings

/// JMeter's one-liner: `schedule: "rate(1000/s) random_arrivals(15m) rate(10000/s)"`.
enum ScheduleReader {
    /// Process and rates, `scale` times as short.
    static func read(_ value: SettingValue, _ scale: Double) throws(SettingsError) -> (ArrivalProcess, RateProfile) {
        let text = try value.text()
        do throws(ArrivalError) {
            let line = try ScheduleLine(text)
            let profile = line.profile.stretched(by: 1 / scale)
            guard profile.mass >= 1 else { throw ArrivalError("the rate gives no request at all") }
            guard profile.peak <= ArrivalReader.rateMax else {
                throw ArrivalError("a rate is at most \(Int(ArrivalReader.rateMax)) a second")
            }
            return (try stretched(line.process, by: 1 / scale), profile)
        } catch { throw value.error("\(error)") }
    }

    /// Streams with rates of their own are stretched like the whole.
    private static func stretched(_ process: ArrivalProcess, by factor: Double) throws(ArrivalError) -> ArrivalProcess {
        guard factor != 1, case .superposition(let streams) = process else { return process }
        var found: [ArrivalStream] = []
        for stream in streams {
            guard let profile = stream.ownProfile else {
                found.append(stream)
                continue
            }
            found.append(
                try ArrivalStream(
                    stream.process, profile: profile.stretched(by: factor), startSeconds: stream.startSeconds * factor))
        }
        return .superposition(found)
    }
}
