import Engine
import Glibc

enum Samples {
    /// A file of `count` instruments at 10 yuan with a 10 % band.
    static func instruments(_ count: Int) -> String {
        ([InstrumentList.header] + (0..<count).map { "\(600_000 + $0),10000,10,9000,11000" }).joined(separator: "\n")
    }

    static func text(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[..<count]
        }
    }
}
