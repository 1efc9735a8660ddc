/// When users come and go: the moments at which a profile's number of users changes by one.
///
/// User u (from 0) is there while the number is above u, so the last to come is the first to go. A worker's own users are
/// those with `u % of == index`.
package struct UserChanges {
    private let stages: [UserProfile.Stage]
    private let stripe: Stripe
    private var stage = 0
    private var stageBegin = 0.0
    /// Users at the begin of the stage, and how many changes of it were given.
    private var before = 0
    private var given = 0

    package init(_ profile: UserProfile, stripe: Stripe) {
        stages = profile.stages
        self.stripe = stripe
    }

    /// The next change: seconds after the scenario's start, the user, and whether it comes.
    package mutating func next() -> (time: Double, user: Int, comes: Bool)? {
        while stage < stages.count {
            let end = stages[stage]
            let difference = end.users - before
            while given < abs(difference) {
                given += 1
                let comes = difference > 0
                let user = comes ? before + given - 1 : before - given
                guard user % stripe.of == stripe.index else { continue }
                return (stageBegin + end.seconds * Double(given) / Double(abs(difference)), user, comes)
            }
            stageBegin += end.seconds
            before = end.users
            given = 0
            stage += 1
        }
        return nil
    }
}

extension UserProfile {
    /// The greatest number of users.
    var peak: Int { stages.reduce(0) { max($0, $1.users) } }
}

extension UserSteps {
    /// The steps as a profile: each begins with a ramp over half its settling time, so that new users do not move in
    /// step.
    var profile: UserProfile {
        UserProfile(
            counts.flatMap { count in
                [
                    UserProfile.Stage(users: count, seconds: settleSeconds / 2),
                    UserProfile.Stage(users: count, seconds: settleSeconds / 2 + holdSeconds),
                ]
            })
    }
}
