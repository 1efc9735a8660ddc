public import Foundation

/// Recorded market data, where the machine has them: the folder that SPRINGTIDE_DATA names.
public enum RecordedData {
    /// What is missing or cannot be unpacked.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String

        /// A failure in words.
        public init(_ description: String) { self.description = description }
    }

    /// The part of that name, nil where the machine has none.
    public static func folder(_ name: String) -> URL? {
        guard let path = ProcessInfo.processInfo.environment["SPRINGTIDE_DATA"] else { return nil }
        let folder = URL(fileURLWithPath: path).appendingPathComponent(name)
        return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
    }

    /// The folder of recorded order flow.
    public static var orderFlow: URL? { folder("b_order_flow") }

    /// One file of a Shanghai symbol-day; `kind` is `orders` or `expected_trades`.
    public static func shanghaiDay(_ symbol: String, _ kind: String) throws -> String {
        guard let folder = orderFlow else { throw Failure("no folder with recorded order flow") }
        let file = folder.appendingPathComponent("sse_l2_\(symbol)_2023-07-11_\(kind).csv.zst")
        return String(decoding: try unpacked(file), as: UTF8.self)
    }

    /// The content of a file packed by gzip, xz or zstd.
    public static func unpacked(_ file: URL) throws -> Data {
        guard let program = ["gz": "gzip", "xz": "xz", "zst": "zstd"][file.pathExtension] else {
            throw Failure("\(file.path) is not packed")
        }
        // A file and not a pipe: a server that another test starts at the same time would inherit the pipe's end.
        let output = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        guard FileManager.default.createFile(atPath: output.path, contents: nil) else {
            throw Failure("cannot write \(output.path)")
        }
        defer { try? FileManager.default.removeItem(at: output) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program, "-dcq", file.path]
        process.standardOutput = try FileHandle(forWritingTo: output)
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure("\(program) failed on \(file.path)") }
        return try Data(contentsOf: output)
    }
}
