import Foundation
import LocalStack
import TestServers
import Testing

/// A database of its own, migrated, and a configuration file for it.
struct CacheProgramFixture {
    let folder: String
    let file: String
    let redis: String
    let connection: String

    /// - Parameter redis: the section `redis` of the file, as YAML in braces.
    init(_ stack: LocalStack, redis: String, isMigrated: Bool = true) async throws {
        folder = try Programs.scratch()
        file = "\(folder)/node.yaml"
        self.redis = redis
        let name = "program\(UInt64.random(in: .min ... .max))"
        connection = stack.postgres.connection.replacing("dbname=postgres", with: "dbname=\(name)")
        let created = try await Programs.runTool("psql", stack.postgres.connection, "-c", "CREATE DATABASE \(name)")
        try #require(created.code == 0, "\(created.output)")
        try write(redis: redis)
        guard isMigrated else { return }
        let migrated = try await Programs.run(
            "springtide", "migrate", "--config", file, "--schemas", "\(Programs.root)/Schemas")
        try #require(migrated.code == 0, "\(migrated.output)")
    }

    /// Writes the file with another section `redis`.
    func write(redis: String) throws {
        let text = """
            postgres: {connection: "\(connection)", relaxed_durability: true}
            redis: \(redis)
            cache: {policy: s3fifo, repair: always, shadow: {every_reads: 1, checks_per_second: 100}}
            gateway: {fix: "127.0.0.1:0", http: "127.0.0.1:0", store: "\(folder)/fix-store"}
            market: {schedule: continuous}
            limits: {accounts: 1000}

            """
        try text.write(toFile: file, atomically: true, encoding: .utf8)
    }

    static func cluster(_ stack: LocalStack) -> String {
        "{mode: cluster, addresses: [\(stack.redis.addresses.joined(separator: ", "))]}"
    }

    static func ring(_ addresses: [String]) -> String {
        "{mode: ring, addresses: [\(addresses.joined(separator: ", "))]}"
    }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }

    /// Starts a node; returns it with the port of its HTTP listener.
    func startNode() async throws -> (node: ChildProcess, http: Int) {
        let ready = "\(folder)/ready.json"
        let node = try ChildProcess.start(
            ["\(Programs.directory)/springtide", "serve", "--config", file, "--ready-file", ready], log: log)
        for _ in 0..<6_000 where node.isRunning {
            if let data = FileManager.default.contents(atPath: ready),
                let ports = try? JSONDecoder().decode([String: Int].self, from: data), let http = ports["http"]
            {
                return (node, http)
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw CocoaError(
            .featureUnsupported, userInfo: [NSLocalizedDescriptionKey: "the node did not start: \(logText)"])
    }

    private var log: String { "\(folder)/node.log" }

    var logText: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    /// Waits until the node has logged `text`, for at most a minute.
    func waitForLog(_ text: String, times: Int = 1) async throws {
        for _ in 0..<6_000 {
            if logText.components(separatedBy: text).count > times { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("never logged: \(text)\n\(logText)")
    }
}

@Suite(
    "The cache commands against real servers", .serialized,
    .enabled(if: TestServers.areInstalled, "apt-get install redis-server postgresql"), .timeLimit(.minutes(10)))
struct CacheCommandTests {
    typealias Fixture = CacheProgramFixture

    private static let paths = [
        "L3 read", "L3 commit", "outbox stream", "L2 fill", "L2 publish", "tracking message", "L2 get",
    ]

    /// The rows of `cache check`, split where the header's columns begin; every row must fit them.
    private func rows(_ output: String) throws -> [[String]] {
        let lines = output.split(separator: "\n").map(String.init)
        let header = try #require(lines.first)
        let starts = try ["path", "state", "round trip", "last message", "detail"].map { name in
            let range = try #require(header.firstRange(of: name), "\(header)")
            return header.distance(from: header.startIndex, to: range.lowerBound)
        }
        return lines.dropFirst().map { line in
            let characters = Array(line)
            return starts.indices.map { column in
                let end = column + 1 < starts.count ? min(starts[column + 1], characters.count) : characters.count
                let cell = String(characters[min(starts[column], end)..<end])
                if column > 0, starts[column] <= characters.count {
                    #expect(characters[starts[column] - 1] == " ", "column \(column) of: \(line)")
                }
                return cell.trimmingCharacters(in: .whitespaces)
            }
        }
    }

    @Test("check sends probes through a cluster and a ring: every path ok, with times, as a table and as JSON")
    func check() async throws {
        let shared = try TestServers.shared
        let ring = try LocalStack(redis: .standalone(shards: 2), durability: .relaxed)
        defer { ring.stop() }
        for (stack, redis) in [(shared, Fixture.cluster(shared)), (ring, Fixture.ring(ring.redis.addresses))] {
            let fixture = try await Fixture(stack, redis: redis)
            defer { fixture.remove() }
            let table = try await Programs.run("springtide", "cache", "check", "--config", fixture.file)
            #expect(table.code == 0, "\(table.output)")
            let cells = try rows(table.output)
            #expect(cells.map { $0[0] } == Self.paths, "\(table.output)")
            #expect(cells.allSatisfy { $0[1] == "ok" && $0[2].hasSuffix(" ms") }, "\(table.output)")
            #expect(cells.filter { $0[3] != "-" }.map { $0[0] } == ["outbox stream", "tracking message"])
            let json = try await Programs.run("springtide", "cache", "check", "--config", fixture.file, "--json")
            #expect(json.code == 0)
            let paths = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]])
            #expect(paths.compactMap { $0["name"] as? String } == Self.paths)
            #expect(paths.allSatisfy { $0["state"] as? String == "ok" && ($0["milliseconds"] as? Double ?? -1) >= 0 })
        }
    }

    @Test("check says which path is broken, skips those behind it, and ends with 99")
    func broken() async throws {
        let stack = try TestServers.shared
        let away = try await Fixture(stack, redis: "{mode: cluster, addresses: [\"127.0.0.1:1\"]}")
        defer { away.remove() }
        let noRedis = try await Programs.run("springtide", "cache", "check", "--config", away.file, "--timeout", "1")
        #expect(noRedis.code == 99)
        let cells = try rows(noRedis.output)
        #expect(cells.map { $0[1] } == ["ok", "ok", "ok", "broken", "skipped", "skipped", "skipped"])
        #expect(cells[3][4].contains("127.0.0.1:1"), "\(noRedis.output)")
        try away.write(redis: "{mode: none}")
        let two = try await Programs.run("springtide", "cache", "check", "--config", away.file)
        #expect(two.code == 0, "two levels are a configuration, not a fault")
        #expect(try rows(two.output).map { $0[1] } == ["ok", "ok", "ok", "skipped", "skipped", "skipped", "skipped"])
        try "postgres: {connection: host=/nonexistent}\nredis: {mode: none}\n".write(
            toFile: away.file, atomically: true, encoding: .utf8)
        let noPostgres = try await Programs.run("springtide", "cache", "check", "--config", away.file, "--timeout", "1")
        #expect(noPostgres.code == 99)
        #expect(try rows(noPostgres.output)[0][1] == "broken")
        #expect(noPostgres.output.contains("/nonexistent"), "\(noPostgres.output)")
    }

    @Test("check on a database without its tables, or with a file that is wrong, says what to do")
    func cannotRun() async throws {
        let stack = try TestServers.shared
        let fixture = try await Fixture(stack, redis: "{mode: none}", isMigrated: false)
        defer { fixture.remove() }
        let empty = try await Programs.run("springtide", "cache", "check", "--config", fixture.file)
        #expect(empty.code == 1)
        #expect(empty.output.contains("table cache_probe is missing: run the migrations"), "\(empty.output)")
        let missing = try await Programs.run("springtide", "cache", "check", "--config", "/no/such")
        #expect(missing.code == 2 && missing.output == "springtide: /no/such: cannot be read\n")
        let timeout = try await Programs.run("springtide", "cache", "check", "--config", "x", "--timeout", "0")
        #expect(timeout.code == 2 && timeout.output.contains("--timeout must be in 1...600"))
    }

    @Test("top shows a line a second of a running node; SIGHUP changes its ring, and a bad file changes nothing")
    func topAndReload() async throws {
        let stack = try LocalStack(redis: .standalone(shards: 3), durability: .relaxed)
        defer { stack.stop() }
        let servers = stack.redis.addresses
        let fixture = try await Fixture(stack, redis: Fixture.ring(Array(servers[..<2])))
        defer { fixture.remove() }
        let (node, http) = try await fixture.startNode()
        defer { node.signal(SIGKILL) }
        let url = "http://127.0.0.1:\(http)/metrics"
        let top = try await Programs.run("springtide", "cache", "top", "--url", url, "--count", "2")
        #expect(top.code == 0, "\(top.output)")
        let lines = top.output.split(separator: "\n")
        let columns = lines.map { $0.split(separator: " ") }
        try #require(lines.count == 3, "\(top.output)")
        #expect(columns[0].first == "l1/s" && columns.allSatisfy { $0.count == columns[0].count }, "\(top.output)")
        #expect(columns[1][columns[0].firstIndex(of: "breakers") ?? 0] == "0/2", "\(top.output)")
        for line in columns[1...] {
            #expect(line.allSatisfy { $0 == "-" || Double($0) != nil || $0.contains("/") }, "\(top.output)")
        }
        try await reload(fixture, node, servers)
        node.signal(SIGTERM)
        #expect(await node.wait() == 0, "\(fixture.logText)")
        let gone = try await Programs.run("springtide", "cache", "top", "--url", url, "--count", "1")
        #expect(gone.code == 1)
        #expect(gone.output == "springtide: 127.0.0.1:\(http) does not answer with metrics\n")
    }

    private func reload(_ fixture: Fixture, _ node: ChildProcess, _ servers: [String]) async throws {
        try fixture.write(redis: Fixture.ring(Array(servers[1...])))
        node.signal(SIGHUP)
        try await fixture.waitForLog("ring reloaded")
        let line = try #require(fixture.logText.split(separator: "\n").first { $0.contains("ring reloaded") })
        #expect(line.contains(servers[2]) && line.contains(servers[0]) && !line.contains(servers[1]), "\(line)")
        for bad in ["{mode: none}", "{mode: ring, addresses: [nowhere]}", "{mode: ring, addresses: []}"] {
            let before = fixture.logText.components(separatedBy: "the ring is as it was").count
            try fixture.write(redis: bad)
            node.signal(SIGHUP)
            try await fixture.waitForLog("the ring is as it was", times: before)
        }
        try fixture.write(redis: Fixture.ring(Array(servers[1...])))
        node.signal(SIGHUP)
        try await fixture.waitForLog("ring reloaded", times: 2)
        #expect(node.isRunning)
    }

    @Test("Wrong arguments of top end with 2 and name the option")
    func wrongArguments() async throws {
        for (option, value, message) in [
            ("--url", "ftp://x", "--url must be http://host:port/path"), ("--interval", "0", "--interval must be in 1"),
            ("--count", "-1", "--count"),
        ] {
            let outcome = try await Programs.run("springtide", "cache", "top", "\(option)=\(value)")
            #expect(outcome.code == 2 && outcome.output.contains(message), "\(outcome.output)")
        }
    }

    @Test(
        "Each cache command explains itself with an example and its exit codes", arguments: ["check", "top", "trace"])
    func help(_ command: String) async throws {
        let outcome = try await Programs.run("springtide", "cache", command, "--help")
        #expect(outcome.code == 0)
        #expect(outcome.output.contains("springtide cache \(command) --"), "\(outcome.output)")
        #expect(outcome.output.contains("Exit codes:"), "\(outcome.output)")
    }
}
