internal import ArgumentParser
internal import Foundation

/// `springtide cache top`: what the cache of a running node does, second by second.
struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Show hits, loads, conflicts, lag and breakers of a running node, refreshed each second.",
        discussion: """
            Example: springtide cache top --url http://127.0.0.1:9400/metrics

            On a terminal the view is redrawn; otherwise each second is a line. Ends \
            with ^C, or after --count views.

            l1/s, l2/s    rows asked of the tier a second
            l1%, l2%      of them found there
            loads/s       rows loaded from PostgreSQL
            lag, age_ms   tickets and milliseconds that L1 is behind PostgreSQL
            breakers      not closed, of all
            violations    reads older than promised since the start: must stay 0

            Exit codes: 0 done, 1 the address does not answer.
            """)

    @Option(help: "Where the node's metrics are.")
    var url = "http://127.0.0.1:9400/metrics"

    @Option(help: "Seconds between two readings.")
    var interval = 1

    @Option(help: "Views to show; 0: until interrupted.")
    var count = 0

    func validate() throws {
        guard MetricsAddress(url) != nil else { throw ValidationError("--url must be http://host:port/path") }
        guard (1...3_600).contains(interval), count >= 0 else {
            throw ValidationError("--interval must be in 1...3600 and --count not negative")
        }
    }

    func run() async throws {
        guard let address = MetricsAddress(url) else { return }
        let (interval, count) = (interval, count)
        do {
            try await Interruption.cancelling { try await Self.watch(address, interval: interval, count: count) }
        } catch is CancellationError {
            // Interrupted: that is how it ends.
        }
    }

    private static func watch(_ address: MetricsAddress, interval: Int, count: Int) async throws {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        guard var before = await read(address) else {
            throw NoAnswer(address: address)
        }
        var shown = 0
        if !isTerminal { say(CacheView.header) }
        while count == 0 || shown < count {
            try await Task.sleep(for: .seconds(interval))
            guard let now = await read(address) else {
                say("no answer")
                shown += 1
                continue
            }
            let view = CacheView(before, now)
            let title = "\(address.host):\(address.port), the last \(interval) s; ^C ends\n\n"
            say(isTerminal ? "\u{1B}[H\u{1B}[2J" + title + view.screen : view.line)
            before = now
            shown += 1
        }
    }

    private static func read(_ address: MetricsAddress) async -> MetricsReading? {
        let time = ContinuousClock.now
        let text = await Task.detached { address.fetch() }.value
        let reading = text.map { MetricsReading($0, at: time) }
        return reading.flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// No metrics are to be had at an address.
private struct NoAnswer: Error, CustomStringConvertible {
    let address: MetricsAddress

    var description: String { "\(address.host):\(address.port) does not answer with metrics" }
}
