internal import FIX

/// The ids a run gives its requests (FIX tag 11): 18 characters, base 32 with the digits 0-9 A-V.
///
/// Seven characters name the run, so that two runs never collide; seven count its requests (34 billion); four say
/// which slot of the request table waits for the answer.
struct ClientOrderID {
    static let length = 18
    static let slotMax = (1 << 20) - 1
    private static let runLength = 7
    private static let digits: StaticString = "0123456789ABCDEFGHIJKLMNOPQRSTUV"

    let run: UInt64

    /// Ids of one run; the low 35 bits count.
    init(run: UInt64) { self.run = run & ((1 << 35) - 1) }

    func append(_ tag: Int, slot: Int32, id: UInt64, to writer: inout FrameWriter) {
        writer.openField(tag)
        put(run, 7, &writer)
        put(id, 7, &writer)
        put(UInt64(slot), 4, &writer)
        writer.putByte(1)
    }

    private func put(_ value: UInt64, _ width: Int, _ writer: inout FrameWriter) {
        for position in (0..<width).reversed() {
            writer.putByte(unsafe Self.digits.utf8Start[Int(value >> UInt64(5 * position) & 31)])
        }
    }

    /// The request that an id of this run names; nil for ids of others.
    func parse(_ text: Span<UInt8>) -> (slot: Int32, id: UInt64)? {
        guard text.count == Self.length, let found = Self.number(text, 0, 7), found == run,
            let id = Self.number(text, 7, 7), let slot = Self.number(text, 14, 4)
        else { return nil }
        return (Int32(slot), id)
    }

    private static func number(_ text: Span<UInt8>, _ start: Int, _ width: Int) -> UInt64? {
        var value: UInt64 = 0
        for index in start..<start + width {
            let character = text[index]
            switch character {
            case 48...57: value = value << 5 | UInt64(character - 48)
            case 65...86: value = value << 5 | UInt64(character - 55)
            default: return nil
            }
        }
        return value
    }
}
