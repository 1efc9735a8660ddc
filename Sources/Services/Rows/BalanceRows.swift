public import CacheStack
public import Market

/// A row of space `cash`: what an account owns in money.
///
/// What open orders hold is not here but in their own rows (`OrderRow.frozen`): the account's available cash is
/// `balance` less the holds of its open buys. So a hold costs no write of its own.
public struct CashRow: Hashable, Sendable, Row {
    /// The account.
    public var account: AccountID
    /// All its cash, held or not; negative for `HouseAccount.external` only.
    public var balance: Money
    /// Part of it that comes from today's sales: it can buy, but not leave before tomorrow.
    public var unsettled: Money

    /// A row of those amounts.
    public init(account: AccountID, balance: Money, unsettled: Money = .zero) {
        self.account = account
        self.balance = balance
        self.unsettled = unsettled
    }

    /// Key of an account's cash row.
    public static func key(_ account: AccountID) -> CacheKey {
        CacheKey(TradingSpaces.cash.space, UInt64(account.rawValue))
    }

    /// The row in a payload of space `cash`.
    public init(id: UInt64, payload: ArraySlice<UInt8>) {
        var row = RowReader(payload)
        account = AccountID(UInt32(truncatingIfNeeded: id))
        balance = Money(milli: row.next())
        unsettled = Money(milli: row.next())
    }

    /// Appends the payload.
    public func encode(into bytes: inout [UInt8]) {
        write(&bytes) { row in
            row.put(balance.milli)
            row.put(unsettled.milli)
        }
    }
}

/// A row of space `positions`: an account's shares of one instrument.
///
/// What open sell orders hold is in their own rows, as with cash.
public struct PositionRow: Hashable, Sendable, Row {
    public var account: AccountID
    public var instrument: InstrumentID
    /// Shares that may be sold today, held or not, less those sold already (T+1).
    public var settled: Quantity
    /// Bought today.
    public var unsettled: Quantity

    /// A row of those shares.
    public init(account: AccountID, instrument: InstrumentID, settled: Quantity, unsettled: Quantity = .zero) {
        self.account = account
        self.instrument = instrument
        self.settled = settled
        self.unsettled = unsettled
    }

    /// Key of a position row.
    public static func key(_ account: AccountID, _ instrument: InstrumentID) -> CacheKey {
        CacheKey(TradingSpaces.positions.space, UInt64(account.rawValue) << 32 | UInt64(instrument.rawValue))
    }

    /// The row in a payload of space `positions`.
    public init(id: UInt64, payload: ArraySlice<UInt8>) {
        var row = RowReader(payload)
        account = AccountID(UInt32(truncatingIfNeeded: id >> 32))
        instrument = InstrumentID(UInt32(truncatingIfNeeded: id))
        settled = Quantity(row.next())
        unsettled = Quantity(row.next())
    }

    /// Appends the payload.
    public func encode(into bytes: inout [UInt8]) {
        write(&bytes) { row in
            row.put(settled.shares)
            row.put(unsettled.shares)
        }
    }
}

/// A row of space `partitions`: how far a partition is durable, and who owns it.
///
/// Every batch of the sequencer writes it and expects the version of its last batch: two owners cannot both commit,
/// and a batch whose answer was lost is recognised by `owner` and `lastSequence`.
public struct PartitionRow: Hashable, Sendable, Row {
    public var partition: UInt64
    /// Trading date, yyyymmdd.
    public var day: Int32
    /// Random number of the process that owns the partition.
    public var owner: UInt64
    public var lastSequence: SequenceNumber
    public var lastExecution: ExecutionID
    public var lastTrade: TradeID
    public var phase: SessionPhase

    /// A row of those facts.
    public init(
        partition: UInt64, day: Int32, owner: UInt64, lastSequence: SequenceNumber = 0,
        lastExecution: ExecutionID = 0, lastTrade: TradeID = 0, phase: SessionPhase
    ) {
        self.partition = partition
        self.day = day
        self.owner = owner
        self.lastSequence = lastSequence
        self.lastExecution = lastExecution
        self.lastTrade = lastTrade
        self.phase = phase
    }

    /// Key of a partition's row.
    public static func key(_ partition: UInt64) -> CacheKey { CacheKey(TradingSpaces.partitions.space, partition) }

    /// The row in a payload of space `partitions`.
    public init(id: UInt64, payload: ArraySlice<UInt8>) {
        var row = RowReader(payload)
        partition = id
        day = row.next()
        owner = row.next()
        lastSequence = row.next()
        lastExecution = row.next()
        lastTrade = row.next()
        phase = SessionPhase(rawValue: UInt8(truncatingIfNeeded: row.next(Int16.self))) ?? .closed
    }

    /// Appends the payload.
    public func encode(into bytes: inout [UInt8]) {
        write(&bytes) { row in
            row.put(day)
            row.put(owner)
            row.put(lastSequence)
            row.put(lastExecution)
            row.put(lastTrade)
            row.put(Int16(phase.rawValue))
        }
    }
}
