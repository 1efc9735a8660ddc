internal import ArgumentParser
internal import CacheStack
internal import Foundation
internal import LocalStack
internal import Logging
internal import Market
internal import PostgresTier
internal import RedisTier
internal import Risk
internal import Services
internal import Telemetry

/// `springtide replay`: recorded exchange flow through the whole chain.
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Feed recorded exchange order flow through order, risk, matching, clearing, commit.",
        discussion: """
            Each file holds one instrument's day: columns seq,time_ms,action,order_id,side,price_milli,qty, plain or
            compressed (.zst, .xz, .gz). Symbol and date are taken from the file's name
            (sse_l2_600536_2023-07-11_orders.csv.zst) or from --symbol and --date. Runs on a private stack. Trades are
            written with the columns seq,time_ms,buy_order_id,sell_order_id,aggressor,price_milli,qty (and symbol,
            where there are several files).

            Example:
              springtide replay --orders sse_l2_600536_2023-07-11_orders.csv.zst \\
                --expected sse_l2_600536_2023-07-11_expected_trades.csv.zst --trades trades.csv --summary summary.json

            Exit codes: 0 done, 99 an invariant is broken or the trades differ from the expected ones.
            """)

    @Option(parsing: .upToNextOption, help: "Files of recorded orders, one instrument each.")
    var orders: [String]
    @Option(parsing: .upToNextOption, help: "Files of the trades to expect, in the same order.")
    var expected: [String] = []
    @Option(help: "Write the trades here, as CSV.") var trades: String?
    @Option(help: "Write figures and findings here, as JSON.") var summary: String?
    @Option(parsing: .upToNextOption, help: "Symbols, where file names do not tell.") var symbol: [UInt32] = []
    @Option(help: "Day as yyyy-mm-dd, where file names do not tell.") var date: String?
    @Option(help: "Accounts that share the orders.") var accounts = 1_000

    func validate() throws {
        guard expected.isEmpty || expected.count == orders.count else {
            throw ValidationError("--expected needs one file for each of --orders")
        }
        guard (1...100_000).contains(accounts) else { throw ValidationError("--accounts must be 1 to 100000") }
        guard orders.count <= 100 else { throw ValidationError("at most 100 files") }
    }

    func run() async throws {
        let flows = try orders.enumerated().map { index, file in
            try RecordedFlow(symbol: try symbol(index), csv: try TextInput.read(file))
        }
        guard let day = try tradingDate(), let fees = FeeSchedule.schedule(on: day),
            let schedule = SessionSchedule(calendar: .weekdays)
        else { throw ValidationError("no market rules are known for that day") }
        let configuration = PartitionConfiguration(day: day, schedule: schedule, fees: fees, risk: .exchangeReplay)
        let stack = try await Task.detached { try LocalStack() }.value
        let outcome: ReplayOutcome
        do {
            outcome = try await replay(flows, configuration, stack)
        } catch {
            await Task.detached { stack.stop() }.value
            throw error
        }
        await Task.detached { stack.stop() }.value
        let comparisons = try expected.enumerated().map { index, file in
            try TradeComparison(outcome.result.trades.filter { $0.flow == index }, expected: TextInput.read(file))
        }
        let report = ReplayReport(flows: flows, outcome: outcome, comparisons: comparisons)
        if let trades { try report.tradesCSV.write(toFile: trades, atomically: true, encoding: .utf8) }
        if let summary { try report.json().write(to: URL(fileURLWithPath: summary)) }
        say(report.text)
        guard report.isSound else { throw ExitCode(99) }
    }

    private func replay(
        _ flows: [RecordedFlow], _ configuration: PartitionConfiguration, _ stack: LocalStack
    ) async throws -> ReplayOutcome {
        _ = try await MigrateCommand.migrate(stack.postgres.connection)
        var settings = PostgresTier.Configuration(conninfo: stack.postgres.connection)
        settings.statementTimeout = .seconds(60)
        let metrics = MetricsRegistry()
        let tier = try PostgresTier(settings, schemas: TradingSpaces.all, metrics: metrics)
        let redis = RedisTier(
            RedisTier.Configuration(.cluster(seeds: stack.redis.addresses.compactMap { RedisAddress($0) })),
            metrics: metrics)
        redis.start()
        let cache = CacheStack(schemas: TradingSpaces.all, shared: redis, durable: tier, metrics: metrics)
        let tail = Task { try await cache.run() }
        let seed = ReplaySeed(accounts: accounts, flows: flows)
        try await seed.write(to: tier, on: configuration.day)
        let day = ReplayDay(
            configuration, flows: flows, accounts: accounts, cache: cache, durable: tier, metrics: metrics,
            logger: Logger(label: "replay") { JSONLogHandler(label: $0) })
        let start = ContinuousClock.now
        let result = try await day.run()
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let audit = try await TradingAudit(durable: tier, fees: configuration.fees, opening: seed.opening).run()
        tail.cancel()
        _ = await tail.result
        redis.shutdown()
        await tier.close()
        return ReplayOutcome(result: result, audit: audit, seconds: seconds)
    }

    private func symbol(_ index: Int) throws -> UInt32 {
        if index < symbol.count { return symbol[index] }
        let name = orders[index].split(separator: "/").last ?? ""
        guard let found = name.split(separator: "_").compactMap({ $0.count == 6 ? UInt32($0) : nil }).first else {
            throw ValidationError("\(orders[index]): no six-digit symbol in its name; give it with --symbol")
        }
        return found
    }

    private func tradingDate() throws -> TradingDate? {
        let name = orders[0].split(separator: "/").last ?? ""
        let text = date ?? name.split(separator: "_").map(String.init).first { $0.count == 10 && $0.contains("-") }
        guard let digits = text?.filter(\.isNumber), let day = Int(digits).flatMap({ TradingDate($0) }) else {
            throw ValidationError("\(orders[0]): no date in its name; give it with --date yyyy-mm-dd")
        }
        return day
    }
}

/// Text files, plain or compressed.
enum TextInput {
    /// The whole text of a file.
    static func read(_ file: String) throws -> String {
        guard FileManager.default.isReadableFile(atPath: file) else {
            throw ConfigurationError(description: "\(file): cannot be read")
        }
        let programs = [".zst": "zstd", ".xz": "xz", ".gz": "gzip"]
        guard let program = programs.first(where: { file.hasSuffix($0.key) })?.value else {
            return try String(contentsOfFile: file, encoding: .utf8)
        }
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program, "-dc", file]
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ConfigurationError(description: "\(file): \(program) cannot unpack it (is \(program) installed?)")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
