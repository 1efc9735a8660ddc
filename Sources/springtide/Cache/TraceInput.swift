internal import Foundation

/// Files of keys, plain or compressed.
enum TraceInput {
    /// Most bytes of a trace, unpacked.
    static let bytesMax = 4 << 30

    /// All bytes of a file, unpacked by zstd, xz or gzip where its name ends so.
    ///
    /// - Throws: `ConfigurationError` where it cannot be read or unpacked, or is longer than `bytesMax`.
    static func read(_ file: String, bytesMax: Int = Self.bytesMax) throws -> [UInt8] {
        var isFolder: ObjCBool = false
        guard unsafe FileManager.default.fileExists(atPath: file, isDirectory: &isFolder) else {
            throw ConfigurationError(description: "\(file): there is no such file")
        }
        guard !isFolder.boolValue, let source = FileHandle(forReadingAtPath: file) else {
            throw ConfigurationError(description: "\(file): cannot be read")
        }
        let programs = [".zst": "zstd", ".xz": "xz", ".gz": "gzip"]
        guard let program = programs.first(where: { file.hasSuffix($0.key) })?.value else {
            return try all(of: source, file, bytesMax)
        }
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program, "-dc"]
        process.standardInput = source
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let bytes = Result { try all(of: pipe.fileHandleForReading, file, bytesMax) }
        if case .failure = bytes { process.terminate() }
        process.waitUntilExit()
        let unpacked = try bytes.get()
        guard process.terminationStatus == 0 else {
            throw ConfigurationError(description: "\(file): \(program) cannot unpack it (is \(program) installed?)")
        }
        return unpacked
    }

    private static func all(of source: FileHandle, _ file: String, _ bytesMax: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        do {
            while let part = try source.read(upToCount: 1 << 20), !part.isEmpty {
                bytes.append(contentsOf: part)
                guard bytes.count <= bytesMax else {
                    throw ConfigurationError(description: "\(file): more than \(bytesMax) bytes")
                }
            }
        } catch let error as ConfigurationError {
            throw error
        } catch { throw ConfigurationError(description: "\(file): cannot be read: \(error)") }
        return bytes
    }
}
