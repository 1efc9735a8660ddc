internal import ArgumentParser
internal import CacheStack
internal import Foundation
internal import LocalStack

/// `springtide cache trace`: what an eviction policy would hit on a recorded sequence of keys.
struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Count the hits of an eviction policy on a recorded sequence of keys.",
        discussion: """
            Every key is a request that loads what is missing, one unit each. Files are plain or compressed (.zst, .xz,
            .gz). Formats: lirs (a number a line, lines with * skipped), arc (lines "start count ..."), int32be,
            int32le, int64be (binary keys). Prints one line: {"requests":914145,"hits":300122}

            Example:
              springtide cache trace --trace arc_OLTP.lis.zst --format arc --capacity 1000 --policy s3fifo

            Exit codes: 0 done, 2 the file is missing or not of its format, or wrong arguments.
            """)

    @Option(help: "File of keys.") var trace: String
    @Option(help: "How keys are written: \(names(TraceFormat.self)).", transform: named) var format: TraceFormat
    @Option(help: "Entries the cache holds.") var capacity: Int
    @Option(help: "Who leaves: \(names(PolicyName.self)).", transform: named) var policy: PolicyName
    @Option(help: "Parts of the cache, by hash: a power of two.") var shards = 1

    func validate() throws {
        guard (1...256).contains(shards), shards & (shards - 1) == 0 else {
            throw ValidationError("--shards must be a power of two from 1 to 256")
        }
        guard (shards...1 << 30).contains(capacity) else {
            throw ValidationError("--capacity must be \(shards) to \(1 << 30)")
        }
    }

    func run() throws {
        let bytes: [UInt8]
        do {
            bytes = try PackedFile.read(trace)
        } catch { throw ConfigurationError(description: error.description) }
        let keys: [UInt64]
        do {
            keys = try format.keys(in: bytes)
        } catch { throw ConfigurationError(description: "\(trace): \(error)") }
        say("{\"requests\":\(keys.count),\"hits\":\(policy.hits(of: keys, capacity: capacity, shards: shards))}")
    }
}

/// The case of that name; for options whose type is of a library.
private func named<Choice: RawRepresentable & CaseIterable>(_ name: String) throws -> Choice
where Choice.RawValue == String {
    guard let choice = Choice(rawValue: name) else { throw ValidationError("it must be one of \(names(Choice.self))") }
    return choice
}

private func names<Choice: RawRepresentable & CaseIterable>(_: Choice.Type) -> String where Choice.RawValue == String {
    Choice.allCases.map(\.rawValue).joined(separator: ", ")
}
