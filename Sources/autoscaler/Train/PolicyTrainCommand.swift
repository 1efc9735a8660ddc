internal import ArgumentParser
internal import Autoscaling
internal import Dispatch
internal import Forecasting
internal import Learning

/// `autoscaler train`: a learned policy from nothing, in the simulator.
struct PolicyTrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train a learned scaling policy in the simulator.",
        discussion: """
            Learns on simulated trading days (mild, bursty, with news, and of Shanghai's session) with the capacity, the
            visits, the start-up times and the metrics of the services varied, and keeps the checkpoint that costs least
            on days kept for validation. One seed gives the same bytes each time on one kind of processor.

            Example:
              autoscaler train --out policy.safetensors --curve training.html
              autoscaler evaluate --policies all --model policy.safetensors --trace day:mild --trace day:bursty
            """)

    @Option(help: "File of the policy (safetensors).")
    var out: String
    @Option(help: "ppo or dqn.", transform: algorithm(named:))
    var algorithm = ScalingTraining.Algorithm.ppo
    @Option(help: "Seed of everything random.")
    var seed: UInt64 = 1
    @Option(help: "Steps of single environments; fewer for a look, more seldom help (default: 400000).")
    var steps: Int?
    @Option(help: "Episodes in which PPO imitates the forecast rule before it learns; 0 for none.")
    var imitate = 64
    @Option(help: "shared: one network for each service; single: SealOS+'s one head for the whole chain.")
    var form = "shared"
    @Flag(help: "Decide and reward the whole chain at once; single does so always.")
    var whole = false
    @Flag(help: "Train with the shield between policy and chain.")
    var shielded = false
    @Option(help: "Chain to train for, such as `autoscaler calibrate` writes (default: the trading chain).")
    var profile: String?
    @Option(help: "Largest rate of the days, requests a second.")
    var peak = 15_000.0
    @Option(help: "Page with the course of training (HTML).")
    var curve: String?

    func validate() throws {
        if let steps, steps < 1 { throw ValidationError("--steps is at least 1") }
        if !(peak > 0 && peak <= 1e9) { throw ValidationError("--peak is more than 0 and at most 1e9") }
        if !(0...10_000).contains(imitate) { throw ValidationError("--imitate is 0...10000") }
        if ScalingForm(rawValue: form) == nil { throw ValidationError("--form is shared or single, not '\(form)'") }
    }

    func run() throws {
        try InputFile.requireWritable([out, curve])
        var training = ScalingTraining(try ChainReader.read(profile))
        training.algorithm = algorithm
        training.seed = seed
        training.peak = peak
        if let steps {
            training.steps = steps
            training.judgedEvery = min(training.judgedEvery, max(1, steps / 4))
        }
        training.imitated = imitate
        training.environment.form = ScalingForm(rawValue: form) ?? .shared
        training.environment.isWhole = whole || training.environment.form == .single
        training.environment.isShielded = shielded
        Interrupt.install()
        let start = DispatchTime.now().uptimeNanoseconds
        let total = training.steps
        let outcome = try training.run { point in
            let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
            Terminal.complain(
                "train: step \(point.step)/\(total), score \(FixedText.decimals(point.score, 4)), training return "
                    + (point.trainingReturn.map { FixedText.decimals($0, 2) } ?? "-")
                    + ", \(FixedText.decimals(seconds, 0)) s")
            return !Interrupt.isSet
        }
        try outcome.model.tensorFile.write(path: out)
        if let curve {
            let note = "\(algorithm.rawValue), \(total) steps, seed \(seed), hash \(outcome.model.hash)"
            try InputFile.write(
                LearningCurvePage(title: "Training of a scaling policy", note: note).html(outcome.curve), to: curve)
        }
        Terminal.complain(
            "train: best score \(FixedText.decimals(outcome.score, 4)), hash \(outcome.model.hash), in \(out)")
    }
}

/// The learner of that name.
private func algorithm(named name: String) throws -> ScalingTraining.Algorithm {
    guard let algorithm = ScalingTraining.Algorithm(rawValue: name) else {
        throw ValidationError("--algorithm is ppo or dqn, not '\(name)'")
    }
    return algorithm
}
