public import Market

/// What is owed: money, or shares of one instrument.
public enum Asset: Hashable, Comparable, Sendable {
    /// Milli-yuan.
    case cash
    /// Shares of an instrument.
    case shares(InstrumentID)

    /// The asset as one number: `UInt32.max` is cash, anything else an instrument.
    public var code: UInt32 {
        switch self {
        case .cash: .max
        case .shares(let instrument): instrument.rawValue
        }
    }

    /// The asset of a code.
    public init(code: UInt32) { self = code == .max ? .cash : .shares(InstrumentID(code)) }

    /// Instruments ascending, cash last.
    public static func < (a: Asset, b: Asset) -> Bool { a.code < b.code }
}
