import Ledger
import Market

/// The naive ledger: dictionaries, orders with all their fills, everything frozen recomputed from scratch, 128 bits.
///
/// It follows the texts (worst case of what is open, fees of the cumulative value, T+1), not the code under test.
struct ReferenceLedger {
    struct Order {
        var side: Side
        var account: AccountID
        var instrument: InstrumentID
        var price: Int64
        var open: Int64
        var fills: [(price: Int64, quantity: Int64)] = []

        var value: Int64 { fills.reduce(0) { $0 + $1.price * $1.quantity } }
    }

    struct Pair: Hashable {
        var account: AccountID
        var instrument: InstrumentID
    }

    var rates: (commission: Int64, transfer: Int64, stamp: Int64) = (250, 10, 500)
    let clients: ClosedRange<UInt32>
    /// Cash owned, frozen included.
    var cash: [AccountID: Int64] = [:]
    var proceedsToday: [AccountID: Int64] = [:]
    var settled: [Pair: Int64] = [:]
    var boughtToday: [Pair: Int64] = [:]
    var orders: [Int: Order] = [:]
    var ordersOf: [AccountID: [Int]] = [:]

    init(clients: ClosedRange<UInt32>) { self.clients = clients }

    // MARK: What follows from the orders

    func fee(_ value: Int64, _ rate: Int64) -> Int64 {
        Int64((Int128(value) * Int128(rate) * 2 + 10_000_000) / 20_000_000 * 10)
    }

    func buyFees(_ value: Int64) -> Int64 { fee(value, rates.commission) + fee(value, rates.transfer) }

    func worstCase(_ order: Order) -> Int64 {
        guard order.side == .buy, order.open > 0 else { return 0 }
        let rest = order.open * order.price
        return rest + buyFees(order.value + rest) - buyFees(order.value)
    }

    func frozenCash(_ account: AccountID) -> Int64 {
        (ordersOf[account] ?? []).reduce(0) { sum, id in sum + (orders[id].map(worstCase) ?? 0) }
    }

    func frozenShares(_ pair: Pair) -> Int64 {
        (ordersOf[pair.account] ?? []).reduce(0) { sum, id in
            guard let order = orders[id], order.side == .sell, order.instrument == pair.instrument else { return sum }
            return sum + order.open
        }
    }

    func available(_ account: AccountID) -> Int64 { (cash[account] ?? 0) - frozenCash(account) }

    func balance(_ account: AccountID) -> CashBalance {
        CashBalance(
            available: Money(milli: available(account)), frozen: Money(milli: frozenCash(account)),
            unsettled: Money(milli: proceedsToday[account] ?? 0))
    }

    func position(_ pair: Pair) -> Position {
        Position(
            settled: Quantity(settled[pair] ?? 0), unsettled: Quantity(boughtToday[pair] ?? 0),
            frozen: Quantity(frozenShares(pair)))
    }

    func sellable(_ pair: Pair) -> Int64 { (settled[pair] ?? 0) - frozenShares(pair) }

    // MARK: Operations: nil or why not

    mutating func deposit(_ account: AccountID, _ amount: Int64) -> LedgerRefusal? {
        guard amount > 0 else { return .invalidAmount }
        guard clients.contains(account.rawValue) else { return .unknownAccount }
        cash[account, default: 0] += amount
        cash[HouseAccount.external, default: 0] -= amount
        return nil
    }

    mutating func withdraw(_ account: AccountID, _ amount: Int64) -> LedgerRefusal? {
        guard amount > 0 else { return .invalidAmount }
        guard clients.contains(account.rawValue) else { return .unknownAccount }
        guard max(0, available(account) - (proceedsToday[account] ?? 0)) >= amount else { return .insufficientFunds }
        cash[account, default: 0] -= amount
        cash[HouseAccount.external, default: 0] += amount
        return nil
    }

    mutating func depositShares(_ pair: Pair, _ quantity: Int64) -> LedgerRefusal? {
        guard quantity > 0 else { return .invalidQuantity }
        guard clients.contains(pair.account.rawValue) else { return .unknownAccount }
        settled[pair, default: 0] += quantity
        settled[Pair(account: HouseAccount.external, instrument: pair.instrument), default: 0] -= quantity
        return nil
    }

    mutating func enter(_ id: Int, _ order: Order) -> LedgerRefusal? {
        guard order.open > 0 else { return .invalidQuantity }
        guard order.side == .sell || order.price > 0 else { return .invalidPrice }
        guard clients.contains(order.account.rawValue) else { return .unknownAccount }
        switch order.side {
        case .buy:
            guard available(order.account) >= worstCase(order) else { return .insufficientFunds }
        case .sell:
            let pair = Pair(account: order.account, instrument: order.instrument)
            guard sellable(pair) >= order.open else { return .insufficientShares }
        }
        orders[id] = order
        ordersOf[order.account, default: []].append(id)
        return nil
    }

    mutating func cancel(_ id: Int) {
        guard let order = orders.removeValue(forKey: id) else { return }
        ordersOf[order.account]?.removeAll { $0 == id }
    }

    mutating func replace(_ id: Int, price: Int64, open: Int64) -> LedgerRefusal? {
        guard open > 0 else { return .invalidQuantity }
        guard let old = orders[id] else { return .quantityBeyondOpen }
        guard old.side == .sell || price > 0 else { return .invalidPrice }
        var new = old
        (new.price, new.open) = (price, open)
        switch old.side {
        case .buy:
            guard available(old.account) + worstCase(old) >= worstCase(new) else { return .insufficientFunds }
        case .sell:
            let pair = Pair(account: old.account, instrument: old.instrument)
            guard sellable(pair) + old.open >= open else { return .insufficientShares }
        }
        orders[id] = new
        return nil
    }

    /// Buyer's cost and seller's proceeds, or why not.
    mutating func fill(buy: Int, sell: Int, price: Int64, quantity: Int64) -> Result<(Int64, Int64), LedgerRefusal> {
        guard quantity > 0 else { return .failure(.invalidQuantity) }
        guard price > 0 else { return .failure(.invalidPrice) }
        guard var buyer = orders[buy], var seller = orders[sell] else { return .failure(.quantityBeyondOpen) }
        guard buyer.side == .buy, seller.side == .sell, buyer.instrument == seller.instrument else {
            return .failure(.holdMismatch)
        }
        guard quantity <= buyer.open, quantity <= seller.open else { return .failure(.quantityBeyondOpen) }
        guard price <= buyer.price else { return .failure(.priceBeyondHold) }
        let value = price * quantity
        let (buyerFees, sellerFees) = (itemFees(buyer, value), itemFees(seller, value))
        let stamp = min(sellerFees.stamp, value)
        let transfer = min(sellerFees.transfer, value - stamp)
        let commission = min(sellerFees.commission, value - stamp - transfer)
        let cost = value + buyerFees.commission + buyerFees.transfer
        let proceeds = value - stamp - transfer - commission
        cash[buyer.account, default: 0] -= cost
        cash[seller.account, default: 0] += proceeds
        proceedsToday[seller.account, default: 0] += proceeds
        cash[HouseAccount.commission, default: 0] += buyerFees.commission + commission
        cash[HouseAccount.transferFee, default: 0] += buyerFees.transfer + transfer
        cash[HouseAccount.stampDuty, default: 0] += stamp
        settled[Pair(account: seller.account, instrument: seller.instrument), default: 0] -= quantity
        boughtToday[Pair(account: buyer.account, instrument: buyer.instrument), default: 0] += quantity
        buyer.fills.append((price, quantity))
        seller.fills.append((price, quantity))
        buyer.open -= quantity
        seller.open -= quantity
        orders[buy] = buyer
        orders[sell] = seller
        if buyer.open == 0 { cancel(buy) }
        if seller.open == 0 { cancel(sell) }
        return .success((cost, proceeds))
    }

    mutating func rollDay() {
        for (pair, quantity) in boughtToday { settled[pair, default: 0] += quantity }
        boughtToday = [:]
        proceedsToday = [:]
    }

    private func itemFees(_ order: Order, _ value: Int64) -> (commission: Int64, transfer: Int64, stamp: Int64) {
        func increase(_ rate: Int64) -> Int64 { fee(order.value + value, rate) - fee(order.value, rate) }
        return (
            increase(rates.commission), increase(rates.transfer), order.side == .sell ? increase(rates.stamp) : 0
        )
    }
}
