import FIX
import TestData
import Testing

@Suite("Finding frames in a stream")
struct ScannerTests {
    let good = framed("35=0|34=2|49=A|56=B|52=20231114-22:13:20|")

    @Test("Every proper prefix of a frame needs more bytes")
    func prefixes() {
        for length in 0..<good.count {
            #expect(FrameScanner.scan(Array(good[..<length]).span) == .needMore, "prefix of \(length)")
        }
        #expect(FrameScanner.scan(good.span) == .frame(good.count))
        #expect(FrameScanner.scan((good + good).span) == .frame(good.count))
    }

    @Test("Garbage before a frame is dropped up to the frame")
    func garbage() {
        #expect(FrameScanner.scan((wire("hello|8=x") + good).span) == .garbled(9))
        #expect(FrameScanner.scan(wire("GET / HTTP/1.1").span) == .garbled(14))
        // The end may be the start of a frame.
        #expect(FrameScanner.scan(wire("abc8=F").span) == .garbled(3))
    }

    @Test("A wrong checksum drops exactly that frame")
    func checksum() {
        var bad = good
        bad[20] ^= 1
        #expect(FrameScanner.scan((bad + good).span) == .garbled(good.count))
        let over = wire("8=FIX.4.4|9=5|35=0|10=256|")
        #expect(FrameScanner.scan((over + good).span) == .garbled(over.count))
    }

    @Test("A BodyLength that is too short drops that frame, one too long swallows the next")
    func wrongLength() {
        let text = readable(good)
        let short = wire(text.replacing("|9=41|", with: "|9=31|"))
        #expect(short != good)
        #expect(FrameScanner.scan((short + good).span) == .garbled(good.count))
        let long = wire(text.replacing("|9=41|", with: "|9=51|"))
        #expect(FrameScanner.scan(long.span) == .needMore)
        #expect(FrameScanner.scan((long + good).span) == .garbled(2 * good.count))
    }

    @Test("A length that is no number or too great, and a BeginString without end")
    func unreadable() {
        #expect(FrameScanner.scan(wire("8=FIX.4.4|9=x|35=0|10=000|").span) == .garbled(26))
        #expect(FrameScanner.scan(wire("8=FIX.4.4|35=0|9=5|10=000|").span) == .garbled(26))
        #expect(FrameScanner.scan(wire("8=FIX.4.4|9=8200|").span) == .oversized)
        #expect(FrameScanner.scan(wire("8=FIX.4.4|9=999999999|").span) == .oversized)
        #expect(FrameScanner.scan(wire("8=FIXFIXFIXFIXFIXFIXFIXFIX").span) == .needMore)
    }

    @Test("A frame of exactly the limit passes, one more byte does not")
    func limit() {
        // Prefix 8=FIX.4.4|9=8000| is 17 bytes, the trailer 7.
        let body = "35=0|58=" + String(repeating: "x", count: 7_991) + "|"
        let frame = framed(body)
        #expect(body.count == 8_000 && frame.count == 8_024)
        #expect(FrameScanner.scan(frame.span, lengthMax: 8_024) == .frame(8_024))
        #expect(FrameScanner.scan(frame.span, lengthMax: 8_023) == .oversized)
    }

    @Test("200,000 seeded mutations of valid frames never crash, and what is accepted was valid")
    func fuzz() {
        let seeds: [[UInt8]] = [
            good,
            framed(
                "35=D|34=3|49=A|56=B|52=20231114-22:13:20.123|11=X1|1=17|55=600536|54=1|38=100|40=2|44=10.5|60=20231114-22:13:20|453=1|448=a|447=D|452=3|"
            ),
            framed("35=A|34=1|49=A|56=B|52=20231114-22:13:20|98=0|108=30|95=3|96=a|b|"),
            framed("35=4|34=1|49=A|56=B|52=20231114-22:13:20|36=10|123=Y|"),
        ]
        let seed: UInt64 = 20_231_114
        var generator = SplitMix64(seed: seed)
        var fields = FieldIndex()
        var machine = SessionMachine(
            .init(role: .acceptor, header: HeaderTemplate(sender: Array("B".utf8), target: Array("A".utf8))))
        var writer = FrameWriter()
        var accepted = 0
        for round in 0..<200_000 {
            var bytes = seeds[Int.random(in: 0..<seeds.count, using: &generator)]
            mutate(&bytes, using: &generator)
            // Half of them get a right checksum and length again, so that they reach the parser and the dictionary.
            if round % 2 == 0 { bytes = repaired(bytes) }
            var position = 0
            var steps = 0
            while position < bytes.count {
                steps += 1
                #expect(steps < 10_000, "the scanner makes progress; seed \(seed), round \(round)")
                let rest = Array(bytes[position...])
                switch FrameScanner.scan(rest.span) {
                case .needMore, .oversized: position = bytes.count
                case .garbled(let count):
                    #expect(count > 0)
                    position += count
                case .frame(let length):
                    accepted += 1
                    if fields.parse(Array(rest[..<length]).span) == .parsed {
                        feed(&machine, fields, &writer)
                    }
                    position += length
                }
            }
        }
        #expect(accepted > 50_000, "half of the mutated frames reach the machine; seed \(seed)")
    }

    private func feed(_ machine: inout SessionMachine, _ fields: borrowing FieldIndex, _ writer: inout FrameWriter) {
        writer.removeAll()
        let now: Int64 = 1_700_000_000_000_000
        if machine.state != .active {
            machine.connected(now: now, into: &writer)
            let logon = index(framed("35=A|34=1|49=A|56=B|52=20231114-22:13:20|98=0|108=30|141=Y|"))
            _ = machine.received(logon, now: now, into: &writer)
        }
        _ = machine.received(fields, now: now, into: &writer)
    }

    private func mutate(_ bytes: inout [UInt8], using generator: inout SplitMix64) {
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let at = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.remove(at: at)
            case 2: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: at)
            case 3: bytes[at] = [1, 0x3D, 0x30, 0x39, 0x2D][Int.random(in: 0..<5, using: &generator)]
            case 4: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 12)], at: at)
            default: bytes.swapAt(at, Int.random(in: 0..<bytes.count, using: &generator))
            }
            if bytes.isEmpty { bytes = [0] }
        }
    }

    /// Recomputes 9 and 10 around whatever stands between them.
    private func repaired(_ bytes: [UInt8]) -> [UInt8] {
        guard let first = bytes.firstIndex(of: 1), let second = bytes[(first + 1)...].firstIndex(of: 1),
            bytes.count - 7 > second
        else { return bytes }
        var body = Array(bytes[(second + 1)..<(bytes.count - 7)])
        if body.last != 1 { body.append(1) }
        return framed(readable(body.map { $0 == UInt8(ascii: "|") ? 0x2F : $0 }.map { $0 > 127 ? 0x3F : $0 }))
    }
}
