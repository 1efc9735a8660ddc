extension LocalShard {
    /// What is wrong with the shard: its index, slots, blocks, counts, order, floors and limits. Empty: nothing.
    ///
    /// Policy and floors trap by themselves. Reads every slot and block; for tests and drills.
    mutating func violations() -> [String] {
        catchUp()
        var found: [String] = []
        func demand(_ holds: Bool, _ text: @autoclosure () -> String) { if !holds { found.append(text()) } }
        var (seen, size, ordered, pinned, pinnedSize, load) = (0, chains.bytes, 0, 0, 0, 0)
        var blocks: [UInt64: Int] = [:]
        for slot in 0..<used {
            demand(memory.isAtRest(slot), "slot \(slot) is being written")
            let fields = memory.fields(slot)
            guard fields.flags.contains(.held) else {
                demand(unsafe !isOrdered[Int(slot)], "free slot \(slot) is in the order")
                continue
            }
            let block = BlockArena.size(Int(fields.length))
            seen += 1
            size += SlotMemory.stride + block
            load += weight(slot)
            demand(find(fields.key, fields.mixed) == slot, "slot \(slot) is not found by its key")
            demand(fields.version <= fields.asOf, "slot \(slot) does not see its own version")
            let isAtFloor = fields.version >= floors.floor(LocalHash.number(fields.key))
            demand(fields.flags.contains(.closed) || isAtFloor, "open slot \(slot) is below its floor")
            demand((fields.block != 0) == (block > 0), "slot \(slot) has a block or needs one")
            if fields.block != 0 { blocks[fields.block] = block }
            let isPinned = fields.flags.contains(.pinned)
            demand(unsafe isOrdered[Int(slot)] != isPinned, "slot \(slot) is either pinned or in the order")
            if isPinned {
                (pinned, pinnedSize) = (pinned + 1, pinnedSize + SlotMemory.stride + block)
            } else {
                ordered += 1
            }
        }
        demand(seen == count, "\(seen) rows are held, \(count) counted")
        demand(size == bytes, "\(size) bytes are held, \(bytes) counted")
        demand(load == weight, "a weight of \(load) is held, \(weight) counted")
        demand(pinned == pinnedCount && pinnedSize == pinnedBytes, "pinned rows and their bytes")
        demand(count <= limits.entries && bytes <= limits.bytes && weight <= limits.weight, "within the limits")
        demand(memory.index.placesInUse == count, "the index holds the rows and no more")
        let free = freeSlots()
        demand(Set(free).count == free.count && free.count + count == Int(used), "each slot is held or free once")
        found += arena.violations(blocks: blocks)
        found += chains.violations { key in
            let slot = memory.find(key, LocalHash.mix(LocalHash.number(key)))
            return slot >= 0 ? memory.fields(slot).version : nil
        }
        evictor.checkInvariants(count: ordered)
        floors.checkInvariants()
        return found
    }
}
