import Market

/// Cold access for tests: faults on purpose, so that a test can see `checkInvariants` find each of them.
extension OrderBook {
    /// Breaks the invariant that `fault` names at the best level of its side, which must not be empty.
    package func damage(_ fault: BookFault) { disturb(fault, by: 1) }

    /// Undoes `damage`.
    package func repair(_ fault: BookFault) { disturb(fault, by: -1) }

    private func disturb(_ fault: BookFault, by amount: Int) {
        switch fault {
        case .bitmap(let side): sides[side.index].occupied.disturb()
        case .best(let side): sides[side.index].best += amount
        case .count(let side): sides[side.index].orders += amount
        case .quantity(let side, _): sides[side.index].levels[sides[side.index].best].quantity += Int64(amount)
        case .queue(let side, _): nodes[sides[side.index].levels[sides[side.index].best].head].previous += Int32(amount)
        case .crossed: break
        }
    }

    /// Resting orders of all books of the arena.
    package var arenaCount: Int { arena.count }

    /// Address space of the level arrays, in bytes.
    package var levelStorageBytes: Int {
        (sides[0].levels.count + sides[1].levels.count) * MemoryLayout<PriceLevel>.stride
    }
}
