public import Market

extension Ledger {
    /// Posts one fill between two holds: cash leg, share leg and fees, all or nothing.
    ///
    /// The buyer's frozen cash becomes the worst case of what is still open, so any price improvement returns at once;
    /// the hold covers the cost because the fee of the cumulative value grows with it. The seller's fees never exceed
    /// this fill's value: what a fill of a few cents cannot bear (at most 0.03 yuan) is waived.
    ///
    /// - Returns: The posting to record; refused with `invalidQuantity`, `invalidPrice`, `holdMismatch`,
    ///   `quantityBeyondOpen`, `priceBeyondHold`, `valueTooLarge`, `positionsFull`.
    public mutating func fill(
        buyer: inout OrderHold, seller: inout OrderHold, price: Price, quantity: Quantity
    ) -> Result<FillPosting, LedgerRefusal> {
        if let refusal = Self.check(buyer: buyer, seller: seller, price: price, quantity: quantity) {
            return .failure(refusal)
        }
        guard let value = Money.value(price, quantity), value <= FeeSchedule.valueMax - buyer.cumulativeValue,
            value <= FeeSchedule.valueMax - seller.cumulativeValue,
            let rest = Money.value(buyer.price, buyer.open - quantity),
            rest <= FeeSchedule.valueMax - buyer.cumulativeValue - value
        else { return .failure(.valueTooLarge) }
        guard let row = positions.ensureRow(buyer.account, buyer.instrument) else { return .failure(.positionsFull) }

        let buyerFees = charge(&buyer, quantity: quantity, value: value, rest: rest)
        let sellerFees = charge(&seller, quantity: quantity, value: value)
        let posting = FillPosting(
            buyer: buyer.account, seller: seller.account, instrument: buyer.instrument, price: price,
            quantity: quantity, value: value, buyerFees: buyerFees, sellerFees: sellerFees)
        move(seller.account, available: posting.sellerProceeds, unsettled: posting.sellerProceeds)
        move(row: Int(seller.row), settled: .zero - quantity, frozen: .zero - quantity)
        move(row: row, unsettled: quantity)
        collectFees(of: posting)
        return .success(posting)
    }

    private static func check(
        buyer: borrowing OrderHold, seller: borrowing OrderHold, price: Price, quantity: Quantity
    ) -> LedgerRefusal? {
        guard quantity > .zero else { return .invalidQuantity }
        guard price > .zero else { return .invalidPrice }
        guard buyer.side == .buy, seller.side == .sell, buyer.instrument == seller.instrument else {
            return .holdMismatch
        }
        guard quantity <= buyer.open, quantity <= seller.open else { return .quantityBeyondOpen }
        return price <= buyer.price ? nil : .priceBeyondHold
    }

    /// Spends the buyer's hold: cost out, the worst case of the rest stays frozen, the difference is available again.
    private mutating func charge(_ hold: inout OrderHold, quantity: Quantity, value: Money, rest: Money) -> Fees {
        let before = fees.fees(on: hold.cumulativeValue, side: .buy)
        hold.cumulativeValue += value
        let due = fees.fees(on: hold.cumulativeValue, side: .buy)
        let increase = due - before
        let frozen = rest + fees.fees(on: hold.cumulativeValue + rest, side: .buy).total - due.total
        let cost = value + increase.total
        move(hold.account, available: hold.frozenCash - cost - frozen, frozen: frozen - hold.frozenCash)
        hold.frozenCash = frozen
        hold.open -= quantity
        hold.cumulativeQuantity += quantity
        return increase
    }

    /// The seller's fees on this fill, capped at its value: tax first, then the depository, then the broker.
    private mutating func charge(_ hold: inout OrderHold, quantity: Quantity, value: Money) -> Fees {
        let before = fees.fees(on: hold.cumulativeValue, side: .sell)
        hold.cumulativeValue += value
        hold.open -= quantity
        hold.cumulativeQuantity += quantity
        let increase = fees.fees(on: hold.cumulativeValue, side: .sell) - before
        guard increase.total > value else { return increase }
        let stamp = min(increase.stampDuty, value)
        let transfer = min(increase.transferFee, value - stamp)
        return Fees(
            commission: min(increase.commission, value - stamp - transfer), transferFee: transfer, stampDuty: stamp)
    }

    private mutating func collectFees(of posting: FillPosting) {
        move(HouseAccount.commission, available: posting.commission)
        move(HouseAccount.transferFee, available: posting.transferFee)
        move(HouseAccount.stampDuty, available: posting.stampDuty)
    }
}
