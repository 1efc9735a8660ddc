/// What is kept for one account: 80 bytes.
struct AccountState {
    /// Value traded today, milli-yuan.
    var filledValue: Int64 = 0
    /// Value of open buys and of open sells, at the orders' prices.
    var openBuyValue: Int64 = 0
    var openSellValue: Int64 = 0
    var openOrders: Int32 = 0
    /// Orders accepted, ever: the weight of `meanQuantity`.
    var orders: UInt32 = 0
    /// Messages accepted today.
    var messages: UInt32 = 0
    /// Mean quantity of its orders, exponentially weighted by 1/16, in 1/256 shares; at most 8,388,607 shares.
    var meanQuantity: UInt32 = 0
    /// Messages accepted in the last second.
    var window = RateWindow()
    var flags: RiskFlags = []

    /// Everything today, traded and open.
    var grossValue: Int64 { saturatingSum(filledValue, saturatingSum(openBuyValue, openSellValue)) }

    /// Takes an accepted order's quantity into the mean.
    mutating func observe(quantity: Int64) {
        let scaled = Int64(min(quantity, 8_388_607)) << 8
        let mean = Int64(meanQuantity)
        meanQuantity = UInt32(truncatingIfNeeded: orders == 0 ? scaled : mean + (scaled - mean) / 16)
        orders = orders == .max ? orders : orders + 1
    }
}
