extension RiskLimits {
    /// For recorded exchange order flow, which the exchange itself has accepted already.
    ///
    /// Only what protects the books and what the exchange checks itself refuses: validity, tick, lot, band, phase, cash
    /// and shares. Warnings instead, and why:
    ///
    /// | rules | why recorded flow may break them |
    /// |---|---|
    /// | 9 | the real seller's odd remainder is not in the recording |
    /// | 14, 15 | recorded times are not today's |
    /// | 51-61, 63, 64, 70-72 | the flow prices anywhere in the band and sweeps the book; brokers' collars are not the exchange's |
    /// | 67-69, 73-80 | one account may stand for every trader of the day |
    /// | 114-121 | the open delivers thousands of orders within one recorded second |
    public static let exchangeReplay: RiskLimits = {
        var limits = RiskLimits()
        let softened: [ClosedRange<UInt8>] = [
            9...9, 14...15, 51...61, 63...64, 67...80, 114...116, 118...119, 121...121,
        ]
        for number in softened.joined() { limits.soften(number) }
        return limits
    }()

    /// Turns a rule of the table that is not mandatory into a warning.
    mutating func soften(_ number: UInt8) {
        do {
            try set(number, severity: .warn)
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
