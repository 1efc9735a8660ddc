internal import Foundation

/// Files of data, plain or packed.
public enum PackedFile {
    /// Why a file cannot be read.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        /// The file and what is wrong with it.
        public let description: String
    }

    /// All bytes of `file`, unpacked by zstd, xz or gzip where its name ends so; at most `bytesMax`.
    public static func read(_ file: String, bytesMax: Int = 4 << 30) throws(Failure) -> [UInt8] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: file, isDirectory: &isFolder) else {
            throw Failure(description: "\(file): there is no such file")
        }
        guard !isFolder.boolValue, let source = FileHandle(forReadingAtPath: file) else {
            throw Failure(description: "\(file): cannot be read")
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
        do { try process.run() } catch { throw Failure(description: "\(file): \(program) cannot start: \(error)") }
        let bytes = Result { () throws(Failure) in try all(of: pipe.fileHandleForReading, file, bytesMax) }
        if case .failure = bytes { process.terminate() }
        process.waitUntilExit()
        let unpacked = try bytes.get()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(file): \(program) cannot unpack it (is \(program) installed?)")
        }
        return unpacked
    }

    private static func all(of source: FileHandle, _ file: String, _ bytesMax: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let part: Data?
            do { part = try source.read(upToCount: 1 << 20) } catch {
                throw Failure(description: "\(file): cannot be read: \(error)")
            }
            guard let part, !part.isEmpty else { return bytes }
            bytes.append(contentsOf: part)
            guard bytes.count <= bytesMax else { throw Failure(description: "\(file): more than \(bytesMax) bytes") }
        }
    }
}
