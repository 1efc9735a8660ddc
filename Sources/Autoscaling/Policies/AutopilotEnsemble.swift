/// Autopilot's recommender that learns (EuroSys 2020, section 3.2.2): many models, each a decay and a margin, of which
/// the one with the least past cost recommends.
///
/// After every interval with the histogram s of usage, for model m and candidate limit L:
/// ```
/// o(L) = (1 - d_m) o(L) + d_m sum_{b > L} s[b]        u(L) = (1 - d_m) u(L) + d_m sum_{b < L} s[b]
/// L'_m = argmin_L w_o o(L) + w_u u(L) + w_dl [L != L'_m before]          L_m = L'_m + M_m
/// c_m  = d (w_o o_now(L_m) + w_u u_now(L_m) + w_dl [L_m != L_m before]) + (1 - d) c_m
/// L    = L_m of argmin_m c_m + w_dm [m != m before] + w_dL [L_m != L before]
/// ```
/// The weights enter the comparison only, never the recursion; [x] is 1 where x holds; each model has its own memory.
/// s is scaled to a sum of 1, so an interval counts the same however often it was read. The first of equals wins.
public struct AutopilotEnsemble: Sendable, Equatable {
    /// One model.
    public struct Model: Sendable, Equatable {
        /// Weight of the newest interval, more than 0 and at most 1 (d_m).
        public var decay: Double
        /// Buckets added to the limit (M_m).
        public var margin: Int

        /// A model.
        public init(decay: Double, margin: Int) {
            self.decay = decay
            self.margin = margin
        }
    }

    /// Prices of what a limit does.
    public struct Weights: Sendable, Equatable {
        /// Of usage above the limit (w_o).
        public var overrun = 1.0
        /// Of usage below it (w_u).
        public var underrun = 0.05
        /// Of a change of a model's limit (w_dl).
        public var change = 0.01
        /// Of a change of the model (w_dm).
        public var modelChange = 0.02
        /// Of a change of the limit in force (w_dL).
        public var limitChange = 0.02
        /// Weight of the newest interval in a model's cost, 0...1 (d).
        public var costDecay = 0.1

        /// The defaults; the paper prints none.
        public init() {}
    }

    /// Costs nearer than this are equal, whatever rounding did to them.
    private static let equal = 1e-12

    private struct Memory: Sendable, Equatable {
        var over: [Double]
        var under: [Double]
        var bare: Int?
        var limit: Int?
        var cost = 0.0
    }

    /// The models.
    public let models: [Model]
    /// The prices.
    public let weights: Weights
    /// Buckets of the histograms; a limit is a bucket's number.
    public let buckets: Int
    private var memories: [Memory]
    /// The model in force; nil before the first interval.
    public private(set) var model: Int?
    /// The limit in force, a bucket's number; nil before the first interval.
    public private(set) var limit: Int?

    /// An ensemble without history; there is at least one model and one bucket.
    public init(models: [Model], weights: Weights = Weights(), buckets: Int) {
        precondition(!models.isEmpty && buckets > 0, "an ensemble has models and buckets")
        precondition(models.allSatisfy { $0.decay > 0 && $0.decay <= 1 && $0.margin >= 0 }, "a decay is in 0...1")
        self.models = models
        self.weights = weights
        self.buckets = buckets
        let none = [Double](repeating: 0, count: buckets)
        memories = models.map { _ in Memory(over: none, under: none) }
    }

    /// Takes an interval's histogram, one number for each bucket, and returns the limit then in force; one without
    /// usage changes nothing.
    @discardableResult
    public mutating func endInterval(_ histogram: [Double]) -> Int? {
        precondition(histogram.count == buckets, "\(histogram.count) numbers for \(buckets) buckets")
        let total = histogram.reduce(0, +)
        guard total > 0, total.isFinite else { return limit }
        var (over, under) = (histogram, histogram)
        var below = 0.0
        for bucket in histogram.indices {
            let share = histogram[bucket] / total
            under[bucket] = below
            below += share
            over[bucket] = max(0, 1 - below)
        }
        for index in models.indices { learn(index, over, under) }
        var best = 0
        var least = Double.infinity
        for index in models.indices {
            var cost = memories[index].cost
            if let model, model != index { cost += weights.modelChange }
            if let limit, memories[index].limit != limit { cost += weights.limitChange }
            if cost < least - Self.equal { (best, least) = (index, cost) }
        }
        model = best
        limit = memories[best].limit
        return limit
    }

    private mutating func learn(_ index: Int, _ over: [Double], _ under: [Double]) {
        let model = models[index]
        var (best, least) = (0, Double.infinity)
        for bucket in 0..<buckets {
            memories[index].over[bucket] += model.decay * (over[bucket] - memories[index].over[bucket])
            memories[index].under[bucket] += model.decay * (under[bucket] - memories[index].under[bucket])
            var cost =
                weights.overrun * memories[index].over[bucket] + weights.underrun * memories[index].under[bucket]
            if let before = memories[index].bare, before != bucket { cost += weights.change }
            if cost < least - Self.equal { (best, least) = (bucket, cost) }
        }
        let limit = min(buckets - 1, best + model.margin)
        var now = weights.overrun * over[limit] + weights.underrun * under[limit]
        if let before = memories[index].limit, before != limit { now += weights.change }
        memories[index].cost += weights.costDecay * (now - memories[index].cost)
        memories[index].bare = best
        memories[index].limit = limit
    }
}
