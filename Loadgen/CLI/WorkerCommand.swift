internal import ArgumentParser
internal import Engine
internal import Glibc
internal import Report
internal import Synchronization

/// `loadgen worker`: one of the processes of `loadgen run --workers N`; started by it, not by people.
///
/// Standard input is the scenario file, standard output the frames of `WorkerFrame`, descriptor 3 the control pipe: eight
/// bytes say when to start, a byte `s` stops the run in order, its end means that the parent is gone.
struct WorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "One process of a run with several; loadgen run --workers N starts them.",
        discussion: """
            Example:
              loadgen run --scenario config/scenarios/steady-15k.yaml --workers 2

            A worker does every N-th request of the run, with its part of the connections, and hands its figures to the
            process that started it. It is of no use by itself: its input and output are those of that process.
            """)

    @Option(help: "Which part, from 0.")
    var index: Int
    @Option(help: "Number of parts.")
    var of: Int
    @Option(help: "Names the run in FIX order ids.")
    var runNumber: UInt64
    @Flag(help: "The scenario is on standard input.")
    var scenarioFromInput = false
    @Argument(parsing: .captureForPassthrough, help: "Arguments of loadgen run.")
    var arguments: [String] = []

    func validate() throws {
        guard of >= 1, of <= RunExecution.workersMax, (0..<of).contains(index) else {
            throw ValidationError("--index is 0 to --of less 1, --of 1 to \(RunExecution.workersMax)")
        }
    }

    func run() throws {
        for number in [SIGINT, SIGHUP, SIGPIPE] { signal(number, SIG_IGN) }
        let output = WorkerOutput()
        do {
            try output.send(.done, work(output))
        } catch let error as LoadError {
            output.fail(error)
            throw error.code == .configuration ? ProgramExit.badScenario : ProgramExit.failure
        } catch {
            output.fail(LoadError(.configuration, "\(error)"))
            throw ProgramExit.badScenario
        }
    }

    private func work(_ output: WorkerOutput) throws -> [UInt8] {
        let words = arguments.first == "--" ? Array(arguments.dropFirst()) : arguments
        var options = try RunCommand.parse(words)
        if scenarioFromInput { options.scenario = "/dev/stdin" }
        let settings = try RunSettings(options)
        var share = try WorkerShare(settings.plan, index: index, of: of, runNumber: runNumber)
        let jtl = try WorkersJTL.writer(settings, index)
        let sender = WorkerProgress(settings.plan)
        try output.send(.ready, Array("\(PlanFacts(settings.plan))".utf8))
        share.plan.startAt = try WorkerControl().start()
        let engine = try LoadEngine(share.plan, stop: Interrupt.flag, samples: jtl) { sender.send($0) }
        let result = try engine.run()
        try jtl?.finish()
        return RunResultCodec.encode(result)
    }
}

/// What the parent says, on descriptor 3.
struct WorkerControl {
    static let descriptor: Int32 = 3
    static let stop = UInt8(ascii: "s")

    /// Waits for the common start, then goes on listening on a thread of its own.
    func start() throws(LoadError) -> UInt64 {
        var bytes: [UInt8] = []
        while bytes.count < 8 {
            guard let byte = Self.next() else { throw LoadError(.system, "the process that started this one is gone") }
            if byte == Self.stop, bytes.isEmpty {
                throw LoadError(.connection, "interrupted before the start")
            }
            bytes.append(byte)
        }
        let refusal = BackgroundThread.start {
            while let byte = WorkerControl.next() {
                if byte == WorkerControl.stop { Interrupt.flag.set() }
            }
            // The parent is gone: nobody wants the rest.
            _exit(1)
        }
        if let refusal { throw LoadError(.system, "no thread for the control pipe: \(refusal)") }
        return bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func next() -> UInt8? {
        var byte: UInt8 = 0
        while true {
            let count = unsafe read(descriptor, &byte, 1)
            if count < 0, errno == EINTR { continue }
            return count == 1 ? byte : nil
        }
    }

    /// Nanoseconds of the monotonic clock, which all processes share.
    static func now() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
