/// The beginning of a run, and of each file: what all decisions after it depend on.
public struct JournalRun: Sendable, Equatable {
    /// Id of the run; decisions are called `run-number`.
    public var run: String
    /// Seconds since 1970 UTC.
    public var at: Double
    /// Names of the services, in the order of all lists.
    public var services: [String]
    /// The configuration file's text, so that a replay needs no other file.
    public var configuration: String
    /// The chain's profile in a file of its own, where the configuration names one.
    public var profile: String?
    /// Digest of configuration and profile.
    public var configurationHash: String
    /// Digest of the model in force; nil where there is none.
    public var modelHash: String?
    /// The last decision of the run before, which this one goes on from; nil where there was none.
    public var resumed: String?
    /// Whether the learned policy only proposed, whatever the configuration says (`run --shadow`).
    public var isShadow: Bool
    /// Whether the run began in an earlier file, so that the policies' memory is older than this line.
    public var isContinued: Bool

    /// A beginning.
    public init(
        run: String, at: Double, services: [String], configuration: String, profile: String? = nil,
        configurationHash: String, modelHash: String? = nil, resumed: String? = nil, isShadow: Bool = false,
        isContinued: Bool = false
    ) {
        self.run = run
        self.at = at
        self.services = services
        self.configuration = configuration
        self.profile = profile
        self.configurationHash = configurationHash
        self.modelHash = modelHash
        self.resumed = resumed
        self.isShadow = isShadow
        self.isContinued = isContinued
    }
}

/// One decision with all that led to it, written before it is carried out (A4).
public struct JournalDecision: Sendable, Equatable {
    /// Id, also at the actuator.
    public var id: String
    /// Seconds since 1970 UTC.
    public var at: Double
    /// Epoch of leadership; nil where this process did not lead and only watched.
    public var epoch: UInt64?
    /// Whether the decision was meant to be carried out: led, and no dry run.
    public var isActing: Bool
    /// Whether the model was disabled after the round.
    public var isModelDisabled: Bool
    /// Digest of the configuration.
    public var configurationHash: String
    /// Digest of the model in force; nil where there is none.
    public var modelHash: String?
    /// Observation, proposals, changes and decision.
    public var round: LadderRound

    /// A decision.
    public init(
        id: String, at: Double, epoch: UInt64?, isActing: Bool, isModelDisabled: Bool, configurationHash: String,
        modelHash: String?, round: LadderRound
    ) {
        self.id = id
        self.at = at
        self.epoch = epoch
        self.isActing = isActing
        self.isModelDisabled = isModelDisabled
        self.configurationHash = configurationHash
        self.modelHash = modelHash
        self.round = round
    }
}

/// What became of the order for one service.
public struct JournalActuation: Sendable, Equatable {
    /// Id of the decision.
    public var id: String
    /// Seconds since 1970 UTC.
    public var at: Double
    /// The service.
    public var service: String
    /// Replicas ordered.
    public var replicas: Int
    /// `changed`, `unchanged`, `dryRun`, or the code of the fault.
    public var result: String
    /// What went wrong; empty where nothing did.
    public var text: String

    /// What became of an order.
    public init(id: String, at: Double, service: String, replicas: Int, result: String, text: String = "") {
        self.id = id
        self.at = at
        self.service = service
        self.replicas = replicas
        self.result = result
        self.text = text
    }
}

/// What was seen a minute after a decision.
public struct JournalOutcome: Sendable, Equatable {
    /// Id of the decision.
    public var id: String
    /// Seconds since 1970 UTC.
    public var at: Double
    /// Seconds after the decision.
    public var after: Double
    /// Whether the latency target was missed then; nil where the latency is missing.
    public var isViolation: Bool?
    /// What was seen.
    public var observation: Observation

    /// What was seen.
    public init(id: String, at: Double, after: Double, isViolation: Bool?, observation: Observation) {
        self.id = id
        self.at = at
        self.after = after
        self.isViolation = isViolation
        self.observation = observation
    }
}

/// Something that happened between decisions: a model loaded or refused, leadership won or lost, the end of a run.
public struct JournalEvent: Sendable, Equatable {
    /// Seconds since 1970 UTC.
    public var at: Double
    /// What happened.
    public var reason: Reason
    /// Digest of the model in force from then on; nil where the event is not about one.
    public var modelHash: String?

    /// Something that happened.
    public init(at: Double, reason: Reason, modelHash: String? = nil) {
        self.at = at
        self.reason = reason
        self.modelHash = modelHash
    }
}

/// One line of a decision journal; `Schemas/decision-journal.md` describes its text.
public enum JournalLine: Sendable, Equatable {
    case run(JournalRun)
    case decision(JournalDecision)
    case actuation(JournalActuation)
    case outcome(JournalOutcome)
    case event(JournalEvent)

    /// Version of the schema written, and the newest that is read.
    public static let version = 1
    /// Longest line read, bytes.
    public static let bytesMax = 8 << 20
}

/// A line that cannot be read, or a file that is none of ours.
public struct JournalFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// Number of the line, from 1; 0 for the file as a whole.
    public var line: Int
    /// What is wrong with it.
    public var text: String

    /// A fault.
    public init(line: Int, _ text: String) {
        self.line = line
        self.text = text
    }

    public var description: String { line > 0 ? "line \(line): \(text)" : text }
}
