/// How an exchange chooses among prices of equal volume: a chain of tie-breaks, as data.
///
/// Both exchanges first take the largest volume and then keep the prices at which every better-priced order fills;
/// that part is the auction itself and not optional. `tieBreaks` narrow what is left, in order; should more than one
/// price still stand, the lowest wins.
public struct AuctionPolicy: Equatable, Sendable {
    /// One step that narrows the remaining prices.
    public enum TieBreak: Equatable, Sendable {
        /// Keep the prices with the least difference of buy and sell quantity.
        case leastImbalance
        /// The middle of the lowest and the highest remaining price.
        case middle(halfTick: Rounding)
        /// The remaining price nearest to the reference; `equallyNear` says which of two.
        case closestToReference(equallyNear: Rounding)
    }

    /// Towards which price a half is resolved.
    public enum Rounding: Equatable, Sendable {
        case up
        case down
    }

    /// Which prices compete.
    public enum Candidates: Equatable, Sendable {
        /// Prices at which an order stands.
        case declaredPrices
        /// Every tick between the best ask and the best bid.
        case everyTick
    }

    /// Applied in this order to the prices of largest volume.
    public var tieBreaks: [TieBreak]
    /// The prices among which the auction chooses.
    public var candidates: Candidates

    /// A policy.
    public init(tieBreaks: [TieBreak], candidates: Candidates = .declaredPrices) {
        self.tieBreaks = tieBreaks
        self.candidates = candidates
    }

    /// Shanghai: least imbalance, then the middle, half a tick up (the rounding is not settled by public data).
    public static let shanghai = AuctionPolicy(tieBreaks: [.leastImbalance, .middle(halfTick: .up)])

    /// Shenzhen: least imbalance, then nearest to the reference; of two equally near the higher (not documented).
    public static let shenzhen = AuctionPolicy(
        tieBreaks: [.leastImbalance, .closestToReference(equallyNear: .up)])
}
