/// Renders `YYYYMMDD-HH:MM:SS.sss`; keeps the last two instants, since a batch repeats few of them.
struct TimestampText {
    /// Bytes of a rendered time.
    static let length = 21

    private var day = Int64.min
    private var dayText: InlineArray<9, UInt8> = .init(repeating: 0)
    private var millisecond = Int64.min
    private var text: InlineArray<21, UInt8> = .init(repeating: 0)

    /// Writes 21 bytes for `time`, in microseconds since 1970 UTC.
    mutating func write(_ time: Int64, to destination: UnsafeMutablePointer<UInt8>) {
        let now = time >= 0 ? time / 1_000 : (time - 999) / 1_000
        if now != millisecond { render(now) }
        for index in 0..<Self.length { unsafe destination[index] = text[index] }
    }

    private mutating func render(_ now: Int64) {
        millisecond = now
        let today = now >= 0 ? now / 86_400_000 : (now - 86_399_999) / 86_400_000
        if today != day { renderDay(today) }
        for index in 0..<9 { text[index] = dayText[index] }
        let inDay = now - today * 86_400_000
        two(9, inDay / 3_600_000)
        text[11] = UInt8(ascii: ":")
        two(12, inDay / 60_000 % 60)
        text[14] = UInt8(ascii: ":")
        two(15, inDay / 1_000 % 60)
        text[17] = UInt8(ascii: ".")
        text[18] = digit(inDay / 100 % 10)
        text[19] = digit(inDay / 10 % 10)
        text[20] = digit(inDay % 10)
    }

    private mutating func renderDay(_ today: Int64) {
        day = today
        let date = UTCTimestamp.date(daysSince1970: today)
        dayText[0] = digit(date.year / 1_000 % 10)
        dayText[1] = digit(date.year / 100 % 10)
        dayText[2] = digit(date.year / 10 % 10)
        dayText[3] = digit(date.year % 10)
        dayText[4] = digit(date.month / 10)
        dayText[5] = digit(date.month % 10)
        dayText[6] = digit(date.day / 10)
        dayText[7] = digit(date.day % 10)
        dayText[8] = UInt8(ascii: "-")
    }

    private mutating func two(_ index: Int, _ value: Int64) {
        text[index] = digit(value / 10)
        text[index + 1] = digit(value % 10)
    }

    private func digit(_ value: Int64) -> UInt8 { UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value) }
}
