import Foundation

/// Why the peer is not there.
struct PeerMissing: Error { let reason: String }

/// A Caffeine cache in a Java process that stays warm between runs.
final class CaffeinePeer {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var pending: [UInt8] = []
    /// Version in the jar's name, and the Java that runs it.
    let name: String

    /// Compiles the Java source beside this folder into `folder` and starts it on the sequences.
    ///
    /// - Throws: `PeerMissing` where Java, its compiler or the jar is not there.
    init(entries: Int, sequences: [KeySequence], folder: URL) throws {
        let jar = ProcessInfo.processInfo.environment["CAFFEINE_JAR"] ?? "/usr/share/java/caffeine.jar"
        guard FileManager.default.fileExists(atPath: jar) else {
            throw PeerMissing(reason: "\(jar) is not there (Debian's libcaffeine-java, or CAFFEINE_JAR)")
        }
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Caffeine/CaffeineBenchmark.java")
        guard try Self.call("javac", "-cp", jar, "-d", folder.path, source.path) else {
            throw PeerMissing(reason: "javac is not there or failed (a JDK of 11 or later)")
        }
        let keys = folder.appendingPathComponent("keys")
        try KeySequence.write(sequences, to: keys)
        name =
            "Caffeine "
            + URL(fileURLWithPath: jar).resolvingSymlinksInPath().deletingPathExtension()
            .lastPathComponent.replacing("caffeine-", with: "")
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "java", "-Xms512m", "-Xmx512m", "-XX:+UseParallelGC", "-cp", "\(jar):\(folder.path)", "CaffeineBenchmark",
            keys.path, "\(sequences.count)", "\(entries)",
        ]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    private static func call(_ arguments: String...) throws -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus == 0
    }

    /// One run of a load.
    func run(_ load: Load, operations: Int) throws -> Run {
        let line = "\(load.word) \(load.threads) \(operations)\n"
        try input.fileHandleForWriting.write(contentsOf: Data(line.utf8))
        let newline = UInt8(ascii: "\n")
        while !pending.contains(newline) {
            let part = output.fileHandleForReading.availableData
            guard !part.isEmpty else { throw PeerMissing(reason: "the Java process ended") }
            pending += part
        }
        let end = pending.firstIndex(of: newline) ?? pending.endIndex
        let figures = String(decoding: pending[..<end], as: UTF8.self).split(separator: " ").compactMap { Double($0) }
        pending.removeSubrange(...end)
        guard figures.count == 3 else { throw PeerMissing(reason: "the Java process answered otherwise") }
        return Run(
            wallNanoseconds: figures[0], cpuNanoseconds: figures[1], operations: load.threads * operations,
            misses: Int(figures[2]))
    }

    /// Ends the Java process.
    func stop() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
