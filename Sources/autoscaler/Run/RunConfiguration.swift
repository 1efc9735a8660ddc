internal import Actuation
internal import Autoscaling

/// What `autoscaler run` is told by its file; `config/autoscaler.yaml` explains every key.
struct RunConfiguration: Sendable {
    /// Where forecasts come from.
    enum Forecast: Sendable, Equatable {
        case none
        /// What was measured last, with the spread of its changes.
        case persistence
        /// Regressions fitted at start on past days, whose files begin `from` seconds after the open.
        case ridge(history: [String], from: Double)
        /// A forecaster that `autoscaler forecast train` wrote.
        case network(Network)
    }

    /// A trained forecaster and the bins it begins with; file names begin in the configuration's folder.
    struct Network: Sendable, Equatable {
        var model: String
        /// Whole days of the past, as the model was trained on them.
        var history: [String]
        /// Where measured bins are kept from run to run; empty for nowhere.
        var samples = ""
        /// Where models retrained on drift are written; empty for no retraining.
        var retrained = ""
        /// Seconds that the time of the model's session is ahead of UTC.
        var offset = 0.0
    }

    /// Trading hours of a market with a fixed offset from UTC.
    struct Calendar: Sendable, Equatable {
        /// Seconds of the day, local.
        var open: Double
        /// Seconds from the open to the close.
        var length: Double
        /// Seconds that local time is ahead of UTC.
        var offset: Double
        /// Days without trading beside weekends, days since 1970.
        var holidays: Set<Int>
        /// The open of one session, seconds since 1970 UTC, in place of one each trading day; nil for those.
        var opensAt: Double?
        /// How many times shorter than a real session's its times are.
        var timeScale = 1.0
    }

    /// Where numbers come from.
    enum Metrics: Sendable {
        case scrape(services: [ScrapeReader.Service], limits: ScrapeReader.Limits)
        case prometheus(server: String, services: [PrometheusReader.Service], timeout: Double, coverage: Double)
    }

    /// Who carries decisions out.
    enum Actuation: Sendable {
        case dryRun
        case processes(server: String)
        case kubernetes(Kubernetes, targets: [String: ScaleTarget])
    }

    /// How to reach the API server.
    struct Kubernetes: Sendable, Equatable {
        /// URL; empty for the pod's own cluster.
        var server = ""
        var namespace = ""
        var tokenFile = ""
        var authorityFile = ""
        /// Where pods answer `/metrics`.
        var pages = PodPages()
    }

    /// How it is settled that one sidecar acts.
    enum Leadership: Sendable {
        /// Nobody else runs.
        case none
        /// A file that all candidates of this machine share.
        case file(String)
        /// A Lease of Kubernetes.
        case lease(Kubernetes, name: String)
    }

    var profile: ChainProfile
    var ladder = LadderSettings()
    var shield = Shield.Settings()
    var rule = RateRule.Settings()
    /// The forecast rule's own numbers; limits, age and period are those of `rule` and `ladder`.
    var forecastRule = ForecastRule.Settings()
    var forecast = Forecast.persistence
    var calendar: Calendar?
    /// Empty for no model.
    var modelFile = ""
    /// Names of policies that propose beside.
    var shadows: [String] = []
    var counterfactuals: [String] = []
    /// Largest rate that the policy `static` is made for.
    var peak = 0.0
    /// Target of the policy `hpa`, percent of the CPU request.
    var hpaPercent = 70
    /// How much shorter than Kubernetes' the times of the policy `hpa` are.
    var hpaTimeScale = 1.0
    var metrics: Metrics
    /// Whether the last service of `metrics` is the whole chain's entry.
    var hasWhole = false
    var actuation = Actuation.dryRun
    var leadership = Leadership.none
    /// Empty for a name made from the machine's.
    var identity = ""
    var election = LeaseElection.Timing()
    /// Empty for no journal.
    var journalFile = ""
    /// Seconds between forced writes to the disk; 0 after every line.
    var journalSync = 1.0
    var rotation = JournalRotation()
    /// Seconds after a decision at which its outcome is written.
    var outcomeAfter = 60.0
    /// `host:port` of the decision server; nil for none.
    var listen: (host: String, port: Int)?

    /// The file's text and that of the profile it names, and the digest of both.
    var text = ""
    var profileText: String?
    var hash = ""
}

/// FNV-1a of 64 bits in hexadecimal digits: finds a difference, keeps out no malice.
enum Digest {
    static func text(_ bytes: some Sequence<UInt8>) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
