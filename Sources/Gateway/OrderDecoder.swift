internal import FIX
internal import Market

/// Turns well-formed D, F, G and H messages into requests, or says how to refuse them.
///
/// What the standard allows but this market does not have (short sales, stop orders, GTC) is refused as an
/// unsupported order characteristic. Unknown accounts and symbols are passed on: risk rules have their own codes.
enum OrderDecoder {
    enum Outcome {
        case request(OrderRequest)
        case status(OrderStatusQuery)
        /// A field's form is wrong: Reject (35=3).
        case malformed(SessionReject)
        /// A field that this message needs is missing: BusinessMessageReject 380=5.
        case incomplete(tag: Int)
        /// Side, type or time in force that is not traded here.
        case unsupported(tag: Int)
        /// Not a message of order entry: BusinessMessageReject 380=3.
        case notServed
    }

    static func decode(
        _ fields: borrowing FieldIndex, session: SessionID, now: Int64,
        resolve: (UInt32) -> InstrumentID?
    ) -> Outcome {
        let kind: RequestKind
        switch fields.messageType {
        case .newOrderSingle: kind = .new
        case .orderCancelRequest: kind = .cancel
        case .orderCancelReplaceRequest: kind = .replace
        case .orderStatusRequest: return decodeStatus(fields, session, resolve)
        default: return .notServed
        }
        guard let id = clientOrderID(fields, Tag.clOrdID) else { return .malformed(.init(.valueIncorrect, tag: 11)) }
        var original: ClientOrderID?
        if kind != .new {
            original = clientOrderID(fields, Tag.origClOrdID)
            guard original != nil else { return .malformed(.init(.valueIncorrect, tag: 41)) }
        }
        guard fields.contains(Tag.account) else { return .incomplete(tag: Tag.account) }
        guard let account = accountID(fields) else { return .malformed(.init(.valueIncorrect, tag: 1)) }
        guard let side = side(fields) else { return .unsupported(tag: Tag.side) }
        guard let quantity = fields.quantity(Tag.orderQty) else { return .malformed(.init(.valueIncorrect, tag: 38)) }
        var request = OrderRequest(
            kind: kind, session: session, account: account, instrument: instrument(fields, resolve),
            clientOrderID: id, originalClientOrderID: original, side: side, quantity: Quantity(quantity),
            transactTime: fields.timestamp(Tag.transactTime) ?? 0, receiveTime: now,
            sendingTime: fields.timestamp(Tag.sendingTime) ?? 0, origin: UInt64(max(0, now)))
        guard kind != .cancel else { return .request(request) }
        return decodeTerms(fields, &request)
    }

    /// Type, price and time in force of a new or replacing order.
    private static func decodeTerms(_ fields: borrowing FieldIndex, _ request: inout OrderRequest) -> Outcome {
        switch fields.char(Tag.ordType) {
        case UInt8(ascii: "1"): request.type = .market
        case UInt8(ascii: "2"): request.type = .limit
        default: return .unsupported(tag: Tag.ordType)
        }
        if request.type == .limit {
            guard fields.contains(Tag.price) else { return .incomplete(tag: Tag.price) }
            guard let price = fields.decimalMilli(Tag.price) else { return .malformed(.init(.valueIncorrect, tag: 44)) }
            request.price = Price(milli: price)
        }
        switch fields.char(Tag.timeInForce) ?? UInt8(ascii: "0") {
        case UInt8(ascii: "0"): request.timeInForce = .day
        case UInt8(ascii: "3"): request.timeInForce = .immediateOrCancel
        case UInt8(ascii: "4"): request.timeInForce = .fillOrKill
        default: return .unsupported(tag: Tag.timeInForce)
        }
        return .request(request)
    }

    private static func decodeStatus(
        _ fields: borrowing FieldIndex, _ session: SessionID, _ resolve: (UInt32) -> InstrumentID?
    ) -> Outcome {
        guard let id = clientOrderID(fields, Tag.clOrdID) else { return .malformed(.init(.valueIncorrect, tag: 11)) }
        guard let side = side(fields) else { return .unsupported(tag: Tag.side) }
        let order = fields.int(Tag.orderID).flatMap { $0 > 0 ? OrderID($0) : nil }
        return .status(
            OrderStatusQuery(
                session: session, clientOrderID: id, order: order, side: side,
                instrument: instrument(fields, resolve)))
    }

    private static func clientOrderID(_ fields: borrowing FieldIndex, _ tag: Int) -> ClientOrderID? {
        guard let index = fields.find(tag) else { return nil }
        let entry = fields.entry(index)
        guard entry.length <= ClientOrderID.lengthMax else { return nil }
        let range = Int(entry.offset)..<Int(entry.offset + entry.length)
        return unsafe fields.withFrame { frame in unsafe ClientOrderID(UnsafeRawBufferPointer(rebasing: frame[range])) }
    }

    private static func accountID(_ fields: borrowing FieldIndex) -> AccountID? {
        guard let number = fields.int(Tag.account) else { return nil }
        return UInt32(exactly: number).map { AccountID($0) }
    }

    private static func side(_ fields: borrowing FieldIndex) -> Side? {
        fields.char(Tag.side).flatMap { $0 >= 0x30 ? Side(rawValue: $0 - 0x30) : nil }
    }

    /// Six digits that are listed; everything else is the unknown instrument.
    private static func instrument(
        _ fields: borrowing FieldIndex, _ resolve: (UInt32) -> InstrumentID?
    ) -> InstrumentID {
        guard let index = fields.find(Tag.symbol), fields.entry(index).length == 6, let number = fields.int(Tag.symbol),
            let symbol = UInt32(exactly: number)
        else { return OrderRequest.unknownInstrument }
        return resolve(symbol) ?? OrderRequest.unknownInstrument
    }
}
