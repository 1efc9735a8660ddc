import Market

/// How events change the sums and counts.
extension RiskState {
    // MARK: Sums

    mutating func addOpen(_ order: RiskOrder, _ shares: Int64, orders: Int32) {
        let value =
            shares < 0
            ? -saturatingProduct(order.price.milli, -shares) : saturatingProduct(order.price.milli, shares)
        openValue = saturatingSum(openValue, value)
        if let page = page(of: order.account) {
            pages[page][Int(order.account.rawValue) % Self.pageSize].addOpen(order.side, value, orders: orders)
        }
        guard let slot = pairs.findOrInsert(PairState.key(order.account, order.instrument)) else {
            untrackedEvents += 1
            return
        }
        pairs[slot].addOpen(order.side, shares, orders: orders)
    }

    mutating func addFilled(
        _ account: AccountID, _ instrument: InstrumentID, _ side: Side, _ shares: Int64, _ value: Int64
    ) {
        filledValue = saturatingSum(filledValue, value)
        if let page = page(of: account) {
            let row = Int(account.rawValue) % Self.pageSize
            pages[page][row].filledValue = saturatingSum(pages[page][row].filledValue, value)
        }
        guard let slot = pairs.findOrInsert(PairState.key(account, instrument)) else {
            untrackedEvents += 1
            return
        }
        pairs[slot].addFilled(side, shares)
    }

    mutating func end(_ order: RiskOrder) {
        openOrders -= 1
        changeLevel(order, by: -1)
    }

    mutating func changeLevel(_ order: RiskOrder, by change: Int32) {
        let key = LevelCount.Key(
            pair: PairState.key(order.account, order.instrument), price: order.price.milli, isBuy: order.side == .buy)
        guard let slot = change > 0 ? levels.findOrInsert(key) : levels.find(key) else {
            untrackedEvents += 1
            return
        }
        levels[slot].orders += change
        if levels[slot].orders == 0 { levels.remove(slot) }
    }
}

extension AccountState {
    fileprivate mutating func addOpen(_ side: Side, _ value: Int64, orders: Int32) {
        if side == .buy {
            openBuyValue = saturatingSum(openBuyValue, value)
        } else {
            openSellValue = saturatingSum(openSellValue, value)
        }
        openOrders &+= orders
    }
}

extension PairState {
    fileprivate mutating func addOpen(_ side: Side, _ shares: Int64, orders: Int32) {
        if side == .buy { openBuy += shares } else { openSell += shares }
        openOrders &+= orders
    }

    fileprivate mutating func addFilled(_ side: Side, _ shares: Int64) {
        if side == .buy { bought += shares } else { sold += shares }
    }
}
