import Telemetry
import TestData
import Testing

@Suite("traceparent")
struct TraceContextTests {
    /// The example of the standard, section 3.2.2.4.
    static let example: String = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test("The standard's example is read into its parts and written back")
    func example() throws {
        let context = try #require(TraceContext(Self.example))
        #expect(context.traceHigh == 0x4BF9_2F35_77B3_4DA6)
        #expect(context.traceLow == 0xA3CE_929D_0E0E_4736)
        #expect(context.span == 0x00F0_67AA_0BA9_02B7)
        #expect(context.flags == 1 && context.isSampled)
        #expect(context.description == Self.example)
        #expect(context.text.count == TraceContext.textLength)
        let other = try #require(TraceContext("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"))
        #expect(!other.isSampled)
    }

    /// What a reader must ignore: sections 3.2.2.1 to 3.2.2.5 and 3.2.4, after the cases of the standard's test suite.
    static let ignored: [String] = [
        "", "00", "garbage",
        // Version ff is forbidden; versions are two lower-case digits.
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "000-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ".0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "CC-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        // Ids of zeros only.
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        // Upper case, in each field.
        "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
        // No digits.
        "00-.bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-.0f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-.0",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        // Too short, too long, wrong separators.
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e47361-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-010",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        // A higher version whose first 55 characters are followed by something else than a dash.
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what-the-future-brings",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-010",
    ]

    @Test("What the standard tells to ignore is ignored", arguments: Self.ignored)
    func refused(text: String) { #expect(TraceContext(text) == nil) }

    @Test(
        "Of a higher version the first 55 characters are read; version 00 is written",
        arguments: [
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "fe-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings",
        ])
    func future(text: String) throws {
        let context = try #require(TraceContext(text))
        #expect(context.description == Self.example)
    }

    @Test("Flags beyond sampled and random are read and not carried on")
    func flags() {
        for flags in UInt8(0)...255 {
            let digits = String(flags, radix: 16)
            let text = Self.example.dropLast(2) + (flags < 16 ? "0" : "") + digits
            #expect(TraceContext(String(text))?.flags == flags & 3)
        }
        #expect(TraceContext(traceHigh: 0, traceLow: 1, span: 1, flags: 0xFF)?.flags == 3)
    }

    @Test("An id of zero is refused, half a trace id of zero is not")
    func zeros() {
        #expect(TraceContext(traceHigh: 0, traceLow: 0, span: 1, flags: 1) == nil)
        #expect(TraceContext(traceHigh: 1, traceLow: 1, span: 0, flags: 1) == nil)
        #expect(
            TraceContext(traceHigh: 0, traceLow: 1, span: .max, flags: 1)?.description
                == "00-00000000000000000000000000000001-ffffffffffffffff-01")
    }

    @Test("Random contexts survive writing and reading")
    func roundTrip() throws {
        var random = SplitMix64(seed: 11)
        for _ in 0..<10_000 {
            let context = try #require(
                TraceContext(
                    traceHigh: random.next(), traceLow: random.next(), span: random.next() | 1,
                    flags: UInt8(truncatingIfNeeded: random.next() & 3)))
            #expect(TraceContext(context.description) == context)
        }
    }

    @Test("Random changes of one byte are read as what they say, or not at all")
    func mutations() {
        var random = SplitMix64(seed: 12)
        let text = Array(Self.example.utf8)
        for _ in 0..<20_000 {
            var changed = text
            changed[Int(random.next() % 55)] = UInt8(truncatingIfNeeded: random.next())
            guard let context = TraceContext(changed.span) else { continue }
            // What was taken differs from the text in the version and in flags that are not carried on.
            #expect(Array(context.description.utf8)[2..<53] == changed[2..<53])
        }
    }

    @Test("A seed gives each request a root of its own, the same ones in every run")
    func roots() {
        #expect(TraceContext.root(seed: 7, request: 1) == TraceContext.root(seed: 7, request: 1))
        #expect(TraceContext.root(seed: 7, request: 1).flags == 3)
        #expect(!TraceContext.root(seed: 7, request: 1, isSampled: false).isSampled)
        var traces: Set<[UInt64]> = []
        var spans: Set<UInt64> = []
        for seed in UInt64(0)..<10 {
            for request in UInt64(0)..<10_000 {
                let root = TraceContext.root(seed: seed, request: request)
                traces.insert([root.traceHigh, root.traceLow])
                spans.insert(root.span)
                #expect(TraceContext(root.description) == root)
            }
        }
        #expect(traces.count == 100_000)
        #expect(spans.count == 100_000)
    }

    @Test("Another span of the same trace keeps everything else")
    func under() throws {
        let context = try #require(TraceContext(Self.example))
        #expect(context.under(0xAB).description == "00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000ab-01")
    }
}
