internal import CacheStack

/// The name of a key in L2 (`CacheKey.l2Name`) as bytes, with what is computed from it; reused from key to key.
///
/// Kept as the GET that asks for it. From one key to the next of the same space only the digits of the id are written
/// and hashed anew.
struct KeyName {
    /// The whole command: GET of this key.
    private(set) var command: [UInt8] = []
    /// `CacheKey.l2Hash`: FNV-1a-64 of the name.
    private(set) var hash: UInt64 = 0
    /// Where the name begins in `command`, and where its id does.
    private var start = 0
    private var idStart = 0
    /// The hash of what stands before the id.
    private var prefixHash: UInt64 = 0
    private var space: UInt16 = 0
    private var epoch: UInt32 = 0

    private static let getHead = Array("*2\r\n$3\r\nGET\r\n".utf8)

    /// The bytes of the name.
    var bytes: ArraySlice<UInt8> { command[start..<command.count - 2] }

    /// Writes `st:<epoch>:<space>:<id>`.
    mutating func set(_ key: CacheKey, epoch: UInt32) {
        let digits = CommandEncoder.digits(key.id)
        if space != key.space.rawValue || self.epoch != epoch || command.count != idStart + digits + 2 {
            begin(key, epoch: epoch, digits: digits)
        }
        let first = idStart
        var hash = prefixHash
        command.withUnsafeMutableBufferPointer { bytes in
            var rest = key.id
            for index in (first..<first + digits).reversed() {
                bytes[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            for index in first..<first + digits { hash = Self.mix(hash, bytes[index]) }
        }
        self.hash = hash
    }

    /// Lays out the command with zeros in the place of the id's digits.
    private mutating func begin(_ key: CacheKey, epoch: UInt32, digits: Int) {
        (space, self.epoch) = (key.space.rawValue, epoch)
        let prefix = CommandEncoder.digits(UInt64(epoch)) + CommandEncoder.digits(UInt64(space)) + 5
        command.removeAll(keepingCapacity: true)
        command.append(contentsOf: Self.getHead)
        command.append(UInt8(ascii: "$"))
        CommandEncoder.decimal(UInt64(prefix + digits), to: &command)
        command.append(contentsOf: [13, 10])
        start = command.count
        command.append(contentsOf: "st:".utf8)
        CommandEncoder.decimal(UInt64(epoch), to: &command)
        command.append(UInt8(ascii: ":"))
        CommandEncoder.decimal(UInt64(space), to: &command)
        command.append(UInt8(ascii: ":"))
        idStart = command.count
        prefixHash = command[start...].reduce(0xCBF2_9CE4_8422_2325, Self.mix)
        command.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: digits))
        command.append(contentsOf: [13, 10])
    }

    /// A step of FNV-1a-64.
    private static func mix(_ hash: UInt64, _ byte: UInt8) -> UInt64 { (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }

    /// Its cluster slot; the name has no hash tag.
    var slot: UInt16 { KeySlot.crc16(bytes) & UInt16(KeySlot.count - 1) }
}
