/// Traded quantity and value of the last one to two half windows: a ring of two buckets (rule 56).
struct TurnoverWindow {
    private var current = Turnover()
    private var previous = Turnover()
    private var bucket: Int64 = 0

    /// Adds a trade at `time`, with buckets of `half` microseconds.
    mutating func add(price: Int64, quantity: Int64, time: Int64, half: Int64) {
        advance(to: time / half)
        current.quantity = saturatingSum(current.quantity, quantity)
        current.value = saturatingSum(current.value, saturatingProduct(price, quantity))
    }

    /// The mean price of the trades still in the window at `time`, 0 where there are none.
    func mean(at time: Int64, half: Int64) -> Int64 {
        var window = self
        window.advance(to: time / half)
        let quantity = saturatingSum(window.current.quantity, window.previous.quantity)
        let value = saturatingSum(window.current.value, window.previous.value)
        return quantity == 0 ? 0 : value / quantity
    }

    private mutating func advance(to now: Int64) {
        guard now > bucket else { return }
        previous = now == bucket + 1 ? current : Turnover()
        current = Turnover()
        bucket = now
    }
}

/// A quantity and its value.
struct Turnover {
    var quantity: Int64 = 0
    var value: Int64 = 0
}

/// `a + b` without overflow: a risk sum that is too great must stay too great.
@inline(__always)
func saturatingSum(_ a: Int64, _ b: Int64) -> Int64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? (b > 0 ? .max : .min) : sum
}

/// `a` x `b` for amounts that are not negative, without overflow.
@inline(__always)
func saturatingProduct(_ a: Int64, _ b: Int64) -> Int64 {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? .max : product
}
