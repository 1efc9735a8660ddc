internal import Glibc
public import Logging

/// Writes each log event as one line of JSON with one `write(2)`, so that lines of threads never mix.
///
/// Keys: `ts` (UTC, microseconds), `level`, `logger`, `msg`, then the metadata in key order, each value as text or,
/// where it is nested, as JSON. A metadata key that is one of the first four is written with `_` behind it. There is
/// no queue: a slow reader slows the writer, and nothing is lost in a crash. Lines longer than `PIPE_BUF` (4,096)
/// may be torn when several processes share a pipe.
public struct JSONLogHandler: LogHandler {
    /// The least level that is written.
    public var logLevel: Logger.Level
    /// Written with every event.
    public var metadata: Logger.Metadata = [:]
    /// Asked for more metadata at every event.
    public var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let descriptor: Int32
    private let now: @Sendable () -> Int64

    /// A handler that writes to a file descriptor.
    ///
    /// - Parameters:
    ///   - label: the logger's name.
    ///   - level: the least level written.
    ///   - descriptor: 2 (standard error) unless told otherwise; stays open.
    ///   - now: microseconds since 1970 UTC; the wall clock unless told otherwise.
    public init(
        label: String, level: Logger.Level = .info, descriptor: Int32 = 2,
        now: @escaping @Sendable () -> Int64 = JSONLogHandler.wallClockMicroseconds
    ) {
        self.label = label
        self.logLevel = level
        self.descriptor = descriptor
        self.now = now
    }

    /// Microseconds since 1970 UTC.
    public static func wallClockMicroseconds() -> Int64 {
        var time = timespec()
        guard unsafe clock_gettime(CLOCK_REALTIME, &time) == 0 else { return 0 }
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }

    /// One metadata value of the handler.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one event; a failed write is dropped, there is nowhere left to report it.
    public func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        if let error = event.error { all["error"] = "\(error)" }
        let text = Self.line(
            time: now(), level: event.level, label: label, message: event.message.description, metadata: all)
        write(Array(text.utf8))
    }

    private func write(_ bytes: [UInt8]) {
        var start = 0
        while start < bytes.count {
            let count = unsafe bytes[start...].withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            start += count
        }
    }

    /// The line of one event, with its newline.
    static func line(
        time: Int64, level: Logger.Level, label: String, message: String, metadata: Logger.Metadata
    ) -> String {
        var out = "{\"ts\":\"\(timestamp(time))\",\"level\":\"\(level.rawValue)\""
        out += ",\"logger\":\(JSONText.quote(label)),\"msg\":\(JSONText.quote(message))"
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            let isTaken = ["ts", "level", "logger", "msg"].contains(key)
            out += ",\(JSONText.quote(isTaken ? key + "_" : key)):\(json(value))"
        }
        return out + "}\n"
    }

    private static func json(_ value: Logger.Metadata.Value) -> String {
        switch value {
        case .string(let text): JSONText.quote(text)
        case .stringConvertible(let value): JSONText.quote(value.description)
        case .array(let values): "[" + values.map(json).joined(separator: ",") + "]"
        case .dictionary(let fields):
            "{"
                + fields.sorted { $0.key < $1.key }.map { "\(JSONText.quote($0.key)):\(json($0.value))" }
                .joined(separator: ",") + "}"
        }
    }

    /// `2026-09-30T01:30:00.123456Z`; the calendar by Howard Hinnant's `civil_from_days`, whose years start in March.
    public static func timestamp(_ microseconds: Int64) -> String {
        let day = Int64(86_400_000_000)
        let days = (microseconds >= 0 ? microseconds : microseconds - day + 1) / day
        let rest = microseconds - days * day
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let date = "\(pad(year, 4))-\(pad(month, 2))-\(pad(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1, 2))"
        let (seconds, fraction) = rest.quotientAndRemainder(dividingBy: 1_000_000)
        let clock = "\(pad(seconds / 3_600, 2)):\(pad(seconds / 60 % 60, 2)):\(pad(seconds % 60, 2))"
        return "\(date)T\(clock).\(pad(fraction, 6))Z"
    }

    private static func pad(_ value: Int64, _ width: Int) -> String {
        let digits = "\(value)"
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
