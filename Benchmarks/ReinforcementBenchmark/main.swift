// Prints the speed of PPO and DQN beside PyTorch on one thread.
//
// Arguments: seconds each figure may take (default 2). CPU time of the process, the least and the median of the
// repetitions. The network of the single steps is 24-128-128-7, the batch 64.

import Foundation
import Glibc
import Learning

let budget = CommandLine.arguments.count > 1 ? Double(CommandLine.arguments[1]) ?? 2 : 2

/// Seconds of a clock.
func now(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
}

/// Least and median CPU seconds of `body`, repeated for the budget and at least ten times.
func measure(_ body: () -> Void) -> (least: Double, median: Double) {
    var times: [Double] = []
    body()
    let end = now(CLOCK_MONOTONIC) + budget
    while times.count < 10 || now(CLOCK_MONOTONIC) < end {
        let start = now(CLOCK_PROCESS_CPUTIME_ID)
        body()
        times.append(now(CLOCK_PROCESS_CPUTIME_ID) - start)
    }
    times.sort()
    return (times[0], times[times.count / 2])
}

func text(_ seconds: Double) -> String {
    if seconds < 1e-3 { return String(format: "%.2f us", seconds * 1e6) }
    return seconds < 1 ? String(format: "%.2f ms", seconds * 1e3) : String(format: "%.2f s", seconds)
}

func report(_ label: String, _ time: (least: Double, median: Double), _ more: String = "") {
    let padded = label.padding(toLength: 58, withPad: " ", startingAt: 0)
    print("\(padded) least \(text(time.least)), median \(text(time.median))\(more)")
}

let space = DecisionSpace(width: 24, heads: [7])
var random = Xoshiro256StarStar(seed: 1)
let memory = ObservationMemory(space, count: 64)
for row in 0..<64 { for column in 0..<24 { memory.rows[row, column] = random.uniform(-1, 1) } }

for (name, isDueling) in [("plain", false), ("dueling", true)] {
    var settings = DQNConfiguration()
    settings.batch = 64
    settings.prioritised = nil
    settings.network = .init(layers: [128, 128], isDueling: isDueling, streams: 0)
    let learner = DQNLearner(space, settings)
    let replay = ReplayMemory(space, capacity: 64, priority: nil)
    for row in 0..<64 {
        replay.add(memory[row], choices: [row % 7], offset: 0, reward: 1, discount: 0.9, after: memory[63 - row])
    }
    let step = measure {
        for _ in 0..<10 { _ = learner.update(replay, normaliser: nil, beta: 1, random: &random) }
    }
    report("DQN training step, double, \(name), B=64", (step.least / 10, step.median / 10))
}

let policy = DiscretePolicy(ActionValueNetwork(space, .init(layers: [128, 128], isDueling: false), seed: 1), nil)
var choices = [Int](repeating: 0, count: 64)
let one = measure { for _ in 0..<100 { policy.decide(memory[0], into: &choices) } }
report("a greedy decision", (one.least / 100, one.median / 100))
let batch = measure { for _ in 0..<10 { policy.decide(count: 64, memory, into: &choices) } }
report("64 greedy decisions at once", (batch.least / 10, batch.median / 10))

var settings = PPOConfiguration.cartPole
settings.evaluation = .init(everySteps: .max, episodes: 1)
let start = now(CLOCK_PROCESS_CPUTIME_ID)
let learner = PPO(settings) { _ in CartPole() }
while learner.step < settings.totalSteps { learner.iterate() }
let seconds = now(CLOCK_PROCESS_CPUTIME_ID) - start
let rate = Int(Double(learner.step) / seconds)
print("PPO, CartPole-v1, zoo settings, \(learner.step) steps: \(text(seconds)) CPU, \(rate) steps/s")
print(Peer.report(seconds: budget))
