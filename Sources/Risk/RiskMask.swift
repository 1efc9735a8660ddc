/// A set of rule numbers 0...191, bit = rule number: three words that go into the journal as they are.
@frozen
public struct RiskMask: Hashable, Sendable {
    /// Rules 0...63.
    public var low: UInt64
    /// Rules 64...127.
    public var middle: UInt64
    /// Rules 128...191.
    public var high: UInt64

    /// The set with these words.
    @inlinable
    public init(low: UInt64 = 0, middle: UInt64 = 0, high: UInt64 = 0) {
        self.low = low
        self.middle = middle
        self.high = high
    }

    /// The set of the given indicators.
    public init(_ indicators: some Sequence<RiskIndicator>) {
        self.init()
        for indicator in indicators { insert(indicator.rawValue, when: true) }
    }

    /// Adds `number` where `condition` holds, without a branch; constant numbers fold to one shift and one or.
    ///
    /// - Precondition: `number` < 192 (greater numbers are ignored).
    @inlinable @inline(__always)
    public mutating func insert(_ number: UInt8, when condition: Bool) {
        let bit = (condition ? 1 as UInt64 : 0) << UInt64(number & 63)
        switch number >> 6 {
        case 0: low |= bit
        case 1: middle |= bit
        case 2: high |= bit
        default: break
        }
    }

    /// Whether the rule of that number is in the set.
    @inlinable
    public func contains(_ number: UInt8) -> Bool {
        let word = number < 64 ? low : number < 128 ? middle : number < 192 ? high : 0
        return word >> UInt64(number & 63) & 1 == 1
    }

    /// Whether the indicator is in the set.
    @inlinable
    public func contains(_ indicator: RiskIndicator) -> Bool { contains(indicator.rawValue) }

    /// Whether no rule is in the set.
    @inlinable
    public var isEmpty: Bool { low | middle | high == 0 }

    /// The number of rules in the set.
    @inlinable
    public var count: Int { low.nonzeroBitCount + middle.nonzeroBitCount + high.nonzeroBitCount }

    /// The lowest rule number in the set, nil where it is empty.
    @inlinable
    public var lowest: UInt8? {
        if low != 0 { return UInt8(truncatingIfNeeded: low.trailingZeroBitCount) }
        if middle != 0 { return UInt8(truncatingIfNeeded: 64 + middle.trailingZeroBitCount) }
        if high != 0 { return UInt8(truncatingIfNeeded: 128 + high.trailingZeroBitCount) }
        return nil
    }

    /// The rule numbers in ascending order; for messages and counters of refused requests, it allocates.
    public var numbers: [UInt8] {
        var rest = self
        var numbers: [UInt8] = []
        while let number = rest.popLowest() { numbers.append(number) }
        return numbers
    }

    /// Removes the lowest rule number and returns it, nil where the set is empty.
    @inlinable
    public mutating func popLowest() -> UInt8? {
        guard let number = lowest else { return nil }
        if low != 0 {
            low &= low &- 1
        } else if middle != 0 {
            middle &= middle &- 1
        } else {
            high &= high &- 1
        }
        return number
    }

    /// The rules that are in both sets.
    @inlinable
    public static func & (a: RiskMask, b: RiskMask) -> RiskMask {
        RiskMask(low: a.low & b.low, middle: a.middle & b.middle, high: a.high & b.high)
    }

    /// The rules that are in either set.
    @inlinable
    public static func | (a: RiskMask, b: RiskMask) -> RiskMask {
        RiskMask(low: a.low | b.low, middle: a.middle | b.middle, high: a.high | b.high)
    }

    /// The rules 0...191 that are not in this set.
    @inlinable
    public var complement: RiskMask { RiskMask(low: ~low, middle: ~middle, high: ~high) }
}
