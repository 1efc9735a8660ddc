/// Where a request stands in a distributed trace: the 25 bytes that W3C Trace Context calls `traceparent`.
///
/// A fixed-size value. Reading and writing the text form costs no allocation. The text is
/// `00-<trace id, 32 hex>-<span id, 16 hex>-<flags, 2 hex>`, 55 characters, lower case only (W3C Trace Context level 2,
/// section 3.2). `tracestate` is not carried.
public struct TraceContext: Sendable, Hashable {
    /// The first eight bytes of the trace id, most significant first.
    public let traceHigh: UInt64
    /// The last eight bytes of the trace id.
    public let traceLow: UInt64
    /// The span that is the parent of what follows.
    public let span: UInt64
    /// Bit 0: sampled. Bit 1: the trace id is random. Other bits are not carried on.
    public let flags: UInt8

    /// Length of the text form.
    public static let textLength = 55
    /// Bit 0 of `flags`.
    public static let sampledFlag: UInt8 = 1
    /// Bit 1 of `flags`.
    public static let randomFlag: UInt8 = 2

    /// A context of those parts; nil where the trace id or the span id is zero, which the standard forbids.
    public init?(traceHigh: UInt64, traceLow: UInt64, span: UInt64, flags: UInt8) {
        guard traceHigh | traceLow != 0, span != 0 else { return nil }
        self.init(known: (traceHigh, traceLow), span: span, flags: flags)
    }

    /// A context whose ids are known not to be zero.
    private init(known trace: (UInt64, UInt64), span: UInt64, flags: UInt8) {
        (traceHigh, traceLow) = trace
        self.span = span
        self.flags = flags & (Self.sampledFlag | Self.randomFlag)
    }

    /// The root of one request's trace: the same seed and request always give the same ids, none of them zero.
    ///
    /// The ids are three draws of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) from a state that both numbers are
    /// mixed into, so that requests of one run and runs of other seeds do not meet.
    ///
    /// - Parameter isSampled: bit 0 of the flags; bit 1 (random) is set, since every bit of the id is mixed.
    public static func root(seed: UInt64, request: UInt64, isSampled: Bool = true) -> TraceContext {
        let state = TraceMix.mixed(seed &+ TraceMix.step) &+ TraceMix.mixed(request ^ 0x7472_6163_6569_6473)
        let high = TraceMix.mixed(state &+ TraceMix.step)
        let low = TraceMix.mixed(state &+ TraceMix.step &* 2)
        let span = TraceMix.mixed(state &+ TraceMix.step &* 3)
        return TraceContext(
            known: (high, low | (high == 0 ? 1 : 0)), span: span == 0 ? 1 : span,
            flags: randomFlag | (isSampled ? sampledFlag : 0))
    }

    /// Whether whoever began the trace records it.
    public var isSampled: Bool { flags & Self.sampledFlag != 0 }

    /// The same trace below another span, which must not be 0.
    public func under(_ span: UInt64) -> TraceContext {
        precondition(span != 0, "a span id is not zero")
        return TraceContext(known: (traceHigh, traceLow), span: span, flags: flags)
    }

    /// The same trace below a span whose id is made of this span's id and a number: equal numbers give equal ids.
    public func child(_ ordinal: UInt64) -> TraceContext {
        let mixed = TraceMix.mixed(span ^ TraceMix.mixed(ordinal &+ TraceMix.step))
        return under(mixed == 0 ? 1 : mixed)
    }
}

extension TraceContext: CustomStringConvertible {
    /// The context in a text; nil for a text that must be ignored.
    ///
    /// Refused are version `ff`, ids of zeros only, upper case, and every length but 55. Of a version above 00 the
    /// first 55 characters are read if nothing or a `-` follows (section 3.2.4 of the standard).
    public init?(_ text: Span<UInt8>) {
        let length = Self.textLength
        guard text.count >= length, let version = Self.hex(text, 0, 2), version != 0xFF else { return nil }
        if text.count > length {
            guard version > 0, text[length] == UInt8(ascii: "-") else { return nil }
        }
        let dash = UInt8(ascii: "-")
        guard text[2] == dash, text[35] == dash, text[52] == dash else { return nil }
        guard let high = Self.hex(text, 3, 16), let low = Self.hex(text, 19, 16), let span = Self.hex(text, 36, 16),
            let flags = Self.hex(text, 53, 2)
        else { return nil }
        self.init(traceHigh: high, traceLow: low, span: span, flags: UInt8(truncatingIfNeeded: flags))
    }

    /// The context in a text, such as an HTTP field; see `init(_:)` of its bytes.
    public init?(_ text: String) { self.init(Array(text.utf8).span) }

    /// The text form, always of version 00.
    public var text: InlineArray<55, UInt8> {
        var out = InlineArray<55, UInt8>(repeating: UInt8(ascii: "-"))
        Self.put(0, 2, at: 0, &out)
        Self.put(traceHigh, 16, at: 3, &out)
        Self.put(traceLow, 16, at: 19, &out)
        Self.put(span, 16, at: 36, &out)
        Self.put(UInt64(flags), 2, at: 53, &out)
        return out
    }

    /// The text form as a `String`; for cold paths.
    public var description: String {
        let text = text
        return unsafe String(unsafeUninitializedCapacity: Self.textLength) { buffer in
            for index in 0..<Self.textLength { unsafe buffer[index] = text[index] }
            return Self.textLength
        }
    }

    private static func put(_ value: UInt64, _ digits: Int, at start: Int, _ out: inout InlineArray<55, UInt8>) {
        for index in 0..<digits {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * (digits - 1 - index))) & 15
            out[start + index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        }
    }

    /// The value of up to 16 lower-case hexadecimal digits; nil for anything else.
    private static func hex(_ text: Span<UInt8>, _ start: Int, _ count: Int) -> UInt64? {
        var value: UInt64 = 0
        for index in start..<(start + count) {
            switch text[index] {
            case let byte where byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"):
                value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
            case let byte where byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f"):
                value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }
}

/// The mixing function of SplitMix64: ids that look random and depend on nothing but their parts.
enum TraceMix {
    /// The golden ratio in 64 bits.
    static let step: UInt64 = 0x9E37_79B9_7F4A_7C15

    static func mixed(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
