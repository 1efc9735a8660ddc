/// What a learned policy may do to one service in one control period: seven steps, small ones in replicas and large
/// ones in shares, because an opening needs doublings.
public enum ReplicaAction: Int, CaseIterable, Sendable {
    /// Two replicas fewer.
    case downTwo
    /// One replica fewer.
    case downOne
    /// As it is.
    case hold
    /// One replica more.
    case upOne
    /// Two replicas more.
    case upTwo
    /// A quarter more, rounded up.
    case upQuarter
    /// Twice as many.
    case double

    /// Number of actions.
    public static let count = allCases.count

    /// Replicas ordered after the step from `ordered`; not bounded by a profile.
    public func replicas(from ordered: Int) -> Int {
        switch self {
        case .downTwo: ordered - 2
        case .downOne: ordered - 1
        case .hold: ordered
        case .upOne: ordered + 1
        case .upTwo: ordered + 2
        case .upQuarter: ordered + (ordered + 3) / 4
        case .double: ordered * 2
        }
    }

    /// The allowed step from `ordered` that ends nearest to `target`; among equals the one that leaves more replicas,
    /// then the first.
    public static func nearest(to target: Int, from ordered: Int, allowed: ActionMask) -> ReplicaAction {
        var best = ReplicaAction.hold
        var least = Int.max
        for action in allCases where allowed[action] {
            let replicas = action.replicas(from: ordered)
            let distance = 2 * abs(replicas - target) + (replicas < target ? 1 : 0)
            if distance < least { (best, least) = (action, distance) }
        }
        return best
    }

    /// The word of the journal and of tables.
    public var word: String {
        switch self {
        case .downTwo: "-2"
        case .downOne: "-1"
        case .hold: "0"
        case .upOne: "+1"
        case .upTwo: "+2"
        case .upQuarter: "+25%"
        case .double: "+100%"
        }
    }
}
