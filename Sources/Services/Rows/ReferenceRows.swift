public import CacheStack
public import Market

extension AccountProfile: Row {
    /// Key of an account's profile.
    public static func key(_ account: AccountID) -> CacheKey {
        CacheKey(TradingSpaces.accounts.space, UInt64(account.rawValue))
    }

    /// The profile in a row of space `accounts`; `version` is set by the reader.
    public init(id: UInt64, payload: ArraySlice<UInt8>) {
        var row = RowReader(payload)
        self.init(id: AccountID(UInt32(truncatingIfNeeded: id)))
        isActive = row.nextFlag()
        isBlocked = row.nextFlag()
        isKilled = row.nextFlag()
        isReducing = row.nextFlag()
        group = UInt8(truncatingIfNeeded: row.next(Int16.self))
        boards = UInt8(truncatingIfNeeded: row.next(Int16.self))
        riskLevel = UInt8(truncatingIfNeeded: row.next(Int16.self))
        orderValueMax = Money(milli: row.next())
        orderQuantityMax = Quantity(row.next())
        dailyBuyQuantityMax = Quantity(row.next())
        dailySellQuantityMax = Quantity(row.next())
        grossValueMax = Money(milli: row.next())
        openOrderValueMax = Money(milli: row.next())
        openOrdersMax = row.next()
    }

    /// Appends the payload of space `accounts`.
    public func encode(into bytes: inout [UInt8]) {
        write(&bytes) { row in
            row.put(isActive)
            row.put(isBlocked)
            row.put(isKilled)
            row.put(isReducing)
            row.put(Int16(group))
            row.put(Int16(boards))
            row.put(Int16(riskLevel))
            row.put(orderValueMax.milli)
            row.put(orderQuantityMax.shares)
            row.put(dailyBuyQuantityMax.shares)
            row.put(dailySellQuantityMax.shares)
            row.put(grossValueMax.milli)
            row.put(openOrderValueMax.milli)
            row.put(openOrdersMax)
        }
    }
}

extension Instrument: Row {
    /// Key of an instrument's reference data.
    public static func key(_ instrument: InstrumentID) -> CacheKey {
        CacheKey(TradingSpaces.instruments.space, UInt64(instrument.rawValue))
    }

    /// The instrument in a row of space `instruments`.
    public init(id: UInt64, payload: ArraySlice<UInt8>) {
        var row = RowReader(payload)
        self.init(
            id: InstrumentID(UInt32(truncatingIfNeeded: id)), symbol: row.next(),
            board: Board(rawValue: UInt8(truncatingIfNeeded: row.next(Int16.self))) ?? .main,
            tick: Price(milli: row.next()), lot: Quantity(row.next()), quantityMin: Quantity(row.next()),
            quantityMax: Quantity(row.next()), marketQuantityMax: Quantity(row.next()),
            previousClose: Price(milli: row.next()), limitDown: Price(milli: row.next()),
            limitUp: Price(milli: row.next()), isTradable: row.nextFlag(), averageDailyVolume: Quantity(row.next()),
            riskLevel: UInt8(truncatingIfNeeded: row.next(Int16.self)))
    }

    /// Appends the payload of space `instruments`.
    public func encode(into bytes: inout [UInt8]) {
        write(&bytes) { row in
            row.put(symbol)
            row.put(Int16(board.rawValue))
            for amount in [
                tick.milli, lot.shares, quantityMin.shares, quantityMax.shares, marketQuantityMax.shares,
                previousClose.milli, limitDown.milli, limitUp.milli,
            ] { row.put(amount) }
            row.put(isTradable)
            row.put(averageDailyVolume.shares)
            row.put(Int16(riskLevel))
        }
    }
}
