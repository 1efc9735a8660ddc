// Prints the speed of SealOS+'s forecaster (LSTM, 18 features, 3 x 128, dropout 0.3) beside PyTorch on one thread.
//
// Arguments: seconds each figure may take (default 4). Times are the least and the median of the repetitions: CPU time
// of the process where one thread works, wall time where two do. Windows are of 30 steps, the batch is 64.

import Foundation
import Glibc
import Learning

let budget = CommandLine.arguments.count > 1 ? Double(CommandLine.arguments[1]) ?? 4 : 4
let steps = 30
let batch = 64
let inputs = 18

/// Seconds of a clock.
func now(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
}

/// Least and median seconds of `body`, repeated for the budget and at least ten times; `after` follows untimed.
func measure(
    _ clock: clockid_t = CLOCK_PROCESS_CPUTIME_ID, after: () -> Void = {}, _ body: () -> Void
) -> (least: Double, median: Double) {
    var times: [Double] = []
    body()
    after()
    let end = now(CLOCK_MONOTONIC) + budget
    while times.count < 10 || now(CLOCK_MONOTONIC) < end {
        let start = now(clock)
        body()
        times.append(now(clock) - start)
        after()
    }
    times.sort()
    return (times[0], times[times.count / 2])
}

func text(_ seconds: Double) -> String {
    seconds < 1e-3 ? String(format: "%.1f us", seconds * 1e6) : String(format: "%.2f ms", seconds * 1e3)
}

func report(_ label: String, _ time: (least: Double, median: Double), _ more: String = "") {
    let padded = label.padding(toLength: 52, withPad: " ", startingAt: 0)
    print("\(padded) least \(text(time.least)), median \(text(time.median))\(more)")
}

func makeTrainer(shards: Int, threads: Int, steps: Int) throws -> RecurrentTrainer {
    var configuration = RecurrentTrainer.Configuration()
    configuration.steps = steps
    configuration.batch = batch
    configuration.shards = shards
    configuration.threads = threads
    let trainer = try RecurrentTrainer(RecurrentNetwork(.init(), seed: 1), configuration)
    var random = Xoshiro256StarStar(seed: 2)
    for row in 0..<batch {
        let window = (0..<steps * inputs).map { _ in random.uniform(-1, 1) }
        let target = [random.uniform(-1, 1)]
        trainer.setWindow(row, window.span, targets: target.span)
    }
    return trainer
}

print("LSTM 18 -> 3 x 128, dropout 0.3, T=\(steps), B=\(batch), seed 1; \(budget) s a figure")
for length in [steps, 2 * steps] {
    let single = try makeTrainer(shards: 1, threads: 1, steps: length)
    let alone = measure { _ = single.step() }
    report("training step T=\(length), one thread (CPU)", alone, String(format: ", %.1f steps/s", 1 / alone.median))
}
let double = try makeTrainer(shards: 2, threads: 2, steps: steps)
let both = measure(CLOCK_MONOTONIC) { _ = double.step() }
report("training step T=\(steps), two threads (wall)", both, String(format: ", %.1f steps/s", 1 / both.median))
report("training step T=\(steps), two threads (CPU of both)", measure { _ = double.step() })

let network = RecurrentNetwork(.init(), seed: 1)
var random = Xoshiro256StarStar(seed: 3)
let window = (0..<steps * inputs).map { _ in random.uniform(-1, 1) }
let predictor = RecurrentPredictor(network, steps: steps)
predictor.setWindow(0, window.span)
report("forecast of one window T=\(steps) (CPU)", measure { predictor.predict() })
let stream = RecurrentStream(network)
report("one streaming step, state kept (CPU)", measure { stream.step(window.span.extracting(0..<inputs)) })
let rolling = RecurrentRollingPredictor(network, steps: steps)
for step in 0..<steps { rolling.step(window.span.extracting(step * inputs..<(step + 1) * inputs)) }
let answers = measure(after: rolling.advance) { rolling.step(window.span.extracting(0..<inputs)) }
report("rolling window T=\(steps), a step to its answer (CPU)", answers)
report(
    "rolling window T=\(steps), a step in all (CPU)",
    measure {
        rolling.step(window.span.extracting(0..<inputs))
        rolling.advance()
    })
print(Peer.report(steps: steps, batch: batch, seconds: budget))
