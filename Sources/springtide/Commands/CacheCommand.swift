internal import ArgumentParser

/// `springtide cache`: what a cache would do, does, and did.
struct CacheCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "Probe a cache, watch one, or replay recorded keys through eviction policies.",
        discussion: "Example: springtide cache trace --trace sprite.trace.gz --format lirs --capacity 500 --policy lru",
        subcommands: [
            CheckCommand.self, TopCommand.self, TraceCommand.self,
        ])
}
