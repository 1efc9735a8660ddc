internal import Foundation
internal import LocalStack
internal import Synchronization

/// Standard output and error.
enum Terminal {
    /// Whether standard error is a terminal, where the live line goes.
    static var isInteractive: Bool { isatty(2) == 1 }

    /// Writes to standard output; where that fails the program ends with 1, since its result is lost.
    static func say(_ text: String) {
        guard !tell(text) else { return }
        complain("autoscaler: standard output cannot be written")
        Foundation.exit(1)
    }

    /// Writes to standard output; false where it cannot be written, such as on a full disk.
    @discardableResult
    static func tell(_ text: String) -> Bool {
        (try? FileHandle.standardOutput.write(contentsOf: Data(text.utf8))) != nil
    }

    /// Writes a line to standard error, where it can be written.
    static func complain(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8)) }

    /// Replaces the live line.
    static func redraw(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(("\r\u{1B}[K" + text).utf8))
    }
}

/// SIGINT and SIGTERM ask for an end in order; a second one ends the program at once.
enum Interrupt {
    private static let flag = Atomic<Bool>(false)

    /// Whether an end was asked for.
    static var isSet: Bool { flag.load(ordering: .relaxed) }

    /// Takes the signals over from here on.
    static func install() {
        _ = isSet
        // A parent may have started this program with the signals blocked, as threads of a dispatch queue do.
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for number in [SIGINT, SIGTERM] {
            unsafe sigaddset(&signals, number)
            signal(number) { _ in
                if Interrupt.flag.exchange(true, ordering: .relaxed) { _exit(130) }
            }
        }
        unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }
}

/// Files, plain or packed.
enum InputFile {
    /// All bytes of a file, unpacked by zstd, xz or gzip where its name ends so.
    static func read(_ file: String) throws -> [UInt8] {
        do {
            return try PackedFile.read(file)
        } catch { throw UserError(error.description) }
    }

    /// Refuses files that could not be written in the end, before any work is done; nil and `-` are none.
    static func requireWritable(_ paths: [String?]) throws {
        for case let path? in paths where path != "-" {
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
            if let type = type(of: path) {
                if type == .typeDirectory { throw UserError("\(path): is a directory; name a file") }
                // A link to what is not there yet is written through.
                if type == .typeSymbolicLink { continue }
                guard FileManager.default.isWritableFile(atPath: path) else {
                    throw UserError("\(path): may not be written")
                }
            } else if type(of: folder) != .typeDirectory {
                throw UserError("\(path): there is no directory \(folder); make it first")
            } else if !FileManager.default.isWritableFile(atPath: folder) {
                throw UserError("\(path): directory \(folder) may not be written")
            }
        }
    }

    /// What a path leads to, a link only where it leads nowhere; nil where there is nothing.
    static func type(of path: String) -> FileAttributeType? {
        guard let own = ownType(of: path), own == .typeSymbolicLink else { return ownType(of: path) }
        return ownType(of: URL(fileURLWithPath: path).resolvingSymlinksInPath().path) ?? own
    }

    private static func ownType(of path: String) -> FileAttributeType? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.type] as? FileAttributeType
    }

    /// Writes text whole, `-` to standard output; what is no plain file, such as a device, is written into and stays.
    static func write(_ text: String, to path: String) throws {
        if path == "-" { return Terminal.say(text) }
        let type = ownType(of: path)
        let isPlain = type == nil || type == .typeRegular
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: isPlain ? .atomic : [])
        } catch {
            throw UserError("\(path): cannot be written: \(error.localizedDescription)")
        }
    }
}
