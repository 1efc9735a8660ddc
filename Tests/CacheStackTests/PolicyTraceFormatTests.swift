import CacheStack
import Testing

@Suite("Trace formats")
struct PolicyTraceFormatTests {
    static func error(_ format: TraceFormat, _ bytes: [UInt8], keysMax: Int = TraceFormat.keysMax) -> String? {
        do {
            _ = try format.keys(in: bytes, keysMax: keysMax)
            return nil
        } catch { return error.description }
    }

    @Test("Lines of numbers, with break marks, blanks and without a newline at the end")
    func lirs() throws {
        #expect(try TraceFormat.lirs.keys(in: Array("5\n*\n 17\t\r\n\n18446744073709551615".utf8)) == [5, 17, .max])
        #expect(try TraceFormat.lirs.keys(in: []) == [])
    }

    @Test("Runs of keys, from start on and as many as the count says")
    func arc() throws {
        #expect(try TraceFormat.arc.keys(in: Array("7 3 0 1\n100 1 0 2\n9 0 0 3\n".utf8)) == [7, 8, 9, 100])
        #expect(try TraceFormat.arc.keys(in: Array("18446744073709551614 1".utf8)) == [.max - 1])
    }

    @Test("Binary keys in both byte orders")
    func words() throws {
        let bytes: [UInt8] = [0, 0, 1, 2, 255, 0, 0, 3]
        #expect(try TraceFormat.int32be.keys(in: bytes) == [0x102, 0xFF00_0003])
        #expect(try TraceFormat.int32le.keys(in: bytes) == [0x0201_0000, 0x0300_00FF])
        #expect(try TraceFormat.int64be.keys(in: bytes) == [0x0000_0102_FF00_0003])
    }

    @Test(
        "What is not a trace is said with its line or length",
        arguments: [
            (TraceFormat.lirs, "1\nx2\n", "line 2 has \"x2\" where a number must be"),
            (.lirs, "1\n-2\n", "line 2 has \"-2\" where a number must be"),
            (.lirs, "1 2\n", "line 1 has \"1 2\" where one number must be"),
            (.lirs, "18446744073709551616", "line 1 has \"18446744073709551616\" where a number of 64 bits must be"),
            (.lirs, "99999999999999999999", "line 1 has \"99999999999999999999\" where a number must be"),
            (.arc, "7 1\n\n7\n", "line 3 has \"7\" where start and count must be"),
            (.arc, "7 many\n", "line 1 has \"many\" where a number must be"),
            (.arc, "1 268435457", "more than 268435456 keys"),
            (
                .arc, "18446744073709551615 2",
                "line 1 has \"18446744073709551615 2\" where keys of 64 bits must be"
            ),
            (.int32be, "12345", "5 bytes are no whole number of 4-byte keys"),
            (.int32le, "123456", "6 bytes are no whole number of 4-byte keys"),
            (.int64be, "1234", "4 bytes are no whole number of 8-byte keys"),
        ])
    func malformed(format: TraceFormat, text: String, message: String) {
        #expect(Self.error(format, Array(text.utf8)) == message)
    }

    @Test("A trace may have as many keys as the limit and not one more")
    func limit() {
        let texts: [TraceFormat: (String, String)] = [
            .lirs: ("1\n2", "1\n2\n3"), .arc: ("1 2", "1 1\n5 2"), .int32be: ("12345678", "123456789012"),
            .int64be: ("1234567812345678", "123456781234567812345678"),
        ]
        for (format, (fits, exceeds)) in texts {
            #expect(Self.error(format, Array(fits.utf8), keysMax: 2) == nil)
            #expect(Self.error(format, Array(exceeds.utf8), keysMax: 2) == "more than 2 keys")
        }
    }
}
