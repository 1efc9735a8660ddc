internal import Foundation

/// A limit on the processor time of single processes, through control groups where the machine lets us.
///
/// One directory `springtide-PID` below this process's own group holds one group a child. Version 1 is
/// `cpu.cfs_quota_us` over `cpu.cfs_period_us`, version 2 `cpu.max`. The period is 10 ms, so that a replica that has
/// used up its share waits milliseconds, not a tenth of a second. Directories that supervisors left behind (SIGKILL)
/// are removed at the next start.
///
/// **One processor.** The kernel hands a quota out to each processor and leaves up to 1 ms of it there when a thread goes
/// to sleep. A process with 1 ms a period and threads on two processors stands still while quota lies on the other one;
/// so a replica whose quota is one processor at most is kept on one, the one with the least quota on it (`freest`).
struct ProcessorQuota: Sendable {
    /// Which interface the kernel offers here.
    enum Version: Sendable {
        case one, two
    }

    /// Period of the quota in microseconds; the kernel takes quotas from 1 ms on.
    static let period = 10_000
    static let smallestQuota = 1_000

    let version: Version
    /// The directory of this supervisor.
    let root: String

    /// The quotas of this process; nil with a reason where they cannot be set.
    static func make(mount: String = "/sys/fs/cgroup") -> Result<ProcessorQuota, LocalFailure> {
        let membership = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? ""
        var last = "no control group for processors is mounted"
        for (version, parent) in candidates(membership, mount) {
            let quota = ProcessorQuota(version: version, root: "\(parent)/springtide-\(getpid())")
            guard let problem = quota.prepare(parent) else {
                return .success(quota)
            }
            last = problem
        }
        return .failure(LocalFailure(last))
    }

    /// Directories to try: the own group of the controller `cpu` (version 1), then that of version 2.
    static func candidates(_ membership: String, _ mount: String) -> [(Version, String)] {
        var found: [(Version, String)] = []
        for line in membership.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let path = parts[2] == "/" ? "" : String(parts[2])
            let controllers = parts[1].split(separator: ",")
            if controllers.contains("cpu") {
                found += ["cpu", "cpu,cpuacct", String(parts[1])].map { (.one, "\(mount)/\($0)\(path)") }
            } else if parts[0] == "0" {
                found += [mount, "\(mount)/unified"].map { (.two, "\($0)\(path)") }
            }
        }
        return found
    }

    private func prepare(_ parent: String) -> String? {
        let files = FileManager.default
        let file = version == .one ? "cpu.cfs_quota_us" : "cgroup.subtree_control"
        guard files.fileExists(atPath: "\(parent)/\(file)") else { return "\(parent) has no \(file)" }
        Self.removeOrphans(in: parent)
        if version == .two, !write("+cpu", to: "\(parent)/cgroup.subtree_control") {
            return "\(parent)/cgroup.subtree_control does not take +cpu"
        }
        guard unsafe mkdir(root, 0o755) == 0 || errno == EEXIST else { return "\(root) cannot be made" }
        if version == .two, !write("+cpu", to: "\(root)/cgroup.subtree_control") {
            unsafe rmdir(root)
            return "\(root)/cgroup.subtree_control does not take +cpu"
        }
        let probe = directory(of: "probe", processors: 1)
        defer { if let probe { unsafe rmdir(probe) } }
        if probe == nil {
            unsafe rmdir(root)
            return "\(root) takes no quota"
        }
        return nil
    }

    /// Makes the group of a child with so many processors; nil where that fails.
    func directory(of child: String, processors: Double) -> String? {
        let path = "\(root)/\(child)"
        guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else { return nil }
        let (quota, period) = Self.microseconds(processors)
        let isSet =
            version == .one
            ? write("\(period)", to: "\(path)/cpu.cfs_period_us") && write("\(quota)", to: "\(path)/cpu.cfs_quota_us")
            : write("\(quota) \(period)", to: "\(path)/cpu.max")
        guard isSet else {
            unsafe rmdir(path)
            return nil
        }
        return path
    }

    /// Puts this process under a quota, all its threads included; its group is removed when the next quota is made.
    static func confine(to processors: Double) throws(LocalFailure) {
        let quota = try make().get()
        guard let group = quota.directory(of: "own", processors: processors),
            quota.write("\(getpid())", to: "\(group)/cgroup.procs")
        else {
            quota.close()
            throw LocalFailure("\(quota.root) takes no process under a quota of \(processors) processors")
        }
    }

    /// The processors that this process may run on.
    static func allowed() -> [Int] {
        allowed(status: (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? "")
    }

    /// The processors in the line `Cpus_allowed_list` of a process's status, such as `0-3,8`.
    static func allowed(status: String) -> [Int] {
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed_list:") }),
            let list = line.split(separator: ":").last
        else { return [] }
        return list.split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0.filter(\.isNumber)) }
            guard let first = ends.first, let last = ends.last, first <= last, last < 65_536 else { return [] }
            return Array(first...last)
        }
    }

    /// The processor with the least quota on it, the first of equals; `taken` has each replica's processor and share.
    static func freest(of processors: [Int], taken: [(processor: Int, share: Double)]) -> Int? {
        func load(_ processor: Int) -> Double {
            taken.reduce(0) { $0 + ($1.processor == processor ? $1.share : 0) }
        }
        return processors.min { (load($0), $0) < (load($1), $1) }
    }

    /// Quota and period for a share: small shares have longer periods, since a quota is 1 ms at least.
    static func microseconds(_ processors: Double) -> (quota: Int, period: Int) {
        let quota = Int((processors * Double(period)).rounded())
        guard quota < smallestQuota else { return (quota, period) }
        return (smallestQuota, min(1_000_000, Int((Double(smallestQuota) / processors).rounded())))
    }

    /// Removes a child's group once the child has ended.
    func remove(_ child: String) { unsafe rmdir("\(root)/\(child)") }

    /// Removes everything; groups with processes stay.
    func close() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? [] {
            unsafe rmdir("\(root)/\(name)")
        }
        unsafe rmdir(root)
    }

    private static func removeOrphans(in parent: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] {
            guard name.hasPrefix("springtide-"), let pid = Int32(name.dropFirst(11)), kill(pid, 0) != 0, errno == ESRCH
            else { continue }
            let path = "\(parent)/\(name)"
            for child in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
                unsafe rmdir("\(path)/\(child)")
            }
            unsafe rmdir(path)
        }
    }

    private func write(_ text: String, to path: String) -> Bool {
        guard let file = FileHandle(forWritingAtPath: path) else { return false }
        defer { try? file.close() }
        return (try? file.write(contentsOf: Data(text.utf8))) != nil
    }
}
