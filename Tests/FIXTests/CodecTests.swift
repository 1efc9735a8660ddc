import FIX
import TestData
import Testing

@Suite("Frames")
struct CodecTests {
    /// 2023-11-14 22:13:20 UTC is 1,700,000,000 seconds after the epoch.
    static let time: Int64 = 1_700_000_000_123_000
    static let header = HeaderTemplate(sender: Array("ISLD".utf8), target: Array("TW44".utf8))

    func written(_ type: MessageType, number: UInt64 = 1, _ body: (inout FrameWriter) -> Void) -> String {
        var writer = FrameWriter()
        writer.begin(type, number: number, header: Self.header, time: Self.time)
        body(&writer)
        writer.finish()
        return writer.withBytes { readable($0) }
    }

    @Test("A heartbeat's bytes are as counted by hand")
    func heartbeat() {
        // 35=0| 5, 34=1| 5, 49=ISLD| 8, 52=+21 and SOH 25, 56=TW44| 8: 51 bytes.
        let body = "35=0|34=1|49=ISLD|52=20231114-22:13:20.123|56=TW44|"
        #expect(body.count == 51)
        #expect(written(.heartbeat) { _ in } == readable(framed(body)))
    }

    @Test(
        "BodyLengths are the ones engines compare literally",
        arguments: [
            ("30", 63), ("2", 62),
        ])
    func logonLength(heartbeat: String, length: Int) {
        let frame = written(.logon) {
            $0.append(Tag.encryptMethod, 0)
            $0.append(Tag.heartBtInt, bytes: Array(heartbeat.utf8))
        }
        #expect(frame.hasPrefix("8=FIX.4.4|9=\(length)|35=A|"))
    }

    @Test("Heartbeat with HELLO is 61, two-digit number 52, ResendRequest 60, gap fill 93")
    func knownLengths() {
        #expect(written(.heartbeat) { $0.append(Tag.testReqID, text: "HELLO") }.contains("|9=61|"))
        #expect(written(.logout, number: 10) { _ in }.contains("|9=52|"))
        let resend = written(.resendRequest) {
            $0.append(Tag.beginSeqNo, 5)
            $0.append(Tag.endSeqNo, 0)
        }
        #expect(resend.contains("|9=60|"))
        var writer = FrameWriter()
        Resender.gapFill(1, next: 3, header: Self.header, now: Self.time, into: &writer)
        #expect(frames(writer)[0].contains("|9=93|"))
    }

    @Test(
        "Bodies of every length from 60 to 10,100 bytes get their length right",
        arguments: [60, 99, 100, 999, 1_000, 9_999, 10_000, 10_100])
    func lengths(target: Int) {
        var writer = FrameWriter(capacity: 64)
        writer.begin(.heartbeat, number: 1, header: Self.header, time: Self.time)
        writer.append(Tag.text, bytes: [UInt8](repeating: 0x41, count: target - 51 - 4))
        writer.finish()
        let bytes = writer.withBytes { Array($0) }
        #expect(FrameScanner.scan(bytes.span, lengthMax: 20_000) == .frame(bytes.count))
        #expect(readable(bytes).hasPrefix("8=FIX.4.4|9=\(target)|"))
    }

    @Test("Frames lie one behind the other without gaps")
    func manyFrames() {
        var writer = FrameWriter(capacity: 64)
        for number in 1...50 {
            writer.begin(.heartbeat, number: UInt64(number), header: Self.header, time: Self.time)
            if number % 3 == 0 { writer.append(Tag.text, bytes: [UInt8](repeating: 0x42, count: number * 30)) }
            writer.finish()
        }
        let texts = frames(writer)
        #expect(texts.count == 50)
        #expect(!texts.contains { $0.hasPrefix("NOT") })
        #expect(writer.frames == 50)
    }

    @Test(
        "Decimals are written without trailing zeros",
        arguments: [
            (0, "0"), (1, "0.001"), (10_000, "10"), (10_500, "10.5"), (-250, "-0.25"), (123_456_789, "123456.789"),
            (Int64.max, "9223372036854775.807"),
        ] as [(Int64, String)])
    func decimals(milli: Int64, text: String) {
        #expect(written(.heartbeat) { $0.append(44, milli: milli) }.contains("|44=\(text)|"))
    }

    @Test(
        "Whole numbers of every width are written",
        arguments: [0, 9, 10, 99, 100, 1_234_567, 999_999_999_999_999_999, 1_000_000_000_000_000_000, Int64.max])
    func integers(value: Int64) {
        #expect(written(.heartbeat) { $0.append(36, value) }.contains("|36=\(value)|"))
        #expect(written(.heartbeat) { $0.append(36, -value) }.contains("|36=\(-value)|"))
    }

    @Test(
        "Decimals are read exactly or not at all",
        arguments: [
            ("10", 10_000), ("10.5", 10_500), ("002000.00", 2_000_000), (".5", 500), ("12.", 12_000),
            ("-0.25", -250), ("0.001", 1), ("0.0010000", 1), ("0.0015", nil), ("+200.00", nil), ("1e3", nil),
            ("", nil), (".", nil), ("-", nil), ("1.2.3", nil), ("12a", nil),
            ("999999999999999", 999_999_999_999_999_000),
            ("9999999999999999", nil), (" 1", nil),
        ] as [(String, Int64?)])
    func decimalMilli(text: String, milli: Int64?) {
        let frame = framed("35=D|44=\(text)|38=1|")
        #expect(read(frame) { $0.decimalMilli(44) } == milli)
        #expect(read(frame) { $0.contains(44) })
    }

    @Test("Quantities accept zeros behind the point and nothing else")
    func quantities() {
        #expect(read(framed("35=D|38=200|")) { $0.quantity(38) } == 200)
        #expect(read(framed("35=D|38=200.00|")) { $0.quantity(38) } == 200)
        #expect(read(framed("35=D|38=200.5|")) { $0.quantity(38) } == nil)
        #expect(read(framed("35=D|38=+200|")) { $0.quantity(38) } == nil)
    }

    @Test(
        "Timestamps are read to the microsecond",
        arguments: [
            ("19700101-00:00:00", 0), ("20231114-22:13:20", 1_700_000_000_000_000),
            ("20231114-22:13:20.123", 1_700_000_000_123_000), ("20231114-22:13:20.123456", 1_700_000_000_123_456),
            ("20000229-12:00:00", 951_825_600_000_000), ("19691231-23:59:59", -1_000_000),
            ("20161231-23:59:60", 1_483_228_800_000_000),
            ("20230229-12:00:00", nil), ("20231301-00:00:00", nil), ("20231114-24:00:00", nil),
            ("20231114 22:13:20", nil), ("20231114", nil), ("20231114-22:13:20.12", nil), ("2023111x-22:13:20", nil),
        ] as [(String, Int64?)])
    func timestamps(text: String, micros: Int64?) {
        #expect(read(framed("35=D|60=\(text)|")) { $0.timestamp(60) } == micros)
    }

    @Test("Rendered times are read back, over 2,000 seeded instants of 1900 to 2100")
    func timestampRoundTrip() {
        var generator = SplitMix64(seed: 42)
        for _ in 0..<2_000 {
            let time = Int64.random(in: -2_208_988_800_000...4_102_444_800_000, using: &generator) * 1_000
            let frame = written(.heartbeat) { $0.append(60, timestamp: time) }
            #expect(read(wire(frame)) { $0.timestamp(60) } == time)
        }
    }

    @Test("Data fields may hold SOH, their length field says how long they are")
    func dataField() {
        let frame = framed("35=A|98=0|108=30|95=5|96=a|b|c|58=x|")
        #expect(read(frame) { $0.bytes(96) } == wire("a|b|c"))
        #expect(read(frame) { $0.string(58) } == "x")
        #expect(parsed(framed("35=A|95=400|96=abc|")) == .parsed, "a length beyond the frame is no length")
        #expect(parsed(framed("35=A|95=2|96=abc|")) == .garbled)
    }

    @Test(
        "Unreadable fields make a frame garbled",
        arguments: [
            "35=0|x=1|", "35=0|=1|", "35=0|12|", "35=0|1234567890123=1|", "34=1|35=0|", "35=0|-=1|",
        ])
    func garbledFields(body: String) {
        #expect(parsed(framed(body)) == .garbled)
    }

    @Test("512 fields are indexed, one more is reported as truncated")
    func fieldLimit() {
        // 8, 9, 35 and 10 are four of them.
        let full = framed("35=0|" + String(repeating: "58=a|", count: 508))
        #expect(!read(full) { $0.isTruncated })
        #expect(read(full) { $0.count } == 512)
        let over = framed("35=0|" + String(repeating: "58=a|", count: 509))
        #expect(read(over) { $0.isTruncated })
        #expect(read(over) { $0.count } == 512)
    }

    @Test("The first occurrence of a repeated tag is found, and the repetition noted")
    func repeated() {
        let frame = framed("35=D|40=1|54=1|40=2|")
        #expect(read(frame) { $0.char(40) } == UInt8(ascii: "1"))
        #expect(read(frame) { $0.repeatedTag } == 40)
        #expect(read(framed("35=D|40=1|5001=1|5001=2|")) { $0.repeatedTag } == 5_001)
    }

    @Test("An index is reused without remembering the frame before")
    func reuse() {
        var fields = FieldIndex()
        let outcomes = [
            fields.parse(framed("35=D|11=A|44=1|").span), fields.parse(framed("35=F|41=B|").span),
        ]
        let (first, second, text, type) = (fields.find(11), fields.find(44), fields.string(41), fields.messageType)
        #expect(outcomes == [.parsed, .parsed])
        #expect(first == nil && second == nil)
        #expect(text == "B")
        #expect(type == .orderCancelRequest)
    }

    @Test("There are 93 message types")
    func messageTypes() {
        var count = 0
        for first in UInt8(0x20)...0x7E {
            if MessageType(first).isDefined { count += 1 }
            for second in UInt8(0x20)...0x7E where MessageType(first, second).isDefined { count += 1 }
        }
        #expect(count == 93)
    }
}
