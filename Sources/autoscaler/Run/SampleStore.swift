internal import Forecasting
internal import Foundation

/// Measured bins in a file of comma-separated text, `time,value`, that training reads too: appended to, a line a bin.
///
/// A line is one write; a kill leaves at most the last one torn, which the next start leaves out. At the start no more
/// than `rowsMax` rows are kept: a longer file is written anew, whole or not at all. Lines that cannot be read, or that
/// are not later than the one before, are left out and counted.
final class SampleStore {
    /// The file's first line.
    static let head = "time,value\n"

    /// The rows, oldest first; no more than twice `rowsMax`.
    private(set) var rows: [LoadSample]
    /// Lines left out at the start.
    let linesLeftOut: Int
    private let rowsMax: Int
    private let file: FileHandle

    /// Opens or makes the file.
    ///
    /// - Throws: `UserError` where it cannot be read or written.
    init(_ path: String, rowsMax: Int) throws {
        self.rowsMax = rowsMax
        let isThere = FileManager.default.fileExists(atPath: path)
        let found = isThere ? Self.read(try InputFile.read(path)) : (rows: [], leftOut: 0)
        rows = Array(found.rows.suffix(rowsMax))
        linesLeftOut = found.leftOut
        if !isThere || linesLeftOut > 0 || found.rows.count > rowsMax {
            let text = Self.head + rows.map(Self.line).joined()
            do {
                try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            } catch { throw UserError("\(path): the samples cannot be written: \(error.localizedDescription)") }
        }
        guard let file = FileHandle(forWritingAtPath: path) else {
            throw UserError("\(path): the samples cannot be opened")
        }
        self.file = file
        try file.seekToEnd()
    }

    private static func read(_ bytes: [UInt8]) -> (rows: [LoadSample], leftOut: Int) {
        var rows: [LoadSample] = []
        var linesLeftOut = 0
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true)
        let isWhole = bytes.last == UInt8(ascii: "\n")
        for (number, line) in lines.enumerated() where !(number == 0 && line.elementsEqual(head.utf8.dropLast())) {
            let fields = line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            guard fields.count == 2, isWhole || number < lines.count - 1, let time = CivilTime(fields[0]),
                let load = Double(String(decoding: fields[1], as: UTF8.self)), load >= 0, load.isFinite,
                rows.last.map({ $0.time < time }) ?? true
            else {
                linesLeftOut += 1
                continue
            }
            rows.append(LoadSample(time: time, load: load))
        }
        return (rows, linesLeftOut)
    }

    /// Appends a bin; false where it could not be written.
    func append(_ sample: LoadSample) -> Bool {
        guard rows.last.map({ $0.time < sample.time }) ?? true else { return true }
        rows.append(sample)
        if rows.count > 2 * rowsMax { rows.removeFirst(rowsMax) }
        do {
            try file.write(contentsOf: Data(Self.line(sample).utf8))
            return true
        } catch {
            return false
        }
    }

    /// A row as text, with its line feed.
    static func line(_ sample: LoadSample) -> String {
        let second = sample.time.second % 60
        return "\(CivilTime.text(day: sample.time.day)) \(CivilTime.text(second: sample.time.second)):"
            + "\(second < 10 ? "0" : "")\(second),\(sample.load)\n"
    }
}
