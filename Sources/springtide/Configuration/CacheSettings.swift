internal import CacheStack
internal import Settings

/// What the section `cache` of a configuration says of the stack; its defaults are those of the file's comments.
struct CacheSettings {
    private static let repairs: [(word: String, repair: CacheStack.Repair)] = [
        ("off", .off), ("after_faults", .afterFaults), ("always", .always),
    ]

    var entries = 1_000_000
    var megabytes = 512
    var policy = PolicyName.lru
    var repair = CacheStack.Repair.afterFaults
    var shadow = ShadowSettings()

    /// The defaults.
    init() {}

    /// Reads and checks the section.
    init(_ section: SettingsSection) throws {
        entries = try section.integer("entries", default: entries, in: 1...100_000_000)
        megabytes = try section.integer("megabytes", default: megabytes, in: 1...1_000_000)
        let name = try section.word("policy", default: policy.rawValue, among: PolicyName.allCases.map(\.rawValue))
        policy = PolicyName(rawValue: name) ?? policy
        let word = try section.word("repair", default: "after_faults", among: Self.repairs.map(\.word))
        repair = Self.repairs.first { $0.word == word }?.repair ?? repair
        let checks = try section.section("shadow")
        shadow.everyReads = try checks.integer("every_reads", default: shadow.everyReads, in: 0...1_000_000_000)
        shadow.checksPerSecondMax = try checks.integer(
            "checks_per_second", default: shadow.checksPerSecondMax, in: 0...10_000)
    }

    /// A node's stack: its batches are as large as a partition's.
    var stack: CacheStack.Configuration {
        var stack = CacheStack.Configuration()
        stack.local.entriesMax = entries
        stack.local.bytesMax = megabytes << 20
        stack.local.policy = policy
        stack.repair = repair
        stack.shadow = shadow
        stack.commitRowsMax = 1_000_000
        stack.commitQueueRowsMax = 2_000_000
        return stack
    }
}
