/// Group A, rules 1-21: is the message a well-formed order at all. Reason codes: FIX 4.4 tags 103 and 102.
extension RiskRule {
    static let validityRows: [RiskRule] = [
        RiskRule(
            .requiredFields, .order, mandatory: true, reason: 11, kinds: .all, "a required field is missing"),
        // Bits: buy 1, sell 2.
        RiskRule(.sideAllowed, .order, .bitSet, 0b110, reason: 11, "side not allowed"),
        // Threshold: types in continuous trading (market 1, limit 2); second: types in calls.
        RiskRule(
            .orderTypeAllowed, .order, .bitSet, 0b110, second: 0b100, .bitSet, reason: 11,
            "order type not allowed in this phase"),
        // Threshold: continuous (DAY 0, IOC 3, FOK 4); second: calls, where nothing can trade at once.
        RiskRule(
            .timeInForceAllowed, .order, .bitSet, 0b11001, second: 0b00001, .bitSet, reason: 11,
            "time in force not allowed in this phase"),
        RiskRule(.quantityPositive, .order, mandatory: true, reason: 13, "quantity must be positive"),
        RiskRule(.pricePositive, .order, mandatory: true, reason: 3, "limit price must be positive"),
        RiskRule(.tickSize, .instrument, mandatory: true, reason: 3, "price is not on the tick"),
        RiskRule(.buyLot, .instrument, reason: 13, "buy quantity is not a multiple of the lot"),
        RiskRule(
            .oddLotSale, .accountInstrument, reason: 13, "odd shares are sold in one order with the whole remainder"),
        RiskRule(.quantityMin, .instrument, reason: 13, "quantity below the minimum"),
        RiskRule(.quantityMax, .instrument, reason: 13, "quantity above the exchange's maximum"),
        RiskRule(
            .clientOrderIDUnique, .session, mandatory: true, reason: 6, cancelReason: 6, kinds: .all,
            "ClOrdID was used before"),
        RiskRule(.clientOrderIDWellFormed, .order, .bytes, 20, reason: 99, kinds: .all, "ClOrdID is too long"),
        RiskRule(
            .sendingTimeSkew, .session, .microseconds, 120_000_000, reason: 99, kinds: .all,
            "SendingTime is too far from now"),
        RiskRule(.staleOrder, .order, .microseconds, 5_000_000, reason: 8, "TransactTime is too old"),
        RiskRule(.notionalOverflow, .order, mandatory: true, reason: 3, "price x quantity is out of range"),
        RiskRule(
            .targetOpen, .order, mandatory: true, reason: 5, cancelReason: 1, kinds: .change,
            "no such open order"),
        RiskRule(
            .targetOwned, .account, mandatory: true, reason: 5, cancelReason: 1, kinds: .change,
            "no such open order"),
        RiskRule(
            .replaceConsistent, .order, mandatory: true, reason: 11, kinds: .replace,
            "a replace keeps instrument and side and exceeds the filled quantity"),
        RiskRule(.stopTriggerSide, .order, reason: 11, "stop price on the wrong side of the last price"),
        // Threshold: least display quantity; second: least share of the order.
        RiskRule(
            .icebergDisplay, .order, .shares, 100, second: 1_000, .basisPoints, reason: 11,
            "display quantity out of range"),
    ]
}
