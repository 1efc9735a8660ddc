internal import Autoscaling
internal import Foundation

/// The journal's files: appends lines, turns to another file when one is full, keeps what a kill leaves readable.
///
/// A line is one write of the whole line, so a killed process leaves at most the last line torn, and the next start cuts
/// that off. A power cut can lose what was not forced to the disk: lines of the last `sync` seconds. A line that could
/// not be written is counted and leaves the file as it was.
final class JournalStore {
    private let path: String
    private let rotation: JournalRotation
    private let sync: Double
    private let now: () -> Double
    private var file: FileHandle
    private var size: UInt64
    private var syncedAt: Double
    /// The line that begins each file.
    private var head: JournalRun?
    /// Lines that could not be written.
    private(set) var failures = 0
    /// Bytes of a torn line that were cut off at the start.
    let bytesTorn: Int
    /// The last decision before this run; nil for a new journal.
    let last: JournalDecision?

    /// Opens or makes the journal at `path`.
    ///
    /// - Throws: `UserError` where it cannot be opened.
    init(_ path: String, _ rotation: JournalRotation, sync: Double, now: @escaping () -> Double) throws {
        self.path = path
        self.rotation = rotation
        self.sync = sync
        self.now = now
        let manager = FileManager.default
        if !manager.fileExists(atPath: path) {
            try InputFile.requireWritable([path])
            guard manager.createFile(atPath: path, contents: nil) else {
                throw UserError("\(path): the journal cannot be made")
            }
        }
        let file = try Self.open(path)
        let data = try file.readToEnd() ?? Data()
        let whole = data.lastIndex(of: UInt8(ascii: "\n")).map { $0 - data.startIndex + 1 } ?? 0
        bytesTorn = data.count - whole
        if bytesTorn > 0 { try file.truncate(atOffset: UInt64(whole)) }
        try file.seekToEnd()
        self.file = file
        size = UInt64(whole)
        syncedAt = now()
        var found = Self.tail(data.prefix(whole))
        // A file that was begun just before the end has no decision yet.
        if found == nil, let older = try? Data(contentsOf: URL(fileURLWithPath: path + ".1")) {
            found = Self.tail(older)
        }
        last = found
    }

    /// Opens a file that is there, for this process alone: the lock goes with the process, however it ends.
    private static func open(_ path: String) throws -> FileHandle {
        guard let file = FileHandle(forUpdatingAtPath: path) else {
            let why =
                InputFile.type(of: path) == .typeDirectory ? "it is a directory" : "reading and writing must be allowed"
            throw UserError("\(path): the journal cannot be opened: \(why)")
        }
        guard flock(file.fileDescriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw UserError("\(path): another sidecar writes this journal; give each one its own `journal.file`")
        }
        return file
    }

    /// The last decision of a journal's bytes; lines that cannot be read are passed over.
    private static func tail(_ data: Data) -> JournalDecision? {
        for line in data.split(separator: UInt8(ascii: "\n")).reversed() {
            if case .decision(let last)? = try? JournalLine(String(decoding: line, as: UTF8.self)) { return last }
        }
        return nil
    }

    /// Begins a run.
    func begin(_ run: JournalRun) {
        append(.run(run))
        head = run
        head?.isContinued = true
    }

    /// The model from now on, for the heads of later files.
    func setModel(_ hash: String?) { head?.modelHash = hash }

    /// Appends a line; false where it could not be written.
    @discardableResult
    func append(_ line: JournalLine) -> Bool {
        let data = Data((line.text + "\n").utf8)
        do {
            if let head, size == 0 || rotation.isDue(size: Int(size), line: data.count) {
                if size > 0 { try turn() }
                let first = Data((JournalLine.run(head).text + "\n").utf8)
                try file.write(contentsOf: first)
                size += UInt64(first.count)
            }
            try file.write(contentsOf: data)
            size += UInt64(data.count)
            if now() - syncedAt >= sync { try force() }
            return true
        } catch {
            failures += 1
            // What a full disk left of the line is cut off; where even that fails the next start does it.
            try? file.truncate(atOffset: size)
            return false
        }
    }

    private func force() throws {
        try file.synchronize()
        syncedAt = now()
    }

    /// Renames the files by one and begins an empty one, which is there before the full one is let go.
    private func turn() throws {
        try file.synchronize()
        let manager = FileManager.default
        let names = rotation.names(path)
        if names.count == 1 {
            try file.truncate(atOffset: 0)
        } else {
            let fresh = path + ".new"
            guard manager.createFile(atPath: fresh, contents: nil) else {
                throw UserError("\(fresh): the journal cannot be made")
            }
            let next = try Self.open(fresh)
            if let oldest = names.last, manager.fileExists(atPath: oldest) { try manager.removeItem(atPath: oldest) }
            for (newer, older) in zip(names.dropLast(), names.dropFirst()).reversed()
            where manager.fileExists(atPath: newer) {
                try manager.moveItem(atPath: newer, toPath: older)
            }
            try manager.moveItem(atPath: fresh, toPath: path)
            // The full file is on the disk: an error of its end loses nothing.
            try? file.close()
            file = next
        }
        size = 0
    }

    /// Forces all lines to the disk and closes the file.
    func close() {
        // A journal that cannot be closed has said so at its last line.
        try? file.synchronize()
        try? file.close()
    }
}
