/// The lines of one journal file, and what of it could not be read.
public struct JournalContents: Sendable, Equatable {
    /// The lines, in order.
    public private(set) var lines: [JournalLine] = []
    /// Bytes at the end that are no whole line: what a process was writing when it was killed.
    public private(set) var bytesTorn = 0

    /// Reads a file's text.
    ///
    /// The last line counts only with its line feed: without, it is torn, and left out. A line in the middle that cannot
    /// be read is a fault, as nothing of ours leaves one.
    ///
    /// - Throws: `JournalFault` with the line's number.
    public init(_ text: String) throws(JournalFault) {
        var number = 0
        var rest = Substring(text)
        while let end = rest.utf8.firstIndex(of: UInt8(ascii: "\n")) {
            number += 1
            let line = rest[..<end]
            rest = rest[rest.utf8.index(after: end)...]
            guard !line.isEmpty else { continue }
            do {
                lines.append(try JournalLine(String(line)))
            } catch {
                throw JournalFault(line: number, error.text)
            }
        }
        bytesTorn = rest.utf8.count
    }

    /// The last decision and the run it belongs to; nil where there is none.
    public var last: (run: JournalRun?, decision: JournalDecision)? {
        var run: JournalRun?
        var decision: JournalDecision?
        for line in lines {
            switch line {
            case .run(let found): run = found
            case .decision(let found): decision = found
            default: break
            }
        }
        return decision.map { (run, $0) }
    }
}

/// When a journal file is full, and how many are kept.
public struct JournalRotation: Sendable, Equatable {
    /// Bytes of a file after which the next line begins another.
    public var bytesMax = 64 << 20
    /// Files kept, the one in use included; the oldest is deleted.
    public var filesMax = 8

    /// The defaults: 8 files of 64 MiB.
    public init() {}

    /// Names of the files of a journal at `path`, the one in use first: `path`, `path.1`, `path.2`, …
    public func names(_ path: String) -> [String] {
        (0..<max(filesMax, 1)).map { $0 == 0 ? path : "\(path).\($0)" }
    }

    /// Whether a line of `bytes` goes to another file than one that has `size` bytes; an empty file takes any line.
    public func isDue(size: Int, line bytes: Int) -> Bool { size > 0 && size + bytes > bytesMax }
}
