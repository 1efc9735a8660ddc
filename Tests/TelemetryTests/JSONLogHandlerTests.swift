import Glibc
import Logging
import Telemetry
import Testing

@Suite("JSON log lines")
struct JSONLogHandlerTests {
    /// What a logger wrote into a pipe.
    private func written(_ time: Int64 = 1_790_730_600_123_456, _ use: (Logger) -> Void) -> String {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return "no pipe" }
        let descriptor = ends[1]
        use(Logger(label: "gateway") { JSONLogHandler(label: $0, descriptor: descriptor, now: { time }) })
        close(ends[1])
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = read(ends[0], &chunk, chunk.count)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        close(ends[0])
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("One event is one line, metadata in key order")
    func line() {
        let text = written { logger in
            var logger = logger
            logger[metadataKey: "node"] = "n1"
            logger.info("session up", metadata: ["count": "\(3)", "comp": .array(["A", "B"]), "a": ["k": "v"]])
        }
        // 1,790,730,600 s = 2026-09-30 01:10:00 UTC: 20,726 days after the epoch and 4,200 s.
        #expect(
            text == #"{"ts":"2026-09-30T01:10:00.123456Z","level":"info","logger":"gateway","msg":"session up","#
                + #""a":{"k":"v"},"comp":["A","B"],"count":"3","node":"n1"}"# + "\n")
    }

    @Test("Control characters, quotes and foreign scripts survive, reserved keys are renamed")
    func escapes() {
        let text = written { $0.warning("a\"b\\c\nd\t\u{1}\u{7F}é中", metadata: ["msg": "x"]) }
        #expect(text.contains(#""msg":"a\"b\\c\nd\t\u0001\u007fé中","msg_":"x"}"#))
        #expect(text.filter { $0 == "\n" }.count == 1)
    }

    @Test("Levels below the handler's are not written")
    func level() {
        #expect(written { $0.debug("quiet") }.isEmpty)
        #expect(written { $0.error("loud") }.contains(#""level":"error""#))
    }

    @Test("Leap days, year ends and times before 1970 are written right")
    func calendar() {
        // 951,782,400 = 2000-02-29; 1,735,689,599 = 2024-12-31T23:59:59; -1 us = the last of 1969.
        for (time, expected) in [
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_735_689_599_999_999, "2024-12-31T23:59:59.999999Z"),
            (-1, "1969-12-31T23:59:59.999999Z"), (0, "1970-01-01T00:00:00.000000Z"),
        ] as [(Int64, String)] {
            #expect(written(time) { $0.info("x") }.contains("\"ts\":\"\(expected)\""))
        }
    }

    @Test("A reader that is gone loses the line, not the process")
    func closedDescriptor() {
        let logger = Logger(label: "x") { JSONLogHandler(label: $0, descriptor: -1) }
        logger.error("nowhere")
        #expect(JSONText.number(.infinity) == "null" && JSONText.number(2) == "2" && JSONText.number(0.5) == "0.5")
    }
}
