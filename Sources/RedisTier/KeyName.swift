internal import CacheStack

/// The name of a key in L2 (`CacheKey.l2Name`) as bytes, with what is computed from it; reused from key to key.
struct KeyName {
    private(set) var bytes: [UInt8] = []

    /// Writes `st:<epoch>:<space>:<id>`.
    mutating func set(_ key: CacheKey, epoch: UInt32) {
        bytes.removeAll(keepingCapacity: true)
        bytes.append(UInt8(ascii: "s"))
        bytes.append(UInt8(ascii: "t"))
        append(UInt64(epoch))
        append(UInt64(key.space.rawValue))
        append(key.id)
    }

    private mutating func append(_ number: UInt64) {
        bytes.append(UInt8(ascii: ":"))
        CommandEncoder.decimal(number, to: &bytes)
    }

    /// `CacheKey.l2Hash`: FNV-1a-64 of the name.
    var hash: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }

    /// Its cluster slot; the name has no hash tag.
    var slot: UInt16 { KeySlot.crc16(bytes[...]) & UInt16(KeySlot.count - 1) }
}
