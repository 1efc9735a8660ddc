internal import Ledger
internal import Market
internal import Matching
internal import Risk

/// What the risk rules need to know about a request.
extension TradingPartition {
    /// Levels looked at when the cost of an order is estimated.
    static let sweepLevelsMax = 64

    func context(_ prepared: PreparedRequest, now: Int64) -> RiskContext {
        let request = prepared.request
        var context = RiskContext(request: request, time: now, phase: phase)
        context.account = prepared.profile
        context.instrument = instrument(request.instrument)
        context.sessionGroups = prepared.sessionGroups
        context.sessionRoles = prepared.mayTrade ? [.trade, .cancel] : [.cancel]
        context.profileAge = prepared.profileAge
        if let book = book(request.instrument) { context.book = riskBook(book, request) }
        let position = ledger.position(of: request.account, in: request.instrument)
        context.position = position.total
        context.sellableShares = position.sellable
        context.availableCash = ledger.cashBalance(of: request.account).available
        if let slot = target(of: request) {
            let row = slots[slot].row
            context.target = RiskTarget(
                isOpen: row.status.isOpen, account: row.account, instrument: row.instrument, side: row.side,
                price: slots[slot].valuation, cumulative: row.cumulative, leaves: row.leaves)
            if let hold = slots[slot].hold {
                context.availableCash += hold.frozenCash
                context.sellableShares += hold.frozenShares
            }
        } else if let original = request.originalClientOrderID,
            let known = clients.find(request.session, original), known.kind != .cancel
        {
            context.target = RiskTarget(
                isOpen: false, account: known.account, instrument: request.instrument, side: request.side,
                price: .zero, cumulative: .zero, leaves: .zero)
        }
        context.feeBound = feeBound(request, context.instrument)
        return context
    }

    private func feeBound(_ request: OrderRequest, _ instrument: Instrument?) -> Money {
        guard request.side == .buy, request.kind != .cancel else { return .zero }
        let price = request.type == .limit ? request.price : instrument?.limitUp ?? .zero
        guard let value = Money.value(price, request.quantity),
            let need = ledger.buyRequirement(price: price, quantity: request.quantity)
        else { return .zero }
        return need - value
    }

    private func riskBook(_ book: OrderBook, _ request: OrderRequest) -> RiskBook {
        var view = RiskBook(
            bestBid: book.bestBid ?? .zero, bestOffer: book.bestAsk ?? .zero,
            quoteTime: quoteTimes[Int(request.instrument.rawValue)])
        guard request.kind != .cancel, phase == .continuous else { return view }
        view.oppositeDepth = book.topQuantity(request.side.opposite, levels: 5)
        let isMarket = request.type == .market
        let opposite = request.side == .buy ? view.bestOffer : view.bestBid
        guard opposite > .zero else { return view }
        let reaches = request.side == .buy ? request.price >= opposite : request.price <= opposite
        guard isMarket || reaches else { return view }
        let sweep = book.sweep(
            side: request.side, price: isMarket ? nil : request.price, quantity: request.quantity,
            levelsMax: isMarket ? book.marketLevelsMax : Self.sweepLevelsMax)
        view.sweptLevels = Int32(sweep.levels)
        view.sweptQuantity = sweep.quantity
        view.sweptValue = sweep.value
        view.sweptWorstPrice = sweep.worstPrice
        return view
    }
}
