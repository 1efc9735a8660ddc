internal import Arrivals
internal import Engine
internal import Report

/// What a run shall be, from the scenario file and the options that override it.
struct RunSettings {
    static let secondsDefault = 60.0
    static let seedDefault: UInt64 = 7

    let configuration: LoadConfiguration
    let thresholds: [Threshold]
    let context: RunContext
    let json: String?
    let html: String?
    let serverJSON: String?

    init(_ options: RunCommand) throws(ScenarioError) {
        let reader = try SettingReader(scenarioPath: options.scenario)
        let target = try Self.target(reader, options)
        let list = try Self.instruments(reader, options)
        let seed = try reader.unsigned(options.seed, "seed") ?? Self.seedDefault
        var configuration = LoadConfiguration(
            target: target, profile: try Self.profile(reader, options), seed: seed, instruments: list)
        try Self.readSessions(reader, options, &configuration)
        try Self.readLimits(reader, options, &configuration)
        configuration.workload = try Self.workload(reader, options)
        do {
            try configuration.validate()
        } catch { throw ScenarioError(reader.name, error.message) }
        self.configuration = configuration
        thresholds = try Self.thresholds(reader, options)
        json = options.json ?? reader.values["outputs.json"]
        html = options.html ?? reader.values["outputs.html"]
        serverJSON = options.serverJSON
        let name = reader.values["name"] ?? "\(Readable.number(configuration.profile.peak)) requests a second"
        context = RunContext(
            name: name, scenario: Self.description(reader, password: configuration.password),
            revision: options.revision ?? "", host: HostFacts.list(), configuration: configuration)
    }

    /// The scenario's text and the command line, without the password.
    private static func description(_ reader: SettingReader, password: String) -> String {
        let words = CommandLine.arguments.dropFirst().map { $0.contains(" ") ? "\"\($0)\"" : $0 }
        let command = "loadgen " + words.joined(separator: " ")
        let text = reader.text.isEmpty ? command : "# \(command)\n\(reader.text)"
        return password.isEmpty ? text : text.replacing(password, with: "***")
    }

    private static func target(_ reader: SettingReader, _ options: RunCommand) throws(ScenarioError) -> Endpoint {
        guard let text = options.target ?? reader.values["target.address"] else {
            throw ScenarioError("--target", "the address of the FIX acceptor is needed, such as 127.0.0.1:9880")
        }
        guard let endpoint = Endpoint(text) else {
            throw ScenarioError(
                reader.place(options.target, "target.address"),
                "\"\(text)\" is not a numeric address with a port, such as 127.0.0.1:9880")
        }
        guard endpoint.isLoopback || options.allowRemote else {
            throw ScenarioError("--target", "\(endpoint) is not on this machine; --allow-remote permits that")
        }
        return endpoint
    }

    private static func instruments(
        _ reader: SettingReader, _ options: RunCommand
    ) throws(ScenarioError) -> InstrumentList {
        guard let path = options.instruments ?? reader.values["instruments.file"] else {
            throw ScenarioError("--instruments", "a CSV file is needed: \(InstrumentList.header)")
        }
        do {
            return try InstrumentList(csv: try TextFile.read(path), name: path)
        } catch let error as LoadError {
            throw ScenarioError("--instruments", error.message)
        } catch { throw ScenarioError("--instruments", "\(error)") }
    }

    private static func profile(_ reader: SettingReader, _ options: RunCommand) throws(ScenarioError) -> RateProfile {
        if options.rate == nil, options.duration == nil, !reader.stages.isEmpty {
            var segments: [RateProfile.Segment] = []
            var last = 0.0
            for stage in reader.stages {
                segments.append(
                    RateProfile.Segment(from: stage.isRamp ? last : stage.rate, to: stage.rate, seconds: stage.seconds))
                last = stage.rate
            }
            return RateProfile(segments)
        }
        guard let rate = options.rate ?? reader.stages.map(\.rate).max() else {
            throw ScenarioError("--rate", "requests a second are needed (or stages in the scenario)")
        }
        guard rate > 0, rate.isFinite else { throw ScenarioError("--rate", "a positive number of requests a second") }
        var seconds = reader.stages.isEmpty ? secondsDefault : reader.stages.reduce(0) { $0 + $1.seconds }
        if let text = options.duration {
            guard let parsed = TimeText.seconds(text), parsed > 0 else {
                throw ScenarioError("--duration", "a time such as 60s, 15m or 500ms")
            }
            seconds = parsed
        }
        return .constant(rate, seconds: seconds)
    }

    private static func readSessions(
        _ reader: SettingReader, _ options: RunCommand, _ configuration: inout LoadConfiguration
    ) throws(ScenarioError) {
        configuration.sessions = try reader.integer(options.sessions, "target.sessions") ?? configuration.sessions
        configuration.senderPrefix =
            options.senderPrefix ?? reader.values["target.sender_prefix"] ?? configuration.senderPrefix
        configuration.targetCompID =
            options.targetCompID ?? reader.values["target.target_comp_id"] ?? configuration.targetCompID
        configuration.username = options.username ?? reader.values["target.username"] ?? ""
        configuration.password = options.password ?? reader.values["target.password"] ?? ""
        let reconnects = try reader.flag("target.reconnect") ?? false
        configuration.reconnects = options.reconnect || reconnects
        let wantsRealtime = try reader.flag("realtime") ?? false
        configuration.wantsRealtime = options.realtime || wantsRealtime
        configuration.ackLogPath = options.ackLog ?? reader.values["outputs.ack_log"]
    }

    private static func readLimits(
        _ reader: SettingReader, _ options: RunCommand, _ configuration: inout LoadConfiguration
    ) throws(ScenarioError) {
        if let text = options.timeout ?? reader.values["target.timeout"] {
            guard let seconds = TimeText.seconds(text) else {
                throw ScenarioError(reader.place(options.timeout, "target.timeout"), "a time such as 10s or 500ms")
            }
            configuration.timeout = .seconds(seconds)
        }
        if let text = options.coalesce ?? reader.values["coalesce"] {
            guard let seconds = TimeText.seconds(text) else {
                throw ScenarioError(reader.place(options.coalesce, "coalesce"), "a time such as 200us")
            }
            configuration.coalescing = .seconds(seconds)
        }
        configuration.maxInFlight =
            try reader.integer(options.maxInFlight, "target.max_in_flight") ?? configuration.maxInFlight
        configuration.process =
            try reader.choice(options.arrivals, "arrivals", ArrivalSchedule.Process.self) ?? configuration.process
        configuration.onSaturation =
            try reader.choice(options.onSaturation, "target.on_saturation", LoadConfiguration.Saturation.self)
            ?? configuration.onSaturation
    }

    private static func workload(
        _ reader: SettingReader, _ options: RunCommand
    ) throws(ScenarioError) -> WorkloadConfiguration {
        var workload = WorkloadConfiguration()
        workload.mix = try mix(reader, options)
        workload.accountFirst = try reader.integer(options.accountFirst, "accounts.first") ?? workload.accountFirst
        workload.accountCount = try reader.integer(options.accounts, "accounts.count") ?? workload.accountCount
        workload.accountExponent =
            try reader.number(options.accountExponent, "accounts.exponent", 0...10) ?? workload.accountExponent
        workload.instrumentExponent =
            try reader.number(options.instrumentExponent, "instruments.exponent", 0...10)
            ?? workload.instrumentExponent
        let stride = try reader.positive(options.holdingsStride, "accounts.holdings_stride")
        let perAccount = try reader.positive(options.holdingsPerAccount, "accounts.holdings_per_account")
        workload.holdings = HoldingsRule(
            stride: stride ?? workload.holdings.stride, perAccount: perAccount ?? workload.holdings.perAccount)
        workload.marketableShare =
            try reader.number(options.marketable, "orders.marketable", 0...1) ?? workload.marketableShare
        workload.aggressiveTicks =
            try reader.positive(nil, "orders.aggressive_ticks").map { Int64($0) } ?? workload.aggressiveTicks
        workload.passiveTicksMean =
            try reader.number(nil, "orders.passive_ticks_mean", 1...1_000) ?? workload.passiveTicksMean
        let median = try reader.number(nil, "orders.quantity_median", 1...1_000_000)
        let most = try reader.positive(nil, "orders.quantity_max")
        if let most, most % 100 != 0 {
            throw ScenarioError(reader.place(nil, "orders.quantity_max"), "a multiple of 100")
        }
        workload.quantities = LognormalLots(median: median ?? 300, quantityMax: Int64(most ?? 5_000))
        return workload
    }

    private static func mix(_ reader: SettingReader, _ options: RunCommand) throws(ScenarioError) -> OperationMix {
        var weights: [String: Int] = [:]
        if let text = options.mix {
            for part in text.split(separator: ",") {
                let pair = part.split(separator: "=")
                guard pair.count == 2, let operation = Operation.allCases.first(where: { $0.name == pair[0] }),
                    let weight = Int(pair[1]), (0...1_000_000).contains(weight)
                else { throw ScenarioError("--mix", "weights such as new=70,cancel=20,replace=10") }
                weights[operation.name] = weight
            }
        } else {
            for operation in Operation.allCases {
                guard let weight = try reader.integer(nil, "mix.\(operation.name)") else { continue }
                guard (0...1_000_000).contains(weight) else {
                    throw ScenarioError(reader.place(nil, "mix.\(operation.name)"), "a weight, 0 to 1,000,000")
                }
                weights[operation.name] = weight
            }
            if weights.isEmpty { return OperationMix() }
        }
        guard weights.values.reduce(0, +) > 0 else { throw ScenarioError("mix", "at least one weight is positive") }
        return OperationMix(
            new: weights["new"] ?? 0, cancel: weights["cancel"] ?? 0, replace: weights["replace"] ?? 0)
    }

    private static func thresholds(
        _ reader: SettingReader, _ options: RunCommand
    ) throws(ScenarioError) -> [Threshold] {
        var found: [Threshold] = []
        for text in options.threshold.isEmpty ? reader.thresholds : options.threshold {
            do {
                found += try Threshold.parse(text)
            } catch { throw ScenarioError(options.threshold.isEmpty ? reader.name : "--threshold", "\(error)") }
        }
        return found
    }
}
