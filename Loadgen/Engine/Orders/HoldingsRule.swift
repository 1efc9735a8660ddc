/// Which accounts hold which instruments, by arithmetic instead of a table.
///
/// Client k (account `first + k`) holds the instruments `(k * stride + j) mod M` for j in 0..<perAccount, M being the
/// number of instruments. Seen from an instrument i, its holders are the solutions of `k * stride = i - j (mod M)`:
/// for each j either none or one residue class modulo `M / gcd(stride, M)`. The seeding of the accounts and the
/// generator share this rule, so that sells find shares.
public struct HoldingsRule: Sendable, Equatable {
    /// Step between the first instruments of neighbouring accounts.
    public var stride: Int
    /// Instruments an account holds.
    public var perAccount: Int

    /// A rule; both at least 1.
    public init(stride: Int = 7, perAccount: Int = 10) {
        precondition(stride > 0 && perAccount > 0, "stride and perAccount are positive")
        self.stride = stride
        self.perAccount = perAccount
    }

    /// Whether client `client` holds `instrument`.
    public func holds(client: Int, instrument: Int, instruments: Int) -> Bool {
        (0..<perAccount).contains { (client * stride + $0) % instruments == instrument }
    }
}

/// Finds holders of an instrument under a rule.
struct HolderIndex: Sendable {
    private let rule: HoldingsRule
    private let clients: Int
    private let instruments: Int
    private let divisor: Int
    private let period: Int
    private let inverse: Int

    init(_ rule: HoldingsRule, clients: Int, instruments: Int) {
        self.rule = rule
        self.clients = clients
        self.instruments = instruments
        var (a, b) = (rule.stride % instruments, instruments)
        while a != 0 { (a, b) = (b % a, a) }
        divisor = b
        period = instruments / divisor
        inverse = Self.inverse(of: rule.stride / divisor % max(period, 1), modulo: period)
    }

    /// A holder of `instrument` near `client`: in the same run of `period` clients, or the nearest before it.
    ///
    /// - Parameter choice: picks one of the instrument's residue classes.
    /// - Returns: nil where no client holds it (few clients, many instruments).
    func holder(of instrument: Int, near client: Int, choice: Int) -> Int? {
        for step in 0..<rule.perAccount {
            let offset = (choice + step) % rule.perAccount
            let difference = ((instrument - offset) % instruments + instruments) % instruments
            guard difference % divisor == 0 else { continue }
            let residue = (difference / divisor % period) * inverse % period
            var found = client - client % period + residue
            if found >= clients { found -= period }
            if found >= 0 && found < clients { return found }
        }
        return nil
    }

    /// The number whose product with `value` is 1 modulo `modulus` (extended Euclid); 0 for modulus 1.
    private static func inverse(of value: Int, modulo modulus: Int) -> Int {
        var (old, new) = (value, modulus)
        var (oldFactor, newFactor) = (1, 0)
        while new != 0 {
            let quotient = old / new
            (old, new) = (new, old - quotient * new)
            (oldFactor, newFactor) = (newFactor, oldFactor - quotient * newFactor)
        }
        return modulus > 1 ? (oldFactor % modulus + modulus) % modulus : 0
    }
}
