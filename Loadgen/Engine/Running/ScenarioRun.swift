internal import Arrivals
internal import Telemetry

/// A user of a closed scenario; its number is its place in the table.
struct User {
    enum State: UInt8 {
        /// Not there: before it comes, after it left.
        case gone
        case here
        /// Told to leave; it may finish its iteration.
        case leaving
    }

    /// When its iteration is cut at the latest, once it is leaving.
    var leaveBy: UInt64 = .max
    /// Number of its next iteration.
    var ordinal: UInt32 = 0
    var scenario: Int16
    var state = State.gone
    /// It has an iteration, or one to come on the heap.
    var isBusy = false

    init(scenario: Int16) { self.scenario = scenario }
}

/// What an executor does beside starting iterations.
enum ControlEvent {
    case userComes(Int)
    case userLeaves(Int)
    case judgeBegins(step: Int)
    case judgeEnds
    case allLeave
}

/// A scenario while it runs: its schedule or its users, and where its steps stand. Times are nanoseconds after the
/// run's start.
struct ScenarioRun {
    let index: Int
    let plan: ScenarioPlan
    let stripe: Stripe
    private let seed: UInt64
    private let digits: Int
    /// When its executor begins and, except for a search, ends.
    private let start: UInt64
    private let end: UInt64
    let gracefulStop: UInt64
    let think: ThinkTime
    let firstUser: Int
    /// Users of this worker, and of all.
    let ownUsers: Int
    let allUsers: Int

    /// Time of the next arrival.
    private(set) var due = UInt64.max
    /// Time of the next event that starts no request.
    private(set) var control = UInt64.max
    /// Unfinished flows end here.
    private(set) var cutAt = UInt64.max
    private(set) var isEnded = false
    private var schedule: ArrivalSchedule?
    private var scheduleStart: UInt64 = 0
    private var group: UInt64 = 0
    private var ordinal: UInt64
    private var changes: UserChanges?
    private var change: (time: Double, user: Int, comes: Bool)?
    private var marks: [(time: UInt64, event: ControlEvent)] = []
    /// Judged windows in order of time, with the index of their `StepResult`.
    private var windows: [(begin: UInt64, end: UInt64, step: Int32)] = []
    private(set) var course: CapacityCourse?
    private(set) var stepEnd: UInt64 = 0
    private var stepIndex = -1
    private var ranSeconds = 0.0
    /// A search's step is over, its last answers are awaited.
    private(set) var isDraining = false
    /// Requests reached and not finished.
    var outstanding = 0
    /// Iterations running.
    var live = 0
    /// Users here.
    var usersHere = 0
    /// CPU time of the thread when the judged part began.
    var judgedCPU = 0.0

    init(_ scenario: ScenarioPlan, index: Int, plan: LoadPlan, firstUser: Int) {
        self.index = index
        self.plan = scenario
        self.firstUser = firstUser
        stripe = plan.stripe
        seed = plan.seed
        digits = plan.recording.digits
        start = UInt64(scenario.start * 1e9)
        end = UInt64((scenario.start + scenario.executor.seconds) * 1e9)
        gracefulStop = UInt64(scenario.gracefulStop * 1e9)
        ordinal = UInt64(plan.stripe.index)
        switch scenario.executor {
        case .users(let profile, let think): (allUsers, self.think) = (profile.peak, think)
        case .steppedUsers(let steps, let think): (allUsers, self.think) = (steps.profile.peak, think)
        case .arrivals, .findCapacity: (allUsers, think) = (0, .none)
        }
        ownUsers = (allUsers + stripe.of - 1 - stripe.index) / stripe.of
    }

    private var stream: String { plan.stream(at: index) }

    /// Draws the first events.
    mutating func begin() {
        switch plan.executor {
        case .arrivals(let process, let profile):
            schedule = arrivals(process, profile, stream)
            scheduleStart = start
            cutAt = end + gracefulStop
            drawArrival()
        case .users(let profile, _):
            changes = UserChanges(profile, stripe: stripe)
            marks = [(end, .allLeave)]
            beginUsers()
        case .steppedUsers(let steps, _):
            changes = UserChanges(steps.profile, stripe: stripe)
            for step in steps.counts.indices {
                let begin = plan.start + Double(step) * (steps.settleSeconds + steps.holdSeconds)
                marks.append((UInt64((begin + steps.settleSeconds) * 1e9), .judgeBegins(step: step)))
                marks.append((UInt64((begin + steps.settleSeconds + steps.holdSeconds) * 1e9), .judgeEnds))
            }
            marks.append((end, .allLeave))
            beginUsers()
        case .findCapacity(let search):
            course = CapacityCourse(search)
            control = start
        }
    }

    private func arrivals(_ process: ArrivalProcess, _ profile: RateProfile, _ stream: String) -> ArrivalSchedule {
        let part = (try? ArrivalSchedule.Stripe(worker: stripe.index, of: stripe.of)) ?? .whole
        return ArrivalSchedule(process, profile: profile, seed: seed, stripe: part, stream: stream)
    }

    // MARK: Arrivals

    private mutating func drawArrival() {
        due = schedule?.next().map { scheduleStart + $0 } ?? .max
        if due == .max, course == nil { isEnded = true }
    }

    /// Takes the arrival that is due: its iteration's number and row.
    mutating func takeArrival() -> (number: UInt64, row: UInt64) {
        let taken = (group << IterationKey.ordinalBits | ordinal, ordinal)
        ordinal += UInt64(stripe.of)
        drawArrival()
        return taken
    }

    // MARK: Users and marks

    private mutating func beginUsers() {
        cutAt = end + gracefulStop
        change = changes?.next()
        setControl()
    }

    private mutating func setControl() {
        let changeTime = change.map { start + UInt64(($0.time * 1e9).rounded()) } ?? .max
        control = min(changeTime, marks.first?.time ?? .max)
        if control == .max { isEnded = true }
    }

    /// The event that is due, of users and their steps.
    mutating func takeControl() -> ControlEvent? {
        let changeTime = change.map { start + UInt64(($0.time * 1e9).rounded()) } ?? .max
        defer { setControl() }
        if let mark = marks.first, mark.time <= changeTime {
            // Who would come at the very end has nothing to do, and nobody would send him away.
            if case .allLeave = mark.event { (change, changes) = (nil, nil) }
            return marks.removeFirst().event
        }
        guard let taken = change else { return nil }
        change = changes?.next()
        return taken.comes ? .userComes(taken.user) : .userLeaves(taken.user)
    }

    /// Row of the user table.
    func slot(ofUser user: Int) -> Int { firstUser + (user - stripe.index) / stripe.of }

    /// Number of the user in a row of the table, over all workers.
    func user(ofSlot slot: Int) -> Int { stripe.index + (slot - firstUser) * stripe.of }

    // MARK: Steps

    /// Opens a window whose requests are judged; `index` is that of its result.
    mutating func openWindow(_ begin: UInt64, _ end: UInt64, result: Int) {
        windows.append((begin, end, Int32(result)))
    }

    /// The result of the step in which a request due at `intended` is judged, -1 for none.
    func judged(_ intended: UInt64) -> Int32 {
        for window in windows.reversed() where window.begin <= intended {
            return intended < window.end ? window.step : -1
        }
        return -1
    }

    /// A new result for the step that is judged from `begin` to `end`.
    func makeResult(_ step: Int, _ begin: UInt64, _ end: UInt64) -> StepResult {
        var made = StepResult(scenario: index, index: step, digits: digits)
        made.begin = Double(begin) / 1e9
        made.end = Double(end) / 1e9
        if case .steppedUsers(let steps, _) = plan.executor {
            made.users = (steps.counts[step] + stripe.of - 1 - stripe.index) / stripe.of
        }
        made.rate = (course?.rate ?? 0) / Double(stripe.of)
        return made
    }

    // MARK: Search

    /// Where a search stands when its control event is due.
    enum SearchTurn {
        case begin, judge(begin: UInt64, end: UInt64, step: Int), drain, end
    }

    /// The next turn of the search at `now`, and when to ask again.
    mutating func turnSearch(_ now: UInt64) -> SearchTurn {
        guard case .findCapacity(let search) = plan.executor, let course else { return .end }
        if isDraining {
            control = now + 1_000_000
            return .drain
        }
        guard let rate = course.rate else {
            control = .max
            cutAt = now + gracefulStop
            isEnded = true
            return .end
        }
        let settle = UInt64(search.settleSeconds * 1e9)
        let length = settle + UInt64(search.stepSeconds * 1e9)
        if stepIndex < course.steps {
            stepIndex = course.steps
            group = UInt64(stepIndex)
            ordinal = UInt64(stripe.index)
            scheduleStart = now
            stepEnd = now + length
            ranSeconds += Double(length) / 1e9
            let profile = RateProfile.constant(rate, seconds: Double(length) / 1e9)
            schedule = arrivals(search.process, profile, "\(stream)/\(stepIndex)")
            drawArrival()
            control = now + settle
            return .begin
        }
        if control < stepEnd {
            control = stepEnd
            return .judge(begin: scheduleStart + settle, end: stepEnd, step: stepIndex)
        }
        isDraining = true
        control = now
        return .drain
    }

    /// The step's answers are all there.
    mutating func judgeStep(isMet: Bool, at now: UInt64) {
        expectedBefore += (course?.rate ?? 0) * Double(stepEnd - scheduleStart) / 1e9 / Double(stripe.of)
        course?.judge(isMet: isMet)
        isDraining = false
        schedule = nil
        due = .max
        control = now
    }

    private var expectedBefore = 0.0

    // MARK: Ends

    /// Starts nothing more.
    mutating func stop(_ now: UInt64) {
        due = .max
        control = .max
        change = nil
        marks = []
        schedule = nil
        isEnded = true
        cutAt = now
    }

    /// Expected arrivals of this worker, `seconds` after the run's start at most.
    func expected(until seconds: Double) -> Double {
        guard case .arrivals(let process, let profile) = plan.executor else { return expectedBefore }
        let whole = process.expected(over: profile) / Double(stripe.of)
        let passed = seconds - plan.start
        guard passed < profile.seconds, profile.mass > 0 else { return whole }
        return passed > 0 ? whole * profile.mass(until: passed) / profile.mass : 0
    }

    /// Where it stands at `now`.
    func progress(_ now: UInt64) -> ScenarioProgress {
        var progress = ScenarioProgress()
        progress.users = usersHere
        if let course {
            progress.rate = course.rate ?? 0
            progress.step = stepIndex >= 0 ? stepIndex : nil
        } else if !windows.isEmpty {
            progress.step = windows.count - 1
        }
        let isWorking = live > 0 || outstanding > 0 || usersHere > 0
        progress.phase = now < start ? .waiting : !isEnded ? .running : isWorking ? .finishing : .ended
        return progress
    }
}
