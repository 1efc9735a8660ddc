import Market

/// What is kept for one account in one instrument, from the day's first order on.
struct PairState: SegmentedEntry {
    var key: UInt64
    /// Traded today, shares.
    var bought: Int64 = 0
    var sold: Int64 = 0
    /// Working, shares.
    var openBuy: Int64 = 0
    var openSell: Int64 = 0
    var openOrders: Int32 = 0
    var flags: RiskFlags = []
    var fills = TurnoverWindow()

    static let empty = PairState(key: 0)

    init(key: UInt64) { self.key = key }

    var isEmpty: Bool { key == 0 }
    var hash: UInt64 { mixed(key) }
    static func hash(_ key: UInt64) -> UInt64 { mixed(key) }
    func matches(_ key: UInt64) -> Bool { self.key == key }

    /// Account in the high half, instrument in the low; account 0 does not exist, so 0 is no key.
    static func key(_ account: AccountID, _ instrument: InstrumentID) -> UInt64 {
        UInt64(account.rawValue) << 32 | UInt64(instrument.rawValue)
    }
}

/// Open orders of one account in one instrument on one side at one price; gone with the last of them.
struct LevelCount: SegmentedEntry {
    struct Key {
        var pair: UInt64
        var priceAndSide: UInt64

        init(pair: UInt64, price: Int64, isBuy: Bool) {
            self.pair = pair
            priceAndSide = UInt64(bitPattern: price) << 1 | (isBuy ? 1 : 0)
        }
    }

    var key: Key
    var orders: Int32 = 0

    static let empty = LevelCount(key: Key(pair: 0, price: 0, isBuy: false))

    init(key: Key) { self.key = key }

    var isEmpty: Bool { key.pair == 0 }
    var hash: UInt64 { Self.hash(key) }
    static func hash(_ key: Key) -> UInt64 { mixed(key.pair &+ mixed(key.priceAndSide)) }
    func matches(_ key: Key) -> Bool {
        self.key.pair == key.pair && self.key.priceAndSide == key.priceAndSide
    }
}
