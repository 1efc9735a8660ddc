internal import Actuation
internal import Foundation

/// A lease in files that all candidates of one machine share: no server, no lock that a stopped process could keep.
///
/// Version N of the record is the file `PATH.N`. Writing version N + 1 links a finished file to that name, which fails
/// where it is taken: the compare-and-set. The newest name counts; the last few are kept, so that a candidate that slept
/// finds its name taken or a newer one beside it.
struct FileLease: LeaseStore {
    private let folder: URL
    private let name: String
    private static let kept = 16

    /// The lease of a path.
    init(_ path: String) {
        let url = URL(fileURLWithPath: path)
        folder = url.deletingLastPathComponent()
        name = url.lastPathComponent
    }

    private func versions() throws(ActuationFault) -> [Int] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder.path)
                .compactMap { $0.hasPrefix(name + ".") ? Int($0.dropFirst(name.count + 1)) : nil }.sorted()
        } catch { throw ActuationFault(.unreachable, "lease \(folder.path): \(error.localizedDescription)") }
    }

    private func file(_ version: Int) -> URL { folder.appendingPathComponent("\(name).\(version)") }

    func read() async throws(ActuationFault) -> (record: LeaseRecord, version: String)? {
        guard let newest = try versions().last else { return nil }
        guard let text = try? String(contentsOf: file(newest), encoding: .utf8) else {
            // Gone in between: a newer one is there.
            throw ActuationFault(.conflict, "lease version \(newest) is gone")
        }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count >= 5, let duration = Int(lines[1]), let transitions = Int(lines[4]) else {
            throw ActuationFault(.unreadable, "\(file(newest).path) is no lease")
        }
        return (
            LeaseRecord(
                holder: lines[0], durationSeconds: duration, acquireTime: MicroTime(lines[2]),
                renewTime: MicroTime(lines[3]), transitions: transitions), "\(newest)"
        )
    }

    func create(_ record: LeaseRecord) async throws(ActuationFault) -> String { try write(record, version: 0) }

    func update(_ record: LeaseRecord, version: String) async throws(ActuationFault) -> String {
        guard let number = Int(version) else { throw ActuationFault(.invalid, "'\(version)' is no version") }
        return try write(record, version: number)
    }

    private func write(_ record: LeaseRecord, version: Int) throws(ActuationFault) -> String {
        let draft = folder.appendingPathComponent(".\(name).\(UUID().uuidString)")
        let times = [record.acquireTime, record.renewTime].map { $0?.text ?? "" }
        let lines = [record.holder, "\(record.durationSeconds)", times[0], times[1], "\(record.transitions)", ""]
        defer { try? FileManager.default.removeItem(at: draft) }
        do {
            guard FileManager.default.createFile(atPath: draft.path, contents: nil) else {
                throw CocoaError(.fileWriteUnknown)
            }
            let file = try FileHandle(forWritingTo: draft)
            defer { try? file.close() }
            try file.write(contentsOf: Data(lines.joined(separator: "\n").utf8))
            // On the disk before its name is: a power cut must not leave a lease that nobody can read.
            try file.synchronize()
        } catch { throw ActuationFault(.unreachable, "lease \(draft.path): \(error.localizedDescription)") }
        do {
            try FileManager.default.linkItem(at: draft, to: file(version + 1))
        } catch { throw ActuationFault(.conflict, "lease version \(version + 1) is taken") }
        let all = try versions()
        guard all.last == version + 1 else {
            throw ActuationFault(.conflict, "lease version \(all.last ?? 0) was written meanwhile")
        }
        // What is not deleted now is deleted after the next write.
        for old in all where old <= version + 1 - Self.kept { try? FileManager.default.removeItem(at: file(old)) }
        return "\(version + 1)"
    }
}
