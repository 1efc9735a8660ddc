public import Arrivals

/// Everything a run depends on.
public struct LoadConfiguration: Sendable {
    /// What happens to an arrival while `maxInFlight` requests are unanswered.
    public enum Saturation: String, Sendable, CaseIterable {
        /// It waits; the wait is part of its response time.
        case queue
        /// It is counted as dropped, and as a response that took the timeout.
        case drop
    }

    /// The most sessions of one run.
    public static let sessionsMax = 512
    /// The greatest in-flight cap.
    public static let maxInFlightMax = 200_000
    /// The greatest number of open orders that one session remembers.
    public static let openOrdersMax = 1_024
    /// The longest run, seconds.
    public static let secondsMax = 86_400.0

    /// Where the FIX acceptor listens.
    public var target: Endpoint
    /// Number of FIX sessions; the i-th (from 1) has the SenderCompID `senderPrefix` + i.
    public var sessions = 32
    /// Start of each SenderCompID.
    public var senderPrefix = "LG"
    /// TargetCompID of all sessions.
    public var targetCompID = "SPRINGTIDE"
    /// Field 553 of the Logon; the SenderCompID where only a password is given.
    public var username = ""
    /// Field 554 of the Logon; neither is sent where it is empty.
    public var password = ""
    /// HeartBtInt, seconds.
    public var heartbeatSeconds: Int64 = 30
    /// The rate over time.
    public var profile: RateProfile
    /// How arrivals are drawn.
    public var process = ArrivalSchedule.Process.poisson
    /// Seed of every random stream.
    public var seed: UInt64
    /// What requests look like.
    public var workload = WorkloadConfiguration()
    /// What is traded.
    public var instruments: InstrumentList
    /// How long an answer may take from the sending of its request.
    public var timeout: Duration = .seconds(10)
    /// The most unanswered requests, 1...200,000.
    public var maxInFlight = 20_000
    /// What happens beyond them.
    public var onSaturation = Saturation.queue
    /// Whether a lost session is connected again; otherwise its share goes to the others.
    public var reconnects = false
    /// Whether the sending thread asks for real-time priority (SCHED_FIFO 1): on a busy machine it then sends on time.
    ///
    /// Needs CAP_SYS_NICE; refused silently, and `LoadResult.isRealtime` says what came of it.
    public var wantsRealtime = false
    /// Shortest time between two turns of the sending loop, 0...1 ms: arrivals and answers of that time share a wake-up.
    ///
    /// 0 sends every request at its own nanosecond. Where the generator shares two cores with what it measures, 200 us
    /// halves its processor time; what it costs shows as send lag and counts into the response time.
    public var coalescing: Duration = .zero
    /// File that gets one line an acknowledgement; see `AckLog`.
    public var ackLogPath: String?
    /// Open orders a session remembers for cancels and replaces; of more, random ones are forgotten.
    public var openOrdersPerSession = 1_024
    /// Name of the run inside ClOrdIDs; nil takes the wall clock in milliseconds.
    public var runNumber: UInt64?

    /// A run with the defaults.
    public init(target: Endpoint, profile: RateProfile, seed: UInt64, instruments: InstrumentList) {
        self.target = target
        self.profile = profile
        self.seed = seed
        self.instruments = instruments
    }

    /// Checks every limit; the first violation is the error.
    public func validate() throws(LoadError) {
        func require(_ isRight: Bool, _ message: String) throws(LoadError) {
            if !isRight { throw LoadError(.configuration, message) }
        }
        try require((1...Self.sessionsMax).contains(sessions), "sessions: 1 to \(Self.sessionsMax)")
        try require((1...Self.maxInFlightMax).contains(maxInFlight), "max_in_flight: 1 to \(Self.maxInFlightMax)")
        try require((1...Self.openOrdersMax).contains(openOrdersPerSession), "open orders: 1 to \(Self.openOrdersMax)")
        try require(timeout >= .milliseconds(1) && timeout <= .seconds(600), "timeout: 1ms to 600s")
        try require(coalescing >= .zero && coalescing <= .milliseconds(1), "coalesce: 0us to 1ms")
        try require(profile.seconds <= Self.secondsMax, "a run lasts at most a day")
        try require(profile.mass >= 1, "the rate gives no request at all")
        try require(profile.peak <= 1_000_000, "rate: at most 1,000,000 a second")
        try require(
            (1...20).contains(senderPrefix.utf8.count) && senderPrefix.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F },
            "sender prefix: 1 to 20 printable characters")
        try require(
            (1...24).contains(targetCompID.utf8.count) && targetCompID.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F },
            "target CompID: 1 to 24 printable characters")
        try require((username + password).utf8.allSatisfy { $0 >= 0x20 }, "user name and password: no control codes")
        try require(
            workload.accountFirst >= 0 && workload.accountCount >= 1
                && workload.accountFirst + workload.accountCount <= 1 << 28, "accounts: at most 2^28")
    }

    var coalescingNanoseconds: UInt64 { UInt64(coalescing.components.attoseconds / 1_000_000_000) }

    var timeoutNanoseconds: UInt64 {
        let (seconds, attoseconds) = timeout.components
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }
}
