internal import CProcessor

/// The Castagnoli checksum (reflected polynomial 0x82F63B78, RFC 3720 appendix B.4), eight bytes a step: by the
/// processor's instruction, or by tables where it has none.
public enum CRC32C {
    /// Eight tables of 256: table k advances a byte by k further zero bytes (slicing by 8).
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 2048)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? (value >> 1) ^ 0x82F6_3B78 : value >> 1 }
            tables[byte] = value
        }
        for index in 256..<2048 {
            let before = tables[index - 256]
            tables[index] = (before >> 8) ^ tables[Int(before & 0xFF)]
        }
        return tables
    }()

    /// Whether the processor has an instruction for it (SSE 4.2).
    private static let hasInstruction = cprocessor_has_crc32c() != 0

    /// The checksum of `bytes`; that of the ASCII text `123456789` is 0xE3069283.
    public static func checksum(_ bytes: Span<UInt8>) -> UInt32 {
        guard hasInstruction else { return checksumByTables(bytes) }
        return unsafe bytes.withUnsafeBytes { bytes in
            unsafe ~cprocessor_crc32c(~0, bytes.baseAddress, UInt(bytes.count))
        }
    }

    /// The same on any processor.
    package static func checksumByTables(_ bytes: Span<UInt8>) -> UInt32 {
        unsafe tables.withUnsafeBufferPointer { tables in
            unsafe bytes.withUnsafeBytes { bytes in
                var crc = ~UInt32(0)
                var index = 0
                while index &+ 8 <= bytes.count {
                    let eight = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    let word = UInt64(littleEndian: eight) ^ UInt64(crc)
                    unsafe crc =
                        at(tables, 7, word) ^ at(tables, 6, word >> 8) ^ at(tables, 5, word >> 16)
                        ^ at(tables, 4, word >> 24) ^ at(tables, 3, word >> 32) ^ at(tables, 2, word >> 40)
                        ^ at(tables, 1, word >> 48) ^ at(tables, 0, word >> 56)
                    index &+= 8
                }
                while index < bytes.count {
                    unsafe crc = (crc >> 8) ^ at(tables, 0, UInt64(crc) ^ UInt64(bytes[index]))
                    index &+= 1
                }
                return ~crc
            }
        }
    }

    /// The entry of table `number` for the lowest byte of `word`.
    @inline(__always)
    private static func at(_ tables: UnsafeBufferPointer<UInt32>, _ number: Int, _ word: UInt64) -> UInt32 {
        unsafe tables[number &* 256 &+ Int(truncatingIfNeeded: word & 0xFF)]
    }
}
