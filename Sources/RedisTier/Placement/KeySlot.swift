/// The 16,384 hash slots of Redis Cluster: CRC16/XMODEM of the key, or of its hash tag, modulo 16,384.
///
/// Source: Redis Cluster specification, "Key distribution model" and "Hash tags".
package enum KeySlot {
    /// Number of slots.
    package static let count = 16_384

    private static let table: [UInt16] = (0..<256).map { byte in
        var value = UInt16(byte) << 8
        for _ in 0..<8 { value = value & 0x8000 != 0 ? value << 1 ^ 0x1021 : value << 1 }
        return value
    }

    /// CRC16 with polynomial 0x1021, start 0, nothing reflected.
    package static func crc16(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        table.withUnsafeBufferPointer { table in
            bytes.withUnsafeBufferPointer { bytes in
                var crc: UInt16 = 0
                for byte in bytes { crc = crc << 8 ^ table[Int(UInt8(truncatingIfNeeded: crc >> 8) ^ byte)] }
                return crc
            }
        }
    }

    /// The bytes between the first `{` and the next `}`, if there is at least one; otherwise the whole key.
    package static func hashTag(_ key: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let open = key.firstIndex(of: UInt8(ascii: "{")) else { return key }
        let rest = key[(open + 1)...]
        guard let close = rest.firstIndex(of: UInt8(ascii: "}")), close > open + 1 else { return key }
        return rest[..<close]
    }

    /// The slot of a key.
    package static func of(_ key: ArraySlice<UInt8>) -> UInt16 {
        crc16(hashTag(key)) & UInt16(count - 1)
    }
}
