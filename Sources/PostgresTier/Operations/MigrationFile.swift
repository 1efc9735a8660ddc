internal import Glibc

/// One numbered SQL file.
struct MigrationFile {
    let number: Int
    /// File name without directory.
    let name: String
    let text: String

    /// Largest file accepted.
    static let bytesMax = 1 << 20

    /// The SQL files of `directory` by number.
    ///
    /// - Throws: `protocolViolation` where the directory cannot be read, a name is malformed or a number occurs twice.
    static func all(in directory: String) throws(DatabaseFault) -> [MigrationFile] {
        var files: [MigrationFile] = []
        for name in try names(in: directory) where name.hasSuffix(".sql") {
            guard let number = number(of: name) else {
                throw DatabaseFault(
                    .protocolViolation, "\(directory)/\(name): migrations are named like 0001_cache.sql")
            }
            files.append(MigrationFile(number: number, name: name, text: try read("\(directory)/\(name)")))
        }
        files.sort { $0.number < $1.number }
        for (file, next) in zip(files, files.dropFirst()) where file.number == next.number {
            throw DatabaseFault(.protocolViolation, "\(file.name) and \(next.name) have the same number")
        }
        guard !files.isEmpty else { throw DatabaseFault(.protocolViolation, "no migrations in \(directory)") }
        return files
    }

    /// 1 of `0001_cache.sql`, nil where the name is another.
    static func number(of name: String) -> Int? {
        let stem = name.dropLast(4)
        guard name.hasSuffix(".sql"), stem.utf8.count > 5, stem.dropFirst(4).first == "_" else { return nil }
        let isPlain = stem.utf8.allSatisfy { $0 == 95 || (48...57).contains($0) || (97...122).contains($0) }
        guard isPlain, stem.prefix(4).utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int(stem.prefix(4))
    }

    private static func names(in directory: String) throws(DatabaseFault) -> [String] {
        guard let handle = opendir(directory) else {
            throw DatabaseFault(.protocolViolation, "the directory \(directory) cannot be read (errno \(errno))")
        }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { names.append(String(cString: $0)) }
            }
        }
        return names.sorted()
    }

    private static func read(_ path: String) throws(DatabaseFault) -> String {
        guard let file = fopen(path, "rb") else {
            throw DatabaseFault(.protocolViolation, "\(path) cannot be read (errno \(errno))")
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        guard ferror(file) == 0, count <= bytesMax else {
            throw DatabaseFault(.protocolViolation, "\(path) cannot be read or is above \(bytesMax) bytes")
        }
        guard let text = String(validating: bytes[..<count], as: UTF8.self) else {
            throw DatabaseFault(.protocolViolation, "\(path) is not UTF-8")
        }
        return text
    }
}
