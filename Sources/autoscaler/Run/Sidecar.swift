internal import Actuation
internal import Autoscaling
internal import Foundation
internal import Telemetry

/// The control loop: observe, forecast, decide, write down, carry out, once a period.
///
/// One task runs it. A decision is in the journal before it is carried out (A4). It ends between two rounds: the last
/// decision stays in force, the lease is given back.
final class Sidecar {
    /// How a run differs from its file.
    struct Options {
        /// Decides and writes down, carries nothing out.
        var isDryRun = false
        /// Ends after one decision.
        var isOnce = false
        /// Lets the learned policy propose only, whatever the file says.
        var isShadow = false
    }

    private let configuration: RunConfiguration
    private let options: Options
    private let outside: Outside
    private let journal: JournalStore?
    private let run: String
    private let names: [String]
    private var ladder: SafetyLadder
    private var outlook: LoadOutlook
    private var metrics: SidecarMetrics
    private var model: LoadedModel?
    private var states: [String: ReplicaState] = [:]
    private var number = 0
    /// Events before the journal has the head of this run.
    private var early: [JournalEvent] = []
    private var hasBegun = false
    private var wasLeading: Bool?
    /// Decisions whose outcome is still to be written.
    private var waiting: [(id: String, time: Double)] = []
    private static let waitingMax = 4_096

    /// A loop that has decided nothing.
    ///
    /// - Throws: where a policy's settings contradict each other or a history cannot be read.
    init(
        _ configuration: RunConfiguration, _ options: Options, _ outside: Outside, journal: JournalStore?, run: String,
        folder: URL
    ) throws {
        self.configuration = configuration
        self.options = options
        self.outside = outside
        self.journal = journal
        self.run = run
        names = configuration.profile.services.map(\.name)
        outlook = try LoadOutlook(configuration, folder: folder, metrics: outside.registry)
        metrics = SidecarMetrics(outside.registry, services: names)
        ladder = try PolicyShelf.ladder(configuration, learned: nil)
        loadModel(isFirst: true)
        tellOutlook()
        resume()
        journal?.begin(
            JournalRun(
                run: run, at: Outside.wall(), services: names, configuration: configuration.text,
                profile: configuration.profileText, configurationHash: configuration.hash, modelHash: model?.hash,
                resumed: journal?.last?.id, isShadow: options.isShadow))
        hasBegun = true
        for event in early { journal?.append(.event(event)) }
        early = []
    }

    /// Takes up what the last run left: replicas, rung, and whether this very model was disabled.
    private func resume() {
        guard let last = journal?.last, last.round.decision.services.count == names.count else { return }
        ladder.resume(
            replicas: last.round.decision.replicas, level: last.round.level,
            isModelDisabled: last.isModelDisabled && last.modelHash == model?.hash)
    }

    /// Reads the model's file; what cannot be used changes nothing.
    private func loadModel(isFirst: Bool) {
        defer { metrics.setModel(isLoaded: model != nil, isDisabled: ladder.isModelDisabled) }
        guard !configuration.modelFile.isEmpty else { return }
        do {
            let loaded = try LoadedModel.read(configuration.modelFile, configuration.profile)
            if isFirst {
                ladder = try PolicyShelf.ladder(configuration, learned: loaded.policy)
            } else {
                ladder.replaceModel(loaded.policy)
            }
            model = loaded
            journal?.setModel(loaded.hash)
            note("ModelLoaded", configuration.modelFile)
        } catch {
            metrics.countRefusedModels()
            let stands = model == nil ? "the rules decide" : "the model before stays"
            note("ModelRefused", "\(error); \(stands)")
            outside.warnings.warn("model", "the model was refused: \(error); \(stands)", at: Outside.now())
        }
    }

    /// Puts what the forecaster reports in the journal, and what is wrong before people.
    private func tellOutlook() {
        for reason in outlook.news() {
            note(reason.code, reason.text)
            guard !["ForecastModelLoaded", "ForecastKept", "ForecastRetrained"].contains(reason.code) else { continue }
            outside.warnings.warn("outlook \(reason.code)", "\(reason.code): \(reason.text)", at: Outside.now())
        }
    }

    private func note(_ code: String, _ text: String) {
        let event = JournalEvent(at: Outside.wall(), reason: Reason(code, text), modelHash: model?.hash)
        if hasBegun { journal?.append(.event(event)) } else { early.append(event) }
    }

    /// Turns until an end is asked for.
    func turn() async {
        let period = configuration.ladder.period
        let start = Outside.now()
        var round = 0.0
        while !Interrupt.isSet {
            if Hangup.take() {
                loadModel(isFirst: false)
                outside.warnings.clear("model")
                outlook.reload()
            }
            await step()
            outlook.settle()
            tellOutlook()
            outside.loop.turn(at: Outside.now())
            if options.isOnce, !waitsForLead { break }
            // A round that took longer than a period costs the rounds it took, and does not make later ones hurry.
            round = max(round + 1, ((Outside.now() - start) / period).rounded(.up))
            while !Interrupt.isSet, Outside.now() < start + round * period {
                try? await Task.sleep(for: .seconds(min(0.1, max(0.001, start + round * period - Outside.now()))))
            }
        }
        await outlook.end()
        note("RunEnded", "the last decision stays in force")
        journal?.close()
    }

    private var waitsForLead: Bool { outside.hasElection && outside.epoch == nil }

    /// One round.
    private func step() async {
        do {
            states.merge(try await outside.actuator.observe()) { $1 }
            outside.warnings.clear("observe")
        } catch {
            outside.warnings.warn("observe", "replicas are not known: \(error)", at: Outside.now())
        }
        let observation = observe(await outside.source.read(states))
        let epoch = outside.epoch
        tellLeadership(epoch)
        let began = ContinuousClock.now
        let round = ladder.decide(observation, isActing: epoch != nil)
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        number += 1
        let id = "\(run)-\(number)"
        let isActing = epoch != nil && !options.isDryRun
        journal?.append(
            .decision(
                JournalDecision(
                    id: id, at: Outside.wall(), epoch: epoch, isActing: isActing,
                    isModelDisabled: ladder.isModelDisabled, configurationHash: configuration.hash,
                    modelHash: model?.hash, round: round)))
        tell(round, id: id, epoch: epoch, seconds: seconds)
        if isActing, let epoch { await carryOut(round.decision, id: id, epoch: epoch) }
        writeOutcomes(observation)
        waiting.append((id, observation.time))
        if waiting.count > Self.waitingMax { waiting.removeFirst() }
        metrics.setJournalFailures(journal?.failures ?? 0)
        if let failures = journal?.failures, failures > 0 {
            outside.warnings.warn("journal", "\(failures) lines of the journal were not written", at: Outside.now())
        }
    }

    /// The numbers as one observation with forecast and calendar.
    private func observe(_ numbers: [ServiceObservation]) -> Observation {
        let time = Outside.now()
        let market = configuration.calendar.map {
            $0.clock(sinceOpen: $0.sinceOpen(at: Outside.wall()))
        }
        let services = Array(numbers.prefix(names.count))
        var observation = Observation(time: time, market: market, services: services)
        var age = services.first?.age ?? .infinity
        if configuration.hasWhole, let whole = numbers.last {
            observation.rate = whole.rate
            observation.p95 = whole.p95
            observation.errorRatio = whole.errorRatio
            age = whole.age
        } else if let first = services.first, let rate = first.rate {
            let visits = configuration.profile.visits(of: 0)
            if visits > 0 { observation.rate = rate / visits }
        }
        let wall = Outside.wall()
        (observation.forecast, observation.forecastNote) = outlook.take(
            observation.rate, age: age, at: time, wall: wall,
            isTrading: configuration.calendar?.isTrading(at: wall) ?? true, market)
        return observation
    }

    private func tellLeadership(_ epoch: UInt64?) {
        guard wasLeading != (epoch != nil) else { return }
        wasLeading = epoch != nil
        note(epoch == nil ? "Standby" : "Leading", epoch.map { "epoch \($0)" } ?? "another sidecar leads")
    }

    /// Puts the round where people, programs and metrics see it.
    private func tell(_ round: LadderRound, id: String, epoch: UInt64?, seconds: Double) {
        for (index, name) in names.enumerated() {
            guard states[name] != nil else {
                // What nobody has seen may be more than was decided for the little that was assumed.
                metrics.countActuation(name, "unseen")
                outside.warnings.warn(
                    "apply \(name) unseen", "\(name): its replicas were never seen, nothing is ordered or told",
                    at: Outside.now())
                continue
            }
            outside.board.publish(
                .init(
                    decision: id, policy: round.decider, level: round.acting.rawValue, epoch: epoch,
                    service: round.decision.services[index]), service: name)
        }
        outside.loop.decide()
        metrics.take(
            round, seconds: seconds, target: configuration.profile.latencyTarget, forecastError: ladder.forecastError)
        metrics.take(round.observation.forecast, configuration.profile)
        metrics.setModel(isLoaded: model != nil, isDisabled: ladder.isModelDisabled)
        for event in round.events {
            outside.warnings.warn(
                "ladder \(event.code)", "\(event.code)\(event.text.isEmpty ? "" : ": \(event.text)")", at: Outside.now()
            )
            if event.code.hasSuffix("Over") { outside.warnings.clear("ladder \(event.code.dropLast(4))") }
        }
        // Replicas are decided on a full disk too.
        if !Terminal.tell(DecisionText.line(round, id: id, at: Outside.wall(), epoch: epoch, names: names) + "\n") {
            outside.warnings.warn("output", "standard output cannot be written", at: Outside.now())
        }
    }

    /// Orders what is not there yet, all services at once.
    private func carryOut(_ decision: Decision, id: String, epoch: UInt64) async {
        let actuator = outside.actuator
        var orders: [ReplicaOrder] = []
        for (name, service) in zip(names, decision.services) {
            guard let seen = states[name]?.desired, seen != service.replicas else { continue }
            orders.append(
                ReplicaOrder(service: name, replicas: service.replicas, seen: seen, decision: id, epoch: epoch))
        }
        let results = await withTaskGroup(of: (ReplicaOrder, String, String).self) { group in
            for order in orders {
                group.addTask {
                    let (result, text) = await Self.carryOut(order, actuator)
                    return (order, result, text)
                }
            }
            var results: [(ReplicaOrder, String, String)] = []
            for await result in group { results.append(result) }
            return results
        }
        for (order, result, text) in results.sorted(by: { $0.0.service < $1.0.service }) {
            metrics.countActuation(order.service, result)
            if !text.isEmpty {
                outside.warnings.warn(
                    "apply \(order.service) \(result)", "\(order.service) keeps its replicas: \(text)",
                    at: Outside.now())
            }
            journal?.append(
                .actuation(
                    JournalActuation(
                        id: id, at: Outside.wall(), service: order.service, replicas: order.replicas, result: result,
                        text: text)))
        }
    }

    /// What becomes of an order: the result's word, and what went wrong.
    private static func carryOut(_ order: ReplicaOrder, _ actuator: any Actuator) async -> (String, String) {
        do {
            return (try await actuator.apply(order).result.rawValue, "")
        } catch {
            return (error.code.rawValue, error.description)
        }
    }

    /// Writes what is seen now under the decisions that are a minute old.
    private func writeOutcomes(_ observation: Observation) {
        let due = waiting.prefix { observation.time - $0.time >= configuration.outcomeAfter }
        for (id, time) in due {
            let outcome = JournalOutcome(
                id: id, at: Outside.wall(), after: observation.time - time,
                isViolation: observation.p95.map { $0 > configuration.profile.latencyTarget },
                observation: observation)
            journal?.append(.outcome(outcome))
        }
        waiting.removeFirst(due.count)
    }
}

/// A decision as one line of JSON on standard output.
enum DecisionText {
    static func line(_ round: LadderRound, id: String, at: Double, epoch: UInt64?, names: [String]) -> String {
        let services = zip(names, round.decision.services).enumerated().map { index, pair in
            let reasons = pair.1.reasons.map { JSONText.quote($0.code) }.joined(separator: ",")
            let ordered = round.observation.services[index].ordered
            return "{\"service\":\(JSONText.quote(pair.0)),\"from\":\(ordered),\"replicas\":\(pair.1.replicas),"
                + "\"reasons\":[\(reasons)]}"
        }
        let head = "{\"at\":\(JSONText.number(at)),\"decision\":\(JSONText.quote(id)),"
        let place =
            "\"epoch\":\(epoch.map { "\($0)" } ?? "null"),\"level\":\"\(round.acting.word)\","
            + "\"policy\":\(JSONText.quote(round.decider)),"
        return head + place + "\"services\":[\(services.joined(separator: ","))]}"
    }
}
