extension HouseAccount {
    /// The central counterparty: every net obligation of the end of day is against it, and it ends the day flat.
    public static let centralCounterparty = AccountID(5)
}
