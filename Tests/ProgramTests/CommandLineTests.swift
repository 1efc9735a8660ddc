import Foundation
import Testing

@Suite struct CommandLineTests {
    @Test("Every command explains itself with an example", .timeLimit(.minutes(2)))
    func help() async throws {
        for command in ["demo", "up", "serve", "supervise", "stack", "replay", "migrate", "audit", "risk", "cache"] {
            let outcome = try await Programs.run("springtide", command, "--help")
            #expect(outcome.code == 0)
            #expect(outcome.output.contains("USAGE: springtide \(command)"), "\(command)")
        }
    }

    @Test("A wrong configuration is one line with file, line, key and the nearest known key, exit 2")
    func unknownKey() async throws {
        let folder = try Programs.scratch()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/node.yaml"
        try "gateway:\n  fxi: 127.0.0.1:1\n".write(toFile: file, atomically: true, encoding: .utf8)
        let outcome = try await Programs.run("springtide", "serve", "--config", file)
        #expect(outcome.code == 2)
        #expect(
            outcome.output == "springtide: \(file):2: unknown key gateway.fxi; did you mean gateway.fix?\n")
    }

    @Test(
        "Values out of range, of the wrong type or malformed name file, line and key",
        arguments: [
            ("limits: {accounts: 0}", "limits.accounts must be a whole number in 1...100000000"),
            ("cache:\n  entries: many", "cache.entries must be a whole number in 1...100000000"),
            ("market: {day: 20240230}", "market.day: 20240230 is neither today nor a date as yyyymmdd"),
            ("redis: {mode: sentinel}", "redis.mode must be one of cluster, ring, none"),
            ("redis: {addresses: [nowhere]}", "redis.addresses: nowhere is not host:port or unix:/path"),
            ("risk: {rules: {99: {threshold: 1}}}", "risk.rules.99: is not the number of a risk rule"),
            ("cache: {policy: mru}", "cache.policy must be one of lru, clock, sieve, s3fifo, wtinylfu"),
            ("cache: {repair: sometimes}", "cache.repair must be one of off, after_faults, always"),
            ("cache: {shadow: {every_reads: -1}}", "cache.shadow.every_reads must be a whole number in 0...1000000000"),
            ("cache: {shadow: {every: 1}}", "unknown key cache.shadow.every; did you mean cache.shadow.every_reads?"),
            ("gateway: {fix: 9878}", "gateway.fix must be host:port"),
            ("gateway: 7", "gateway must hold keys"),
        ])
    func wrongValues(text: String, message: String) async throws {
        let folder = try Programs.scratch()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/node.yaml"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let outcome = try await Programs.run("springtide", "serve", "--config", file)
        #expect(outcome.code == 2)
        #expect(outcome.output.hasPrefix("springtide: \(file):"), "\(outcome.output)")
        #expect(outcome.output.contains(message), "\(outcome.output)")
    }

    @Test("The documented configuration holds every key with its default")
    func documentedConfiguration() async throws {
        let outcome = try await Programs.run(
            "springtide", "migrate", "--config", "\(Programs.root)/config/springtide.yaml", "--schemas", "/no/such")
        #expect(outcome.code == 1, "the file is read; then the schemas are missing: \(outcome.output)")
        #expect(!outcome.output.contains("unknown key"))
    }

    @Test("Wrong arguments end with 2 and say what is wrong", .timeLimit(.minutes(2)))
    func wrongArguments() async throws {
        let rate = try await Programs.run("springtide", "demo", "--rate", "0")
        #expect(rate.code == 2)
        #expect(rate.output.contains("--rate must be 1 to 1000000"))
        let flag = try await Programs.run("springtide", "demo", "--speed", "1")
        #expect(flag.code == 2)
        #expect(flag.output.contains("--speed"))
        let file = try await Programs.run("springtide", "serve", "--config", "/no/such.yaml")
        #expect(file.code == 2)
        #expect(file.output == "springtide: /no/such.yaml: cannot be read\n")
    }

    @Test("The risk table is printed with a row for each of its rules")
    func riskTable() async throws {
        let outcome = try await Programs.run("springtide", "risk")
        #expect(outcome.code == 0)
        let numbers = outcome.output.split(separator: "\n").compactMap { Int($0.split(separator: " ")[0]) }
        #expect(Set(1...83).isSubset(of: numbers))
    }
}
