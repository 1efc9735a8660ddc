internal import Engine
internal import Report
internal import Synchronization

/// What a person sees while a run goes: the whole screen of a terminal, redrawn once a second, or plain lines.
///
/// The engine's thread only hands over figures; a task of its own draws, so a slow terminal delays no request.
final class LiveView: Sendable {
    private let isInteractive = Terminal.isInteractive
    private let hasColor = Terminal.hasColor
    private let plan: LoadPlan
    private let isClosed = Mutex(false)
    private let figures: AsyncStream<LiveFigures>
    private let source: AsyncStream<LiveFigures>.Continuation

    init(_ plan: LoadPlan) {
        self.plan = plan
        (figures, source) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(16))
    }

    /// Takes the screen, or says in a line what begins.
    func open() {
        var state = LiveState(plan)
        guard isInteractive else {
            let seconds =
                plan.scenarios.contains { if case .findCapacity = $0.executor { true } else { false } }
                ? "" : ", \(Readable.number(plan.seconds)) s"
            Terminal.complain("loadgen: \(plan.name)\(seconds), \(state.subtitle)")
            var lines = SummaryLines()
            Task(name: "summary lines") { [figures, self] in
                for await progress in figures { put(lines.take(progress).map { $0 + "\n" }.joined()) }
            }
            return
        }
        FullScreen.enter()
        draw(state)
        Task(name: "live view") { [figures, self] in
            for await progress in figures {
                state.take(progress)
                state.isEnding = Interrupt.flag.isSet
                draw(state)
            }
        }
    }

    /// Hands over the figures of an interval.
    func show(_ progress: LoadProgress) { source.yield(LiveFigures(progress)) }

    /// Hands over the figures of an interval of several processes.
    func show(_ figures: LiveFigures) { source.yield(figures) }

    /// Gives the screen back; nothing is drawn afterwards.
    func close() {
        source.finish()
        isClosed.withLock { $0 = true }
        FullScreen.leave()
    }

    private func draw(_ state: LiveState) {
        let (width, height) = Terminal.size
        let lines = LiveScreen.lines(state, width: width, height: height, hasColor: hasColor)
        put("\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J")
    }

    /// Writes under the lock, so that `close` waits for a drawing that has begun and none begins after it.
    private func put(_ text: String) {
        isClosed.withLock { isClosed in if !isClosed && !text.isEmpty { Terminal.put(text, 2) } }
    }
}
