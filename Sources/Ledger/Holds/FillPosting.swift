public import Market

/// All legs of one fill: one row of the transfers table says everything that moved.
///
/// Buyer pays `buyerCost`, seller gets `sellerProceeds`, the house's accounts get the fees of both; the sum is zero.
@frozen
public struct FillPosting: Hashable, Sendable {
    /// Who pays and receives shares.
    public var buyer: AccountID
    /// Who delivers shares and is paid.
    public var seller: AccountID
    /// What was traded.
    public var instrument: InstrumentID
    /// At which price.
    public var price: Price
    /// How many shares.
    public var quantity: Quantity
    /// Price x quantity.
    public var value: Money
    /// What this fill added to the fees of the buyer's order.
    public var buyerFees: Fees
    /// What this fill added to the fees of the seller's order.
    public var sellerFees: Fees

    /// A posting of these legs.
    @inlinable
    public init(
        buyer: AccountID, seller: AccountID, instrument: InstrumentID, price: Price, quantity: Quantity, value: Money,
        buyerFees: Fees, sellerFees: Fees
    ) {
        self.buyer = buyer
        self.seller = seller
        self.instrument = instrument
        self.price = price
        self.quantity = quantity
        self.value = value
        self.buyerFees = buyerFees
        self.sellerFees = sellerFees
    }

    /// What the buyer pays.
    @inlinable
    public var buyerCost: Money { value + buyerFees.total }
    /// What the seller receives, never negative.
    @inlinable
    public var sellerProceeds: Money { value - sellerFees.total }
    /// Commission of both sides.
    @inlinable
    public var commission: Money { buyerFees.commission + sellerFees.commission }
    /// Transfer fees of both sides.
    @inlinable
    public var transferFee: Money { buyerFees.transferFee + sellerFees.transferFee }
    /// Stamp duty.
    @inlinable
    public var stampDuty: Money { buyerFees.stampDuty + sellerFees.stampDuty }

    /// The cash legs as transfers, those of nothing left out: for statements and audits, not for the hot path.
    public var cashTransfers: [CashTransfer] {
        [
            CashTransfer(debit: buyer, credit: seller, amount: value),
            CashTransfer(debit: buyer, credit: HouseAccount.commission, amount: buyerFees.commission),
            CashTransfer(debit: buyer, credit: HouseAccount.transferFee, amount: buyerFees.transferFee),
            CashTransfer(debit: seller, credit: HouseAccount.commission, amount: sellerFees.commission),
            CashTransfer(debit: seller, credit: HouseAccount.transferFee, amount: sellerFees.transferFee),
            CashTransfer(debit: seller, credit: HouseAccount.stampDuty, amount: sellerFees.stampDuty),
        ].filter { $0.amount != .zero }
    }

    /// The share leg.
    public var shareTransfer: ShareTransfer {
        ShareTransfer(debit: seller, credit: buyer, instrument: instrument, quantity: quantity)
    }
}
