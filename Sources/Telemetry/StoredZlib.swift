/// A zlib stream (RFC 1950) whose deflate blocks (RFC 1951) are all stored: valid for every inflater, no compression.
enum StoredZlib {
    private static let blockMax = 65_535

    static func deflate(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = [0x78, 0x01]
        var start = 0
        repeat {
            let end = min(start + blockMax, bytes.count)
            let length = UInt16(end - start)
            out.append(end == bytes.count ? 1 : 0)
            for word in [length, ~length] { out += [UInt8(word & 0xFF), UInt8(word >> 8)] }
            out += bytes[start..<end]
            start = end
        } while start < bytes.count
        let sum = adler32(bytes)
        return out + [UInt8(sum >> 24), UInt8(sum >> 16 & 0xFF), UInt8(sum >> 8 & 0xFF), UInt8(sum & 0xFF)]
    }

    static func inflate(_ bytes: [UInt8]) throws(HDRHistogramDecodingError) -> [UInt8] {
        guard bytes.count >= 6 else { throw .truncated }
        guard bytes[0] & 0x0F == 8, (Int(bytes[0]) << 8 | Int(bytes[1])) % 31 == 0 else { throw .corrupt }
        var out: [UInt8] = []
        var at = 2
        var isLast = false
        while !isLast {
            guard at + 5 <= bytes.count else { throw .truncated }
            guard bytes[at] & 0b110 == 0 else { throw .compressedBlocks }
            isLast = bytes[at] & 1 == 1
            let length = Int(bytes[at + 1]) | Int(bytes[at + 2]) << 8
            guard length ^ 0xFFFF == Int(bytes[at + 3]) | Int(bytes[at + 4]) << 8 else { throw .corrupt }
            at += 5
            guard at + length <= bytes.count else { throw .truncated }
            out += bytes[at..<at + length]
            at += length
        }
        guard at + 4 <= bytes.count else { throw .truncated }
        guard bytes[at..<at + 4].reduce(0, { $0 << 8 | UInt32($1) }) == adler32(out) else { throw .corrupt }
        return out
    }

    static func adler32(_ bytes: [UInt8]) -> UInt32 {
        var (low, high): (UInt32, UInt32) = (1, 0)
        for byte in bytes {
            low = (low + UInt32(byte)) % 65_521
            high = (high + low) % 65_521
        }
        return high << 16 | low
    }
}

/// Base64 (RFC 4648) with padding.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for position in 0..<4 {
                let isPadding = position > group.count
                out.append(isPadding ? UInt8(ascii: "=") : alphabet[word >> (18 - 6 * position) & 63])
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    static func decode(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count.isMultiple(of: 4) else { return nil }
        let body = characters.prefix(while: { $0 != UInt8(ascii: "=") })
        guard characters.count - body.count <= 2, characters[body.count...].allSatisfy({ $0 == UInt8(ascii: "=") })
        else { return nil }
        var out: [UInt8] = []
        var (word, bits) = (0, 0)
        for character in body {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            word = (word << 6 | value) & 0xFFFF
            bits += 6
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(word >> bits & 0xFF))
            }
        }
        return out
    }
}
