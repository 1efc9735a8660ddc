public import Market

/// What the rules remember: per account, per instrument, per session, per pair, per price level, in flat columns.
///
/// Accounts live in pages of 1,024 that are made when the first of them acts; pairs, levels and repeated orders in
/// open-addressing tables keyed by packed integers. All updates are events in the sequencer's order with its time, so
/// a replay of the same events gives the same state. No update allocates, except when a page, a column or a table
/// segment grows.
///
/// An order is `accepted` once, then `filled` any number of times, then ends: by a fill that leaves nothing, or by
/// `closed`. Events name the order by the same terms each time (`RiskOrder`). Orders rejected by the rules never
/// get here.
public struct RiskState: ~Copyable {
    /// The limits of this state.
    public let capacity: RiskCapacity
    /// Standing flags of the firm: they hold for every request.
    public var firmFlags: RiskFlags = []
    /// Value traded or open today over all accounts, milli-yuan.
    public var grossValue: Money { Money(milli: saturatingSum(filledValue, openValue)) }
    /// Orders that are open.
    public internal(set) var openOrders = 0
    /// Events about orders that a full table had kept out; 0 unless recovery brought more than the capacity.
    public internal(set) var untrackedEvents: UInt64 = 0

    static let pageSize = 1_024
    var pages: [[AccountState]]
    var instruments: [InstrumentState] = []
    var sessions: [TokenBucket] = []
    var pairs: SegmentedTable<PairState>
    var levels: SegmentedTable<LevelCount>
    var repeats: SegmentedTable<RepeatCount>
    var firmMessages = TokenBucket()
    /// Half the window of rule 56, and a quarter of that of rule 121; microseconds.
    let fillWindowHalf: Int64
    let repeatQuarter: Int64
    var filledValue: Int64 = 0
    var openValue: Int64 = 0

    /// An empty state.
    ///
    /// `limits` gives the lengths of the windows, which are fixed for the state's life.
    public init(capacity: RiskCapacity = RiskCapacity(), limits: RiskLimits = RiskLimits()) {
        self.capacity = capacity
        pages = [[AccountState]](repeating: [], count: (capacity.accountsMax + Self.pageSize - 1) / Self.pageSize)
        pairs = SegmentedTable(capacity: capacity.pairsMax)
        levels = SegmentedTable(capacity: capacity.levelsMax)
        repeats = SegmentedTable(capacity: capacity.repeatsMax)
        fillWindowHalf = max(1, limits[.periodCollar].second / 2)
        repeatQuarter = max(1, limits[.duplicateOrder].second / 4)
    }

    /// Bytes of one account's row.
    public static var accountBytes: Int { MemoryLayout<AccountState>.stride }

    /// Bytes held by all columns and tables now.
    ///
    /// O(pages).
    public var byteCount: Int {
        let accounts = pages.reduce(0) { $0 + $1.count } * Self.accountBytes
        let rows = instruments.count * MemoryLayout<InstrumentState>.stride
        let tables = pairs.byteCount + levels.byteCount + repeats.byteCount
        return accounts + rows + sessions.count * MemoryLayout<TokenBucket>.stride + tables
    }

    /// The number of pairs that acted today.
    public var pairCount: Int { pairs.count }
    /// The number of price levels with an open order, each account's apart.
    public var levelCount: Int { levels.count }

    // MARK: Growth

    /// The page of an account, made where it is missing; nil beyond the capacity.
    mutating func page(of account: AccountID) -> Int? {
        let number = Int(account.rawValue)
        guard number < capacity.accountsMax else { return nil }
        let page = number / Self.pageSize
        if pages[page].isEmpty { pages[page] = [AccountState](repeating: AccountState(), count: Self.pageSize) }
        return page
    }

    /// Makes the column reach an instrument; false beyond the capacity.
    mutating func growInstruments(to instrument: InstrumentID) -> Bool {
        let index = Int(instrument.rawValue)
        guard index < capacity.instrumentsMax else { return false }
        if index >= instruments.count {
            instruments.append(
                contentsOf: repeatElement(InstrumentState(), count: index + 1 - instruments.count))
        }
        return true
    }

    /// Makes the column reach a session; false beyond the capacity.
    mutating func growSessions(to session: SessionID) -> Bool {
        let index = Int(session)
        guard index < capacity.sessionsMax else { return false }
        if index >= sessions.count {
            sessions.append(contentsOf: repeatElement(TokenBucket(), count: index + 1 - sessions.count))
        }
        return true
    }
}
