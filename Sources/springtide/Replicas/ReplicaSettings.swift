internal import Foundation
internal import Services
internal import Settings

/// What the section `replicas` of a configuration says; its defaults are those of the file's comments.
struct ReplicaSettings: Sendable {
    /// A service that can run as replicas.
    struct Service: Sendable {
        var name: String
        var initial: Int
        var bounds: ClosedRange<Int>
        /// Processors of one replica, 0 for no quota.
        var quota: Double
    }

    /// Services that can run as replicas.
    static let names = ["risk", "notifications"]
    /// Replicas of one service at most.
    static let replicasMax = 64

    /// Where the supervisor listens.
    var http = (host: "127.0.0.1", port: 9500)
    /// First part of all keys in Redis: two systems on one Redis must differ in it.
    var scope = "st"
    /// Partitions of each service; all processes must agree.
    var partitions = 32
    /// Batches that may wait in one partition.
    var batchesMax = 1_000
    /// Whether a node has its requests screened by the replicas of `risk`.
    var screens = false
    var screenTimeout = Duration.milliseconds(250)
    /// Whether a node sends its news to the replicas of `notifications`.
    var notices = false
    /// A replica that is not heard of for so long is no member any more.
    var lifetime = Duration.seconds(2)
    /// Longest time a replica may take to end.
    var drain = Duration.seconds(10)
    var services: [Service] = [
        Service(name: "risk", initial: 1, bounds: 1...8, quota: 0),
        Service(name: "notifications", initial: 1, bounds: 1...4, quota: 0),
    ]

    /// The defaults.
    init() {}

    /// Reads and checks the section.
    init(_ section: SettingsSection) throws {
        http = try section.value("http")?.address() ?? http
        scope = try section.text("scope", default: scope)
        guard !scope.isEmpty, scope.utf8.count <= 32, scope.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
        else { throw section.error("scope", "must be 1 to 32 letters and digits") }
        partitions = try section.integer("partitions", default: partitions, in: 1...1_024)
        batchesMax = try section.integer("batches_max", default: batchesMax, in: 1...1_000_000)
        screens = try section.flag("screen", default: screens)
        screenTimeout = .milliseconds(
            try section.integer("screen_timeout_milliseconds", default: 250, in: 1...60_000))
        notices = try section.flag("notices", default: notices)
        lifetime = .milliseconds(try section.integer("lifetime_milliseconds", default: 2_000, in: 1_000...60_000))
        drain = .seconds(try section.integer("drain_seconds", default: 10, in: 1...600))
        for index in services.indices {
            let part = try section.section(services[index].name)
            let (low, high) = (services[index].bounds.lowerBound, services[index].bounds.upperBound)
            let minimum = try part.integer("minimum", default: low, in: 0...Self.replicasMax)
            let maximum = try part.integer("maximum", default: max(high, minimum), in: 1...Self.replicasMax)
            guard minimum <= maximum else { throw part.error("maximum", "is below minimum") }
            services[index].bounds = minimum...maximum
            services[index].initial = try part.integer(
                "initial", default: min(max(services[index].initial, minimum), maximum), in: minimum...maximum)
            services[index].quota = try part.number("quota", default: services[index].quota, in: 0...1_024)
        }
    }

    /// What the supervisor controls at first.
    var control: ReplicaControl {
        ReplicaControl(services.map { .init(name: $0.name, bounds: $0.bounds, initial: $0.initial) })
    }
}
