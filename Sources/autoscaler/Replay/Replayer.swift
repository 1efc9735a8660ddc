internal import Autoscaling

/// What replaying a journal under one policy found.
struct ReplayVerdict: Equatable {
    /// A decision that came out differently.
    struct Difference: Equatable {
        /// Id of the decision.
        var id: String
        /// `proposal` where the policy itself was recorded otherwise, `applied` where only what was in force differs.
        var from: String
        /// Replicas recorded; nil where a fault was.
        var recorded: [Int]?
        /// Replicas decided now; nil where a fault came.
        var now: [Int]?
        /// The fault that came now.
        var fault: String?
    }

    /// The policy's name.
    var policy: String
    /// Decisions asked for: those of rounds that were not blind, all for the ladder.
    var asked = 0
    /// Decisions that the journal has of this very policy.
    var recorded = 0
    /// Those that came out the same to the last bit.
    var identical = 0
    /// Decisions whose replicas differ from what was applied.
    var unlikeApplied = 0
    /// Rounds in which the policy could not decide.
    var faults = 0
    /// Replicas decided, and replicas applied in the same rounds, summed.
    var replicas = 0
    var replicasApplied = 0
    /// The differences, the first of them.
    var differences: [Difference] = []
    static let differencesMax = 1_000
}

/// Decides the past of a journal again, under policies that begin anew with each run.
struct Replayer {
    /// Where a model comes from; nil leaves learned policies out.
    var model: (ChainProfile) throws -> LoadedModel?
    /// The configuration instead of the recorded one; nil takes the recorded.
    var configuration: RunConfiguration?

    private enum Player {
        case ladder(SafetyLadder)
        case policy(any ScalingPolicy)
    }

    /// Notes for the reader: runs that began before the file, models that are others.
    private(set) var notes: [String] = []
    private(set) var verdicts: [ReplayVerdict]
    private var players: [Player] = []
    private var last: JournalDecision?
    /// What the run at hand was begun with, to begin a learned policy anew where its model was loaded again.
    private var current: (settings: RunConfiguration, model: LoadedModel?, run: String)?
    private var hasDecided = false
    private let names: [String]

    /// A replay under the policies of `names`: `ladder`, or one that a shelf or a model has.
    init(
        _ names: [String], configuration: RunConfiguration?, model: @escaping (ChainProfile) throws -> LoadedModel?
    ) {
        self.names = names
        self.configuration = configuration
        self.model = model
        verdicts = names.map { ReplayVerdict(policy: $0) }
    }

    /// Takes the next line of the journal.
    ///
    /// - Throws: `UserError` where the recorded configuration cannot be used or a policy is unknown.
    mutating func take(_ line: JournalLine) throws {
        switch line {
        case .run(let run):
            if run.isContinued, !players.isEmpty { return }
            if run.isContinued {
                notes.append("run \(run.run) began in an earlier file: policies that remember may differ at first")
            }
            try begin(run)
        case .decision(let decision):
            guard !players.isEmpty else { throw UserError("the journal begins without the head of a run") }
            for index in names.indices { decide(decision, index) }
            last = decision
            hasDecided = true
        // The event that tells of a run's first model comes before all its decisions, and changes nothing.
        case .event(let event) where event.reason.code == "ModelLoaded" && hasDecided: reload(event.modelHash)
        case .actuation, .outcome, .event: return
        }
    }

    /// A model that was loaded again (SIGHUP) is enabled, and its policy remembers nothing.
    private mutating func reload(_ hash: String?) {
        guard let current else { return }
        guard let loaded = current.model, loaded.hash == hash else {
            notes.append("run \(current.run) went on with model \(hash ?? "unknown"), which this replay has not")
            return
        }
        for (index, player) in players.enumerated() {
            switch player {
            case .ladder(var ladder):
                ladder.replaceModel(loaded.policy)
                players[index] = .ladder(ladder)
            case .policy: if names[index] == loaded.policy.name { players[index] = .policy(loaded.policy) }
            }
        }
    }

    private mutating func begin(_ run: JournalRun) throws {
        var settings: RunConfiguration
        if let configuration {
            settings = configuration
        } else {
            settings = try RunConfiguration.parse(run.configuration, name: "configuration of \(run.run)") { _ in
                run.profile
            }
        }
        guard settings.profile.services.map(\.name) == run.services else {
            throw UserError("run \(run.run) is of the services \(run.services.joined(separator: ", "))")
        }
        if run.isShadow { settings.ladder.isShadow = true }
        let loaded = try model(settings.profile)
        (current, hasDecided) = ((settings, loaded, run.run), false)
        if loaded?.hash != run.modelHash {
            notes.append(
                "run \(run.run) had \(run.modelHash.map { "model \($0)" } ?? "no model"), "
                    + "this replay has \(loaded.map { "model \($0.hash)" } ?? "none")")
        }
        players = []
        for name in names { players.append(try player(name, settings, loaded, run)) }
    }

    private func player(
        _ name: String, _ settings: RunConfiguration, _ loaded: LoadedModel?, _ run: JournalRun
    ) throws -> Player {
        do {
            if name == "ladder" {
                var ladder = try PolicyShelf.ladder(settings, learned: loaded?.policy)
                if let resumed = run.resumed, let last, last.id == resumed,
                    last.round.decision.services.count == run.services.count
                {
                    ladder.resume(
                        replicas: last.round.decision.replicas, level: last.round.level,
                        isModelDisabled: last.isModelDisabled && last.modelHash == run.modelHash)
                }
                return .ladder(ladder)
            }
            if let policy = loaded?.policy, policy.name == name { return .policy(policy) }
            guard PolicyShelf.names.contains(name) else {
                throw UserError(
                    "--policy: '\(name)' is none of ladder, \(PolicyShelf.names.joined(separator: ", ")), and no "
                        + "model of that name is loaded")
            }
            let policy = try PolicyShelf.policy(name, settings)
            // One that is a rung as well is compared as the rung, whose proposal is the first of that name.
            let isApart =
                settings.counterfactuals.contains(name) && name != LadderLevel.forecast.word
                && name != LadderLevel.reactive.word
            return .policy(isApart ? CounterfactualPolicy(policy, settings.profile) : policy)
        } catch let fault as PolicyFault {
            throw UserError("--policy \(name): \(fault.description)")
        }
    }

    private mutating func decide(_ decision: JournalDecision, _ index: Int) {
        let round = decision.round
        let answer: Proposal.Answer
        let recorded: Proposal.Answer?
        switch players[index] {
        case .ladder(var ladder):
            let again = ladder.decide(round.observation, isActing: decision.epoch != nil)
            players[index] = .ladder(ladder)
            answer = .decision(again.decision)
            recorded = .decision(round.decision)
        case .policy(var policy):
            guard !round.isBlind else { return }
            recorded = round.proposal(names[index])?.answer
            do {
                answer = .decision(try policy.decide(round.observation))
            } catch {
                answer = .fault(error)
            }
            policy.applied(round.decision, at: round.observation.time)
            players[index] = .policy(policy)
        }
        verdicts[index].take(decision, answer, recorded: recorded)
    }
}

extension ReplayVerdict {
    /// Compares what was decided now with what the journal has.
    fileprivate mutating func take(_ decision: JournalDecision, _ answer: Proposal.Answer, recorded: Proposal.Answer?) {
        let applied = decision.round.decision.replicas
        asked += 1
        var now: [Int]?
        var fault: String?
        switch answer {
        case .decision(let decision):
            now = decision.replicas
            replicas += decision.replicas.reduce(0, +)
            replicasApplied += applied.reduce(0, +)
            if decision.replicas != applied { unlikeApplied += 1 }
        case .fault(let found):
            fault = found.code
            faults += 1
        }
        if let recorded {
            self.recorded += 1
            if answer == recorded { identical += 1 }
        }
        let isSame = recorded.map { $0 == answer } ?? (now == applied)
        guard !isSame, differences.count < Self.differencesMax else { return }
        var before: [Int]? = applied
        if let recorded {
            before = nil
            if case .decision(let decision) = recorded { before = decision.replicas }
        }
        differences.append(
            Difference(
                id: decision.id, from: recorded == nil ? "applied" : "proposal", recorded: before, now: now,
                fault: fault))
    }
}
