/// The bytes of an entry in L2: a certificate readable by scripts, the payload, and a checksum over both.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | `V` |
/// | 1 | 16 | version, zero-padded decimal |
/// | 17 | 16 | asOf ticket, at least the version |
/// | 33 | 16 | time of that snapshot, microseconds since 1970 UTC |
/// | 49 | 1 | format, 1 |
/// | 50 | 1 | flags: bit 0 = the row is absent; all others 0 |
/// | 51 | 2 | 0 |
/// | 53 | 4 | epoch, little endian |
/// | 57 | 8 | FNV-1a-64 of the L2 key, little endian |
/// | 65 | 4 | length of the payload, little endian |
/// | 69 | n | payload |
/// | 69+n | 4 | CRC32C of all bytes before it, little endian |
///
/// Numbers that scripts compare are decimal digits of equal width: Lua numbers are doubles, exact only to 2^53.
/// The format knows nothing of the newest ticket or of the time; whoever reads an entry judges those.
public enum EntryFormat {
    /// Why bytes are not an entry of the key they were found under.
    public enum Poison: String, Error, Sendable, Hashable {
        /// Shorter than an empty entry, or longer or shorter than its own length field says.
        case length
        /// Another kind, format, flag, or a number that is not 16 digits.
        case format
        /// The checksum does not match.
        case checksum
        /// The entry was written for another key.
        case foreignKey
        /// The version is above the ticket at which it is said to have been seen.
        case untrueCertificate
    }

    /// Bytes of an entry without payload.
    public static let overhead = 73
    /// Largest payload that is encoded or believed.
    public static let payloadMax = 1 << 20
    /// Bytes of the version field, and where the part after it (`rest` in the scripts) begins.
    public static let restOffset = 17

    /// The entry as bytes. `keyHash` is `fnv1a` of the L2 key's text.
    ///
    /// Tickets and times above 16 digits and payloads above `payloadMax` are programmer mistakes.
    public static func encode(_ entry: CertifiedEntry, keyHash: UInt64) -> [UInt8] {
        let payload = entry.payload ?? []
        let certificate = entry.certificate
        precondition(payload.count <= payloadMax, "a payload has at most \(payloadMax) bytes")
        precondition(certificate.asOfTime >= 0, "times are after 1970")
        var out: [UInt8] = []
        out.reserveCapacity(overhead + payload.count)
        out.append(UInt8(ascii: "V"))
        appendDigits(certificate.version.rawValue, to: &out)
        appendDigits(certificate.asOf.rawValue, to: &out)
        appendDigits(UInt64(certificate.asOfTime), to: &out)
        out.append(1)
        out.append(entry.payload == nil ? 1 : 0)
        appendLittleEndian(UInt16(0), to: &out)
        appendLittleEndian(certificate.epoch, to: &out)
        appendLittleEndian(keyHash, to: &out)
        appendLittleEndian(UInt32(payload.count), to: &out)
        out.append(contentsOf: payload)
        appendLittleEndian(CRC32C.checksum(out.span), to: &out)
        return out
    }

    /// The entry that `bytes` hold, or why they are poison. `keyHash` is that of the key that was asked for.
    public static func decode(_ bytes: [UInt8], key: CacheKey, keyHash: UInt64) -> Result<CertifiedEntry, Poison> {
        decode(bytes.span, key: key, keyHash: keyHash)
    }

    /// The same of bytes where they lie; only the payload is copied.
    public static func decode(
        _ bytes: Span<UInt8>, key: CacheKey, keyHash: UInt64
    ) -> Result<CertifiedEntry, Poison> {
        guard bytes.count >= overhead else { return .failure(.length) }
        guard bytes[0] == UInt8(ascii: "V"), bytes[49] == 1, bytes[50] & ~1 == 0, bytes[51] == 0, bytes[52] == 0,
            let version = digits(bytes, at: 1), let asOf = digits(bytes, at: 17), let time = digits(bytes, at: 33)
        else { return .failure(.format) }
        let length = Int(littleEndian(bytes, at: 65, count: 4))
        guard length <= payloadMax, bytes.count == overhead + length else { return .failure(.length) }
        let end = bytes.count - 4
        guard littleEndian(bytes, at: end, count: 4) == UInt64(CRC32C.checksum(bytes.extracting(0..<end))) else {
            return .failure(.checksum)
        }
        guard littleEndian(bytes, at: 57, count: 8) == keyHash else { return .failure(.foreignKey) }
        guard version <= asOf else { return .failure(.untrueCertificate) }
        let isAbsent = bytes[50] == 1
        guard !isAbsent || length == 0 else { return .failure(.format) }
        let certificate = Certificate(
            version: Ticket(version), asOf: Ticket(asOf), asOfTime: Int64(time),
            epoch: UInt32(littleEndian(bytes, at: 53, count: 4)))
        let payload = isAbsent ? nil : array(bytes.extracting(69..<end))
        return .success(CertifiedEntry(key: key, certificate: certificate, payload: payload))
    }

    /// `ticket` as the scripts compare it: 16 zero-padded decimal digits.
    public static func digits(_ ticket: Ticket) -> [UInt8] {
        var out: [UInt8] = []
        appendDigits(ticket.rawValue, to: &out)
        return out
    }

    /// The ticket in the 16 digits of `bytes` that start at `offset`; nil unless there are 16 digits.
    public static func ticket(_ bytes: [UInt8], at offset: Int) -> Ticket? {
        guard offset >= 0, bytes.count >= offset + 16 else { return nil }
        return digits(bytes.span, at: offset).map { Ticket($0) }
    }

    /// FNV-1a of 64 bits over `text`, as in the reference by Fowler, Noll and Vo.
    public static func fnv1a(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }

    private static func appendDigits(_ value: UInt64, to out: inout [UInt8]) {
        precondition(value < 10_000_000_000_000_000, "a ticket or time has at most 16 digits")
        var rest = value
        let start = out.count
        out.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 16))
        var index = start + 15
        while rest > 0 {
            out[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            index -= 1
        }
    }

    private static func digits(_ bytes: Span<UInt8>, at offset: Int) -> UInt64? {
        guard let high = eightDigits(littleEndian(bytes, at: offset, count: 8)),
            let low = eightDigits(littleEndian(bytes, at: offset + 8, count: 8))
        else { return nil }
        return high * 100_000_000 + low
    }

    /// The number in eight ASCII digits, the first in the lowest byte: pairs, fours and eights are added up at once.
    private static func eightDigits(_ text: UInt64) -> UInt64? {
        // A digit is 3 in the upper half of its byte, and stays so when 6 is added.
        let halves: UInt64 = 0xF0F0_F0F0_F0F0_F0F0
        guard text & halves == 0x3030_3030_3030_3030,
            (text &+ 0x0606_0606_0606_0606) & halves == 0x3030_3030_3030_3030
        else { return nil }
        let pairs = ((text & 0x0F0F_0F0F_0F0F_0F0F) &* 2_561) >> 8
        let fours = ((pairs & 0x00FF_00FF_00FF_00FF) &* 6_553_601) >> 16
        return ((fours & 0x0000_FFFF_0000_FFFF) &* 42_949_672_960_001) >> 32
    }

    private static func array(_ bytes: Span<UInt8>) -> [UInt8] {
        unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) }
    }

    private static func appendLittleEndian<Word: FixedWidthInteger>(_ value: Word, to out: inout [UInt8]) {
        for shift in stride(from: 0, to: Word.bitWidth, by: 8) { out.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    private static func littleEndian(_ bytes: Span<UInt8>, at offset: Int, count: Int) -> UInt64 {
        let field = bytes.extracting(offset..<offset + count)
        if count == 8 {
            return unsafe field.withUnsafeBytes { unsafe UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        }
        var value: UInt64 = 0
        for index in field.indices { value |= UInt64(field[index]) << UInt64(8 * index) }
        return value
    }
}

extension CacheKey {
    /// The key's name in L2: `st:<epoch>:<space>:<id>`, all decimal.
    ///
    /// The epoch is part of the name because tombstones of a lost history would refuse the versions of the new one.
    public func l2Name(epoch: UInt32) -> String { "st:\(epoch):\(space.rawValue):\(id)" }

    /// The hash that an entry of this key carries: FNV-1a-64 over `l2Name`.
    public func l2Hash(epoch: UInt32) -> UInt64 { EntryFormat.fnv1a(l2Name(epoch: epoch)) }
}
