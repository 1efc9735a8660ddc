import CacheStack
import Foundation
import LocalStack
import Market
import PostgresTier
import RedisTier
import Services
import Telemetry
import TestServers

/// A database and keys in Redis of one test's own, with a small market, and a producer that follows Schemas/streams.md.
final class ReplicaBench: Sendable {
    static let accounts: Range<UInt32> = 16..<116
    static let partitions = 8

    let folder: String
    let scope = "t\(UInt64.random(in: 0 ... .max))"
    let connection: String
    let config: String
    private let tier: RedisTier
    let streams: RedisStreams

    /// - Parameter replicas: more keys of the section `replicas`, each on a line, indented by two.
    init(replicas: String = "") async throws {
        folder = try Programs.scratch()
        config = "\(folder)/node.yaml"
        let stack = try TestServers.shared
        let name = "t\(UInt64.random(in: 0 ... .max))"
        _ = try await DatabaseScript.run(
            "CREATE DATABASE \(name)", on: stack.postgres.connection, until: .now + .seconds(30))
        connection = "\(stack.postgres.connection) dbname=\(name)"
        var configuration = RedisTier.Configuration(
            .cluster(seeds: stack.redis.addresses.compactMap { RedisAddress($0) }))
        configuration.replyBytesMax = 64 << 20
        configuration.batchReplyBytesMax = 64 << 20
        let metrics = MetricsRegistry()
        tier = RedisTier(configuration, metrics: metrics)
        tier.start()
        streams = RedisStreams(tier, metrics: metrics)
        try await tier.waitUntilHealthy(until: .now + .seconds(20))
        try """
        postgres: {connection: "\(connection)", relaxed_durability: true}
        redis: {mode: cluster, addresses: [\(stack.redis.addresses.joined(separator: ", "))]}
        market: {day: "20230711", schedule: continuous}
        risk: {preset: load}
        cache: {megabytes: 16, entries: 10000}
        replicas:
          http: 127.0.0.1:0
          scope: \(scope)
          partitions: \(Self.partitions)
        \(replicas)
        """.write(toFile: config, atomically: true, encoding: .utf8)
        let migrated = try await Programs.run(
            "springtide", "migrate", "--config", config, "--schemas", "\(Programs.root)/Schemas")
        guard migrated.code == 0 else { throw TierError(.unavailable, migrated.output) }
        try await seed()
    }

    deinit {
        tier.shutdown()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private func seed() async throws {
        var writes = WriteSet()
        let instrument = Instrument(
            id: InstrumentID(0), symbol: 600_000, board: .main, previousClose: Price(milli: 10_000),
            limitDown: Price(milli: 9_000), limitUp: Price(milli: 11_000))
        writes.append(Instrument.key(instrument.id)) { instrument.encode(into: &$0) }
        for number in Self.accounts {
            let profile = AccountProfile(id: AccountID(number), isBlocked: number % 10 == 0)
            writes.append(AccountProfile.key(profile.id)) { profile.encode(into: &$0) }
            let cash = CashRow(account: profile.id, balance: Money(milli: 1_000_000_000))
            writes.append(CashRow.key(profile.id)) { cash.encode(into: &$0) }
        }
        let durable = try PostgresTier(
            PostgresTier.Configuration(conninfo: connection), schemas: TradingSpaces.all, metrics: MetricsRegistry())
        _ = await durable.commit([Transaction(writes: writes)], until: .now + .seconds(30))
        await durable.close()
    }

    // MARK: Producing

    func prefix(_ service: String) -> String { "{\(scope):\(service)}" }

    private func stream(_ service: String, _ partition: Int) -> String { "\(prefix(service)):p:\(partition)" }

    /// Sends batches in the order given, each to the partition of its account.
    func send(_ service: String, _ batches: [(account: UInt32, bytes: [UInt8])]) async throws {
        for start in stride(from: 0, to: batches.count, by: 100) {
            let part = batches[start..<min(start + 100, batches.count)].map { batch in
                let partition = ReplicaAssignment.partition(of: AccountID(batch.account), count: Self.partitions)
                return (stream(service, partition), "\(partition)", 1, batch.bytes)
            }
            let outcomes = await streams.append(
                part, counters: "\(prefix(service)):offered", lengthMax: 1_000_000, until: .now + .seconds(20))
            guard outcomes.allSatisfy({ $0 == .appended }) else { throw TierError(.unavailable, "\(outcomes)") }
        }
    }

    /// A batch of one request a record, of the accounts in turn.
    static func orders(
        _ number: UInt64, producer: UInt64, count: Int = 1
    ) throws -> (account: UInt32, bytes: [UInt8]) {
        let account = accounts.lowerBound + UInt32(number) % UInt32(accounts.count)
        let now = EventClock.now()
        let orders = try (0..<count).map { index in
            guard let id = ClientOrderID("N\(number)-\(index)") else { throw TierError(.constraint, "no id") }
            return OrderRequest(
                kind: .new, session: 1, account: AccountID(account), instrument: InstrumentID(0), clientOrderID: id,
                side: .buy, price: Price(milli: 10_000), quantity: Quantity(100), transactTime: now, receiveTime: now,
                sendingTime: now)
        }
        let header = BatchHeader(kind: .orders, producer: producer, number: number, created: now)
        return (account, BatchFormat.encode(header, orders: orders))
    }

    /// A batch of one piece of news, whose execution is the number.
    static func news(_ number: UInt64, producer: UInt64) throws -> (account: UInt32, bytes: [UInt8]) {
        let account = accounts.lowerBound + UInt32(number) % UInt32(accounts.count)
        guard let id = ClientOrderID("N\(number)") else { throw TierError(.constraint, "no id") }
        let request = OrderRequest(
            kind: .new, session: 1, account: AccountID(account), instrument: InstrumentID(0), clientOrderID: id,
            side: .buy, price: Price(milli: 10_000), quantity: Quantity(100), transactTime: 0, receiveTime: 0,
            sendingTime: 0)
        var report = ExecutionReport(
            type: .rejected, status: .rejected, order: number, execution: number, request: request, time: 1)
        report.rule = 24
        guard let item = NewsItem(report) else { throw TierError(.constraint, "no news") }
        let header = BatchHeader(kind: .news, producer: producer, number: number, created: EventClock.now())
        return (account, BatchFormat.encode(header, news: [item]))
    }

    /// Batches that wait or are worked on, over all partitions.
    func waiting(_ service: String) async throws -> Int {
        let keys = (0..<Self.partitions).map { stream(service, $0) }
        return try await streams.depths(keys, counters: "\(prefix(service)):offered", until: .now + .seconds(10))
            .depths.reduce(0) { $0 + $1.length }
    }

    func members(_ service: String) async throws -> [String] {
        try await streams.beat(
            .look, "", scope: prefix(service), lifetime: .seconds(2), until: .now + .seconds(10)
        ).members.map(\.name)
    }

    // MARK: Processes

    /// Starts `serve SERVICE --replica N`; its HTTP port is in `port(_:_:)` once it listens.
    func replica(_ service: String, _ number: Int) throws -> ChildProcess {
        try ChildProcess.start(
            [
                "\(Programs.directory)/springtide", "serve", service, "--replica", "\(number)", "--config", config,
                "--ready-file", "\(folder)/\(service)-\(number).json",
            ], log: "\(folder)/\(service)-\(number).log")
    }

    func port(_ service: String, _ number: Int) -> UInt16? {
        Self.port(of: "\(folder)/\(service)-\(number).json")
    }

    static func port(of file: String) -> UInt16? {
        guard let data = FileManager.default.contents(atPath: file),
            let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        else { return nil }
        if let number = object["http"] as? Int { return UInt16(number) }
        return (object["http"] as? String)?.split(separator: ":").last.flatMap { UInt16($0) }
    }

    func log(_ name: String) -> String {
        (try? String(contentsOfFile: "\(folder)/\(name).log", encoding: .utf8)) ?? ""
    }

    func rows(_ sql: String) async throws -> [[String?]] {
        try await DatabaseScript.run(sql, on: connection, until: .now + .seconds(20))
    }
}

/// Polls until `isTrue`; false where a minute passed first.
func eventually(_ isTrue: () async throws -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
        if (try? await isTrue()) == true { return true }
        try? await Task.sleep(for: .milliseconds(20))
    }
    return false
}

/// One HTTP request to this machine: status and body.
func http(
    _ method: String, _ port: UInt16, _ path: String, _ body: String = ""
) -> (status: Int, body: String)? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    address.sin_port = port.bigEndian
    let isConnected = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
    let request =
        "\(method) \(path) HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    guard isConnected, send(descriptor, request, request.utf8.count, Int32(MSG_NOSIGNAL)) > 0 else { return nil }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 { answer += buffer[..<count] }
    let text = String(decoding: answer, as: UTF8.self)
    guard let end = text.range(of: "\r\n\r\n"), let status = Int(text.dropFirst(9).prefix(3)) else { return nil }
    return (status, String(text[end.upperBound...]))
}
