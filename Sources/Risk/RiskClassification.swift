/// The ten groups of the indicator table.
public enum RiskGroup: Character, Sendable, CaseIterable {
    case validity = "A"
    case identity = "B"
    case phase = "C"
    case price = "D"
    case size = "E"
    case funds = "F"
    case loss = "G"
    case rate = "H"
    case abuse = "I"
    case health = "J"

    /// The group a rule number belongs to; numbers run 1...144 in group order.
    ///
    /// - Precondition: `number` is in 1...144.
    public init(number: UInt8) {
        precondition((1...144).contains(number), "rule numbers run from 1 to 144")
        switch number {
        case ...21: self = .validity
        case ...39: self = .identity
        case ...48: self = .phase
        case ...66: self = .price
        case ...80: self = .size
        case ...104: self = .funds
        case ...113: self = .loss
        case ...126: self = .rate
        case ...138: self = .abuse
        default: self = .health
        }
    }
}

/// What an indicator's state is kept for.
public enum RiskScope: String, Sendable, CaseIterable {
    case order
    case session
    case account
    case instrument
    case accountInstrument = "account_instrument"
    case strategy
    case firm
    case market
}

/// The unit of an indicator's thresholds.
public enum RiskUnit: String, Sendable, CaseIterable {
    /// A fact that holds or does not; such rules have no threshold.
    case flag
    /// A set of raw values, bit `rawValue` of each member.
    case bitSet = "bit_set"
    case bytes
    case shares
    /// 1/10,000.
    case basisPoints = "basis_points"
    case ticks
    /// A plain factor.
    case multiple
    case count
    case milliYuan = "milli_yuan"
    case microseconds
    case perSecond = "per_second"
    /// Messages a token bucket holds.
    case messages

    /// The greatest threshold of this unit; within it no comparison can overflow 64 bits.
    public var thresholdMax: Int64 {
        switch self {
        case .flag: 0
        case .bitSet: 0xFFFF
        case .bytes: 20
        case .basisPoints, .ticks, .multiple: 1_000_000
        case .perSecond, .messages: 10_000_000
        case .shares, .count: 1 << 40
        case .microseconds: 86_400_000_000
        case .milliYuan: 1 << 60
        }
    }
}

/// What a failed indicator does to its request.
public enum RiskSeverity: UInt8, Sendable, CaseIterable {
    /// The request is refused with the rule's code.
    case reject = 0
    /// The failure is recorded and counted; the request goes on.
    case warn = 1
}
