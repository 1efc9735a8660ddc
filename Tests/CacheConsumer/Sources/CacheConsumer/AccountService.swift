import CacheStack

struct Account: CacheRow {
    var cash: Int64 = 0  // milli-yuan
    mutating func columns(_ column: inout RowColumns) { column("cash", &cash) }
}

struct Position: CacheRow {
    var shares: Int64 = 0
    mutating func columns(_ column: inout RowColumns) { column("shares", &shares) }
}

struct InsufficientCash: Error {}

struct AccountService {
    typealias PositionKey = KeyPair<UInt32, UInt32>
    static let accounts = CacheSpace<UInt32, Account>(1, table: "account", key: "account")
    static let positions = CacheSpace<PositionKey, Position>(2, table: "position", key: "account", "instrument")
    let stack: CacheStack

    /// Buys once however often it is sent; gives the token under which every process shows it.
    func buy(
        _ shares: Int64, of instrument: UInt32, at price: Int64, for id: UInt32, orderID: String
    ) async throws -> SessionToken {
        let intent = "buy \(id) \(instrument) \(shares) \(price)"
        let outcome = try await stack.transaction(idempotencyKey: orderID, intent: intent) { tx in
            var account = try await tx.get(Self.accounts, id) ?? Account()
            var position = try await tx.get(Self.positions, PositionKey(id, instrument)) ?? Position()
            guard account.cash >= shares * price else { throw InsufficientCash() }
            account.cash -= shares * price
            position.shares += shares
            try tx.write(Self.accounts, id, account)
            try tx.write(Self.positions, PositionKey(id, instrument), position)
        }
        return outcome.receipt.token
    }

    /// Cash and shares as of one ticket, at most two seconds old and not before the session.
    func holdings(of id: UInt32, in instruments: [UInt32], session: SessionToken) async throws -> (Int64, [Int64]) {
        try await stack.withSnapshot(maxAge: .seconds(2), session: session) { snapshot in
            let cash = try await snapshot.get(Self.accounts, id)?.cash ?? 0
            let positions = try await snapshot.get(Self.positions, instruments.map { PositionKey(id, $0) })
            return (cash, positions.map { $0?.shares ?? 0 })
        }.result
    }
}
