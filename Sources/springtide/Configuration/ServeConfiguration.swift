internal import Foundation
internal import Logging
internal import Market
internal import RedisTier
internal import Risk
internal import Services
internal import Settings

/// All settings of `springtide serve`, as documented in `config/springtide.yaml`.
struct ServeConfiguration {
    var connection = "host=/var/run/postgresql dbname=springtide"
    var readers = 2
    var relaxedDurability = false
    var redis: RedisTier.Configuration.Mode?
    var redisCredentials: RedisTier.Configuration.Credentials?
    var redisTLS: RedisTier.Configuration.TLS?
    var redisClientName = "springtide"
    var redisReplicaReads = false
    var cache = CacheSettings()
    var fix = (host: "127.0.0.1", port: 9878)
    var compID = "SPRINGTIDE"
    var http = (host: "127.0.0.1", port: 9400)
    var store: String? = "fix-store"
    var connectionsMax = 4_096
    var partition: PartitionConfiguration
    var logLevel = Logger.Level.info
    var trace = TraceSettings()
    var replicas = ReplicaSettings()

    /// Reads and checks a file.
    static func read(_ file: String) throws -> ServeConfiguration {
        try ConfigurationFile.read(file) { top in
            var result = ServeConfiguration(partition: try partition(top))
            try result.readTiers(top)
            try result.readGateway(top)
            let level = try top.section("log").word(
                "level", default: "info", among: Logger.Level.allCases.map(\.rawValue))
            result.logLevel = Logger.Level(rawValue: level) ?? .info
            result.trace = try TraceSettings(try top.section("trace"))
            result.replicas = try ReplicaSettings(try top.section("replicas"))
            return result
        }
    }

    /// Settings for one day; everything else is the default.
    init(partition: PartitionConfiguration) { self.partition = partition }

    private mutating func readTiers(_ top: SettingsSection) throws {
        let postgres = try top.section("postgres")
        connection = try postgres.text("connection", default: connection)
        readers = try postgres.integer("readers", default: readers, in: 1...32)
        relaxedDurability = try postgres.flag("relaxed_durability", default: false)
        let redisSection = try top.section("redis")
        let mode = try redisSection.word("mode", default: "cluster", among: ["cluster", "ring", "none"])
        let addresses = try redisSection.texts("addresses", default: ["127.0.0.1:7000"]).map { text in
            guard let address = RedisAddress(text) else {
                throw redisSection.error("addresses", "\(text) is not host:port or unix:/path")
            }
            return address
        }
        switch mode {
        case "cluster": redis = .cluster(seeds: addresses)
        case "ring": redis = .ring(shards: addresses.map { .init("\($0)", $0) })
        default: redis = nil
        }
        let user = try redisSection.text("user", default: "")
        let passwordFile = try redisSection.text("password_file", default: "")
        if !passwordFile.isEmpty {
            guard let text = try? String(contentsOfFile: passwordFile, encoding: .utf8),
                let password = text.split(separator: "\n").first
            else { throw redisSection.error("password_file", "\(passwordFile) cannot be read or is empty") }
            redisCredentials = .init(user: user.isEmpty ? nil : user, password: String(password))
        }
        redisClientName = try redisSection.text("client_name", default: redisClientName)
        redisReplicaReads = try redisSection.flag("replica_reads", default: false)
        redisTLS = try Self.tls(try redisSection.section("tls"))
        cache = try CacheSettings(try top.section("cache"))
    }

    /// L2 as configured; nil for none.
    func redisTier() throws -> RedisTier.Configuration? {
        guard let redis else { return nil }
        var result = RedisTier.Configuration(redis)
        result.credentials = redisCredentials
        result.clientName = redisClientName.isEmpty ? nil : redisClientName
        result.tls = redisTLS
        result.replicaReads = redisReplicaReads
        if let problem = result.problem { throw ConfigurationError(description: "redis: \(problem)") }
        return result
    }

    private static func tls(_ section: SettingsSection) throws -> RedisTier.Configuration.TLS? {
        func file(_ key: String) throws -> String? {
            let path = try section.text(key, default: "")
            return path.isEmpty ? nil : path
        }
        let isEnabled = try section.flag("enabled", default: false)
        var tls = RedisTier.Configuration.TLS()
        tls.authorityFile = try file("ca_file")
        tls.certificateFile = try file("cert_file")
        tls.keyFile = try file("key_file")
        tls.serverName = try file("server_name")
        let verify = try section.word("verify", default: "full", among: ["full", "authority", "none"])
        tls.verification = .init(rawValue: verify) ?? .full
        if isEnabled, let problem = tls.problem { throw section.error("enabled", problem) }
        return isEnabled ? tls : nil
    }

    private mutating func readGateway(_ top: SettingsSection) throws {
        let gateway = try top.section("gateway")
        fix = try gateway.value("fix")?.address() ?? fix
        compID = try gateway.text("comp_id", default: compID)
        http = try gateway.value("http")?.address() ?? http
        store = try gateway.text("store", default: "fix-store")
        connectionsMax = try gateway.integer("connections_max", default: connectionsMax, in: 1...100_000)
    }

    private static func partition(_ top: SettingsSection) throws -> PartitionConfiguration {
        let market = try top.section("market")
        let dayText = try market.text("day", default: "today")
        guard let day = dayText == "today" ? Self.today : Int(dayText).flatMap({ TradingDate($0) }) else {
            throw market.error("day", "\(dayText) is neither today nor a date as yyyymmdd")
        }
        let holidays = try market.texts("holidays", default: []).map { text in
            guard let date = Int(text).flatMap({ TradingDate($0) }) else {
                throw market.error("holidays", "\(text) is not a date as yyyymmdd")
            }
            return date
        }
        let word = try market.word("schedule", default: "shanghai", among: ["shanghai", "continuous"])
        guard let calendar = TradingCalendar(holidays: holidays),
            let shanghai = SessionSchedule(calendar: calendar)
        else { throw market.error("holidays", "too many days") }
        let commission = try market.integer("commission", default: 250, in: 0...1_000_000)
        guard let fees = FeeSchedule.schedule(on: day, commission: Int32(commission)) else {
            throw market.error("day", "no fees are known for \(day)")
        }
        var result = PartitionConfiguration(
            day: day, schedule: word == "continuous" ? .fixed(.continuous) : shanghai, fees: fees,
            risk: try risk(top))
        let auction = try market.word("auction", default: "shanghai", among: ["shanghai", "shenzhen"])
        result.auction = PartitionConfiguration.AuctionRule(rawValue: auction) ?? .shanghai
        try readLimits(top, &result)
        return result
    }

    private static func readLimits(_ top: SettingsSection, _ result: inout PartitionConfiguration) throws {
        let limits = try top.section("limits")
        result.accountsMax = try limits.integer("accounts", default: result.accountsMax, in: 1...100_000_000)
        result.openOrdersMax = try limits.integer(
            "open_orders", default: result.openOrdersMax, in: 1...100_000_000)
        result.requestsMax = try limits.integer(
            "requests_per_day", default: result.requestsMax, in: 1...1_000_000_000)
        result.instrumentsMax = try limits.integer("instruments", default: result.instrumentsMax, in: 1...8_000)
        result.warmAccountsMax = try top.section("cache").integer(
            "warm_accounts", default: result.warmAccountsMax, in: 0...100_000_000)
        result.inboxMax = try limits.integer("inbox", default: 100_000, in: 1...10_000_000)
    }

    private static func risk(_ top: SettingsSection) throws -> RiskLimits {
        let section = try top.section("risk")
        let preset = try section.word("preset", default: "desk", among: ["desk", "load", "exchange-replay"])
        var limits: RiskLimits =
            switch preset {
            case "load": .loadTest
            case "exchange-replay": .exchangeReplay
            default: RiskLimits()
            }
        let rules = try section.section("rules")
        for (key, _) in rules.openKeys() {
            guard let number = UInt8(key), let row = RiskRule.row(number) else {
                throw rules.error(key, "is not the number of a risk rule")
            }
            let rule = try rules.section(key)
            var limit = limits[row.indicator]
            limit.threshold = Int64(
                try rule.integer("threshold", default: Int(limit.threshold), in: Int.min...Int.max))
            limit.second = Int64(try rule.integer("second", default: Int(limit.second), in: Int.min...Int.max))
            let severity = try rule.word(
                "severity", default: limit.severity == .warn ? "warn" : "reject", among: ["reject", "warn"])
            limit.severity = severity == "warn" ? .warn : .reject
            do { try limits.set(number, limit) } catch { throw rules.error(key, "\(error)") }
        }
        return limits
    }

    /// Today's date in China.
    static var today: TradingDate? {
        let seconds = EventClock.now() / 1_000_000 + 8 * 3_600
        return TradingDate(daysSince1970: Int(seconds / 86_400))
    }
}
