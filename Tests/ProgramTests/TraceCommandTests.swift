import Foundation
import Testing

@Suite struct TraceCommandTests {
    /// Writes a trace and runs `springtide cache trace` on it.
    static func trace(_ bytes: [UInt8], _ name: String, _ format: String, _ more: String...) async throws
        -> Programs.Outcome
    {
        let folder = try Programs.scratch()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/\(name)"
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        let option = { (name: String, other: String) in
            more.firstIndex(of: "--\(name)").map { more[$0 + 1] } ?? other
        }
        var outcome = try await Programs.run(
            "springtide", "cache", "trace", "--trace", file, "--format", format, "--capacity", option("capacity", "2"),
            "--policy", option("policy", "lru"), "--shards", option("shards", "1"))
        outcome.output = outcome.output.replacing(folder + "/", with: "")
        return outcome
    }

    @Test("Hits are printed as one line of JSON", .timeLimit(.minutes(2)))
    func hits() async throws {
        // 1 1 2 3 1 on two entries: LRU hits the second 1; then 3 drives out 1, the less recent.
        let lines = Array("1\n1\n2\n3\n1\n".utf8)
        let lru = try await Self.trace(lines, "t", "lirs")
        #expect(lru.code == 0)
        #expect(lru.output == "{\"requests\":5,\"hits\":1}\n")
        // SIEVE: 1 is marked, so 3 drives out 2, and the last 1 hits too.
        let sieve = try await Self.trace(lines, "t", "lirs", "--policy", "sieve")
        #expect(sieve.output == "{\"requests\":5,\"hits\":2}\n")
        let words = try await Self.trace([0, 0, 0, 1, 0, 0, 0, 1], "t", "int32be", "--policy", "wtinylfu")
        #expect(words.output == "{\"requests\":2,\"hits\":1}\n")
    }

    @Test("What is wrong with a trace is one line that names file and place, exit 2", .timeLimit(.minutes(2)))
    func malformed() async throws {
        let cases: [(text: String, name: String, format: String, message: String)] = [
            ("1\n2\nabc\n", "t", "lirs", "t: line 3 has \"abc\" where a number must be"),
            ("1 one\n", "t", "arc", "t: line 1 has \"one\" where a number must be"),
            ("12345", "t", "int32be", "t: 5 bytes are no whole number of 4-byte keys"),
            ("123456789", "t", "int64be", "t: 9 bytes are no whole number of 8-byte keys"),
            ("no archive", "t.gz", "int32le", "t.gz: gzip cannot unpack it (is gzip installed?)"),
        ]
        for (text, name, format, message) in cases {
            let outcome = try await Self.trace(Array(text.utf8), name, format)
            #expect(outcome.code == 2, "\(text)")
            #expect(outcome.output == "springtide: \(message)\n")
        }
        let missing = try await Programs.run(
            "springtide", "cache", "trace", "--trace", "/no/such", "--format", "lirs", "--capacity", "1", "--policy",
            "lru")
        #expect(missing.code == 2)
        #expect(missing.output == "springtide: /no/such: there is no such file\n")
    }

    @Test("Arguments out of range end with 2 and name the option", .timeLimit(.minutes(2)))
    func wrongArguments() async throws {
        for (option, value, message) in [
            ("--capacity", "0", "--capacity must be 1 to 1073741824"),
            ("--shards", "3", "--shards must be a power of two from 1 to 256"),
            ("--shards", "16", "--capacity must be 16 to 1073741824"),
            ("--policy", "mru", "it must be one of lru, clock, sieve, s3fifo, wtinylfu"),
        ] {
            let outcome = try await Self.trace([], "t", "lirs", option, value)
            #expect(outcome.code == 2)
            #expect(outcome.output.contains(message), "\(outcome.output)")
        }
    }
}
