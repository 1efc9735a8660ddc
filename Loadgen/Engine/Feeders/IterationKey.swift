internal import Arrivals

/// Names the random draws of one request: which scenario, which iteration of it, which step of that iteration.
///
/// Nothing is drawn from a running stream. Each draw is a function of the seed, its concern's name and this key, so a
/// request looks the same whoever sends it: the iterations of W workers together are those of one. Iteration numbers
/// are `group << 40 | ordinal`: the group is the user of a closed scenario or the step of a search, else 0.
struct IterationKey: Equatable {
    /// Bits of the ordinal.
    static let ordinalBits: UInt64 = 40

    /// Index of the scenario.
    var scenario: Int
    /// Number of the iteration.
    var iteration: UInt64
    /// Step of the flow; 0 for a single request.
    var step: Int
    /// Number of the row that CSV feeders give this iteration.
    var row: UInt64

    /// The key in 64 well mixed bits (finalizer of MurmurHash3, Appleby 2011, twice).
    func mixed(_ ordinal: Int = 0) -> UInt64 {
        let place =
            UInt64(truncatingIfNeeded: scenario) << 32 | UInt64(truncatingIfNeeded: step) << 16
            | UInt64(truncatingIfNeeded: ordinal)
        return Self.finalized(Self.finalized(iteration &+ 0x9E37_79B9_7F4A_7C15) ^ place)
    }

    static func finalized(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ mixed >> 33) &* 0xFF51_AFD7_ED55_8CCD
        mixed = (mixed ^ mixed >> 33) &* 0xC4CE_B9FE_1A85_EC53
        return mixed ^ mixed >> 33
    }
}

/// The draws of one concern (mix, think, a feeder, prices, ...).
struct DrawStream: Sendable {
    private let salt: UInt64

    /// The concern's draws under a seed; concerns of other names are independent.
    init(seed: UInt64, name: String) {
        var random = Xoshiro256(seed: seed, stream: name)
        salt = random.next()
    }

    /// The generator of one request's draws; `ordinal` tells several draws of one request apart.
    func random(_ key: IterationKey, _ ordinal: Int = 0) -> Xoshiro256 {
        Xoshiro256(seed: IterationKey.finalized(salt ^ key.mixed(ordinal)))
    }
}
