import Market

/// Multilateral netting: every trade is taken over by the central counterparty, and what remains per member and asset
/// is one number.
///
/// Order of trades does not matter, and the obligations of an asset sum to zero (invariant I11). Trade values are
/// netted; fees are not, they went to the house's accounts with each fill. Cost: O(1) a trade, O(n log n) at the end.
public struct Netting: Sendable {
    private struct Row {
        let key: UInt64
        var amount: Int64
    }

    private var index = KeyIndex()
    private var rows: [Row] = []

    /// Whether an amount has passed 64 bits; the obligations are worthless then.
    public private(set) var hasOverflowed = false

    /// Nothing traded.
    public init() {}

    /// Takes one trade over: shares seller -> counterparty -> buyer, value the other way.
    public mutating func add(_ fill: FillPosting) {
        let shares = Asset.shares(fill.instrument)
        add(fill.buyer, shares, fill.quantity.shares)
        add(fill.seller, shares, -fill.quantity.shares)
        add(fill.buyer, .cash, -fill.value.milli)
        add(fill.seller, .cash, fill.value.milli)
    }

    /// Adds the nets of another partition or part of the day.
    public mutating func add(_ other: Netting) {
        for row in other.rows {
            add(AccountID(UInt32(row.key >> 32)), Asset(code: UInt32(truncatingIfNeeded: row.key)), row.amount)
        }
        hasOverflowed = hasOverflowed || other.hasOverflowed
    }

    /// Every net amount that is not zero, by asset (cash last), then by account.
    public func obligations() -> [Obligation] {
        rows.filter { $0.amount != 0 }.map { row in
            Obligation(
                account: AccountID(UInt32(row.key >> 32)), asset: Asset(code: UInt32(truncatingIfNeeded: row.key)),
                amount: row.amount)
        }.sorted { ($0.asset.code, $0.account.rawValue) < ($1.asset.code, $1.account.rawValue) }
    }

    /// Adds an amount owed to `account`.
    mutating func add(_ account: AccountID, _ asset: Asset, _ amount: Int64) {
        let key = UInt64(account.rawValue) << 32 | UInt64(asset.code)
        let row = row(key)
        let (sum, overflow) = rows[row].amount.addingReportingOverflow(amount)
        rows[row].amount = sum
        hasOverflowed = hasOverflowed || overflow
    }

    private mutating func row(_ key: UInt64) -> Int {
        var probe = index.probe(key)
        while let row = index.next(&probe) {
            if rows[row].key == key { return row }
        }
        rows.append(Row(key: key, amount: 0))
        return index.insert(key)
    }
}
