import Market
import Matching

// Usage: MatchingBenchmark [seed]. Matching alone on one core, messages per second of processor time; no journal, no
// risk, no ledger, no network.
// The standing book depends on how the random path falls; seed 1 is close to the described shape of "normal"
// (2,700 standing orders on average, 5,500 at the peak, 330 levels, 62,000 fills).

func millions(_ count: Int, _ duration: Duration) -> String {
    let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    let hundredths = Int(Double(count) / seconds / 10_000)
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) M messages/s"
}

/// The fastest of five runs over `count` fresh books.
func fastest(_ stream: MessageStream, books count: Int) -> Duration {
    var best = Duration.seconds(1_000)
    for _ in 0..<5 {
        var run = BookRun(stream, books: count)
        let (duration, shares) = run.time(stream.messages[...])
        precondition(shares > 0, "nothing traded")
        best = min(best, duration)
    }
    return best
}

/// Runs one scenario and prints its facts and speeds; false where the book and its peer disagree.
func report(_ name: String, seed: UInt64, swing: Double) -> Bool {
    let stream = MessageStream(seed: seed, orders: 1_000_000, swing: swing)
    var recorder = BookRun(stream, books: 1)
    let facts = recorder.record(stream.messages[...])
    print("\(name): seed \(seed), \(facts.messages) messages, \(facts.tally.fills) fills, ", terminator: "")
    print(
        "\(facts.tally.rejects) rejects, standing orders \(facts.standingSum / facts.messages) on average, ",
        terminator: "")
    print("\(facts.standingPeak) at the peak, \(facts.levelsPeak) levels at the peak")
    print("  one book:     \(millions(facts.messages, fastest(stream, books: 1)))")
    print("  2,000 books:  \(millions(facts.messages, fastest(stream, books: 2_000)))")

    let prefix = stream.messages.prefix(200_000)
    var peer = SortedArrayBook()
    var tally = Tally()
    let began = processorTime()
    for message in prefix { peer.handle(message, &tally) }
    let naive = processorTime() - began
    var same = BookRun(stream, books: 1)
    let isEqual = same.record(prefix).tally == tally
    print("  naive peer:   \(millions(prefix.count, naive)) (sorted arrays, linear search; first \(prefix.count))")
    print("  fills of book and peer on those are \(isEqual ? "equal" : "DIFFERENT")")
    return isEqual
}

let seed = CommandLine.arguments.count > 1 ? UInt64(CommandLine.arguments[1]) ?? 1 : 1
let normal = report("normal", seed: seed, swing: 0.02)
let flat = report("static", seed: seed, swing: 0)
precondition(normal && flat, "the book and its peer disagree")
