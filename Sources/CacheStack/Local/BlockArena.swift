internal import Synchronization

/// Blocks for payloads above 64 bytes: powers of two from 128 bytes, by buddies, from regions that stay mapped.
///
/// A reader may still copy from a block that was freed and given away again: its memory must stay readable, and words
/// are only ever stored atomically. So regions are returned when the arena is, not before; neighbours that are free
/// join again, so that they serve blocks of every size. A region is 1 MiB, less for a small shard, or as large as the
/// one block that needs more. What the blocks' owner may hold is the owner's matter.
///
/// Not thread-safe: the shard's lock guards it. Sendable unchecked: it cannot be copied and owns its memory.
@safe
struct BlockArena: ~Copyable, @unchecked Sendable {
    static let unitBytes = 128

    @safe
    private struct Region {
        let words: UnsafeMutablePointer<AtomicWord>
        let firstUnit: Int
        let order: Int

        var address: UInt { unsafe UInt(bitPattern: words) }
        var units: Int { 1 << order }
    }

    private struct Link {
        var previous: Int32
        var next: Int32
    }

    private static let isFree: UInt8 = 0x80
    private static let isTaken: UInt8 = 0x40

    private let regionOrder: Int
    /// By address, ascending.
    private var regions: [Region] = []
    /// Of each unit that begins a block: its kind and order; zero within a block.
    private var states: [UInt8] = []
    private var links: [Link] = []
    /// First free block of each order; -1 where there is none.
    private var heads = [Int32](repeating: -1, count: 48)
    /// Bytes of all regions.
    private(set) var reservedBytes = 0

    /// An arena whose regions suit blocks of `bytesMax` in all.
    init(bytesMax: Int) {
        var order = 3
        while order < 13, Self.unitBytes << (order + 2) < bytesMax { order += 1 }
        regionOrder = order
    }

    deinit {
        for region in regions { unsafe region.words.deallocate() }
    }

    /// Bytes of the block for a payload: none where it fits into a slot, else the next power of two.
    static func size(_ length: Int) -> Int {
        guard length > SlotMemory.inlineBytes else { return 0 }
        return 1 << (Int.bitWidth - (length - 1).leadingZeroBitCount)
    }

    private static func order(_ bytes: Int) -> Int { (bytes / unitBytes).trailingZeroBitCount }

    /// A block that holds the payload, by its address; the payload has more than 64 bytes.
    mutating func store(_ payload: UnsafeRawBufferPointer) -> UInt64 {
        let wanted = Self.order(Self.size(payload.count))
        var order = wanted
        while order < heads.count, heads[order] < 0 { order += 1 }
        if order == heads.count {
            order = max(wanted, regionOrder)
            addRegion(order)
        }
        let unit = heads[order]
        unlink(unit, order)
        while order > wanted {
            order -= 1
            push(unit + 1 << order, order)
        }
        states[Int(unit)] = Self.isTaken | UInt8(wanted)
        let region = regions.first { Int(unit) >= $0.firstUnit && Int(unit) < $0.firstUnit + $0.units }
        guard let region = region else { preconditionFailure("every unit is in a region") }
        let words = unsafe region.words + (Int(unit) - region.firstUnit) * (Self.unitBytes / 8)
        unsafe SlotMemory.store(payload, to: words)
        return UInt64(UInt(bitPattern: words))
    }

    /// Frees the block at an address that `store` gave.
    mutating func free(_ address: UInt64) {
        let region = region(of: address)
        var unit = Self.unit(address, in: region)
        var order = Int(states[Int(unit)] & ~Self.isTaken)
        precondition(states[Int(unit)] == Self.isTaken | UInt8(order), "only a block that is taken is freed")
        states[Int(unit)] = 0
        let first = Int32(region.firstUnit)
        while order < region.order {
            let buddy = first + ((unit - first) ^ (1 << order))
            guard states[Int(buddy)] == Self.isFree | UInt8(order) else { break }
            unlink(buddy, order)
            unit = min(unit, buddy)
            order += 1
        }
        push(unit, order)
    }

    private func region(of address: UInt64) -> Region {
        var (low, high) = (0, regions.count - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            if regions[middle].address <= UInt(address) { low = middle } else { high = middle - 1 }
        }
        return regions[low]
    }

    private static func unit(_ address: UInt64, in region: Region) -> Int32 {
        Int32(region.firstUnit + Int(UInt(address) - region.address) / unitBytes)
    }

    private mutating func addRegion(_ order: Int) {
        let bytes = Self.unitBytes << order
        let words = unsafe UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: Self.unitBytes)
            .bindMemory(to: AtomicWord.self, capacity: bytes / 8)
        let region = unsafe Region(words: words, firstUnit: states.count, order: order)
        let place = regions.firstIndex { $0.address > region.address } ?? regions.count
        regions.insert(region, at: place)
        precondition(states.count + 1 << order <= Int(Int32.max), "blocks have less than 2^31 units")
        states += [UInt8](repeating: 0, count: 1 << order)
        links += [Link](repeating: Link(previous: -1, next: -1), count: 1 << order)
        reservedBytes += bytes
        push(Int32(region.firstUnit), order)
    }

    private mutating func push(_ unit: Int32, _ order: Int) {
        states[Int(unit)] = Self.isFree | UInt8(order)
        links[Int(unit)] = Link(previous: -1, next: heads[order])
        if heads[order] >= 0 { links[Int(heads[order])].previous = unit }
        heads[order] = unit
    }

    private mutating func unlink(_ unit: Int32, _ order: Int) {
        let link = links[Int(unit)]
        if link.previous >= 0 { links[Int(link.previous)].next = link.next } else { heads[order] = link.next }
        if link.next >= 0 { links[Int(link.next)].previous = link.previous }
        states[Int(unit)] = 0
    }

    /// What is wrong with the arena, if these are the blocks in use, by address and size in bytes.
    func violations(blocks: [UInt64: Int]) -> [String] {
        var found: [String] = []
        var (free, taken) = (0, 0)
        for region in regions {
            var unit = region.firstUnit
            while unit < region.firstUnit + region.units {
                let state = states[unit]
                let order = Int(state & 0x3F)
                let address = UInt64(region.address) + UInt64((unit - region.firstUnit) * Self.unitBytes)
                switch state & 0xC0 {
                case Self.isFree: free += 1
                case Self.isTaken:
                    taken += 1
                    if blocks[address] != Self.unitBytes << order {
                        found.append("a taken block has no owner of its size")
                    }
                default:
                    found.append("a unit is in no block")
                }
                unit += 1 << order
            }
        }
        if taken != blocks.count { found.append("\(blocks.count) blocks are owned, \(taken) are taken") }
        let inLists = heads.indices.reduce(0) { $0 + listed($1) }
        if inLists != free { found.append("\(free) blocks are free, \(inLists) are listed") }
        return found
    }

    private func listed(_ order: Int) -> Int {
        var (count, unit) = (0, heads[order])
        while unit >= 0, states[Int(unit)] == Self.isFree | UInt8(order), count <= states.count {
            count += 1
            unit = links[Int(unit)].next
        }
        return count
    }
}
