/// What the command line says.
struct Options: Sendable {
    static let usage = """
        nemesis: a real Redis Cluster and PostgreSQL under faults, a workload in several processes, a history checker.

        usage: nemesis [--duration 5m] [--seed 1] [--processes 3] [--only NAME,NAME] [--keep DIRECTORY]
                       [--plan COUNT] [--canary] [--list]

          --duration   how long faults are injected (30s, 5m, 1h); the program takes about 20 s more
          --seed       of the plan of faults and of the workload: the same seed injects the same faults in the same
                       order, with the same lengths; how calls and faults meet in time is up to the machine
          --processes  of the workload, 2 to 8
          --only       inject these faults only (`--list` names them)
          --keep       write the history there: calls-*.txt
          --plan       print the first COUNT steps of the seed's plan and end
          --canary     the processes use an L2 and an L3 that lie: the run must end with 99 and name every kind of
                       anomaly but A3, which no client can provoke
          --list       name the faults, and those not injected with the reason, and end

        example: nemesis --duration 30s --seed 7

        exit codes: 0 no anomaly, 1 could not run, 2 wrong arguments, 99 anomalies
        """

    var duration = Duration.seconds(300)
    var seed: UInt64 = 1
    var processes = 3
    var only: [String] = []
    var keep: String?
    var isCanary = false
    /// Steps of the plan to print instead of a run; 0 for a run.
    var planned = 0
    var isList = false
    var isHelp = false
    /// Set in the processes of the workload.
    var worker: WorkerOptions?

    /// The message for a person where an argument is wrong.
    struct Mistake: Error {
        let message: String
    }

    init(_ arguments: [String]) throws(Mistake) {
        var rest = arguments[...]
        func value(_ name: String) throws(Mistake) -> String {
            guard let value = rest.popFirst() else { throw Mistake(message: "\(name) needs a value") }
            return value
        }
        func number<T: FixedWidthInteger>(_ name: String, _ range: ClosedRange<T>) throws(Mistake) -> T {
            guard let number = T(try value(name)), range.contains(number) else {
                throw Mistake(message: "\(name) must be \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        var worker = WorkerOptions()
        var isWorker = false
        while let argument = rest.popFirst() {
            switch argument {
            case "--help", "-h": isHelp = true
            case "--list": isList = true
            case "--canary": isCanary = true
            case "--duration": duration = try Self.duration(try value(argument))
            case "--seed": seed = try number(argument, 0...UInt64.max)
            case "--processes": processes = try number(argument, 2...8)
            case "--only": only = try value(argument).split(separator: ",").map(String.init)
            case "--plan": planned = try number(argument, 1...100_000)
            case "--keep": keep = try value(argument)
            case "--worker":
                isWorker = true
                worker.incarnation = try number(argument, 1...1_000_000)
            case "--index": worker.index = try number(argument, 0...7)
            case "--count": worker.count = try number(argument, 2...8)
            case "--conninfo": worker.conninfo = try value(argument)
            case "--redis": worker.redis = try value(argument).split(separator: ",").map(String.init)
            case "--directory": worker.directory = try value(argument)
            case "--start": worker.start = try number(argument, 0...Int64.max)
            default: throw Mistake(message: "unknown argument \(argument); try --help")
            }
        }
        worker.isCanary = isCanary
        if isWorker { self.worker = worker }
    }

    /// Reads `30s`, `5m`, `1h`.
    private static func duration(_ text: String) throws(Mistake) -> Duration {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3_600]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int(text.dropLast()),
            (1...86_400).contains(count * unit)
        else { throw Mistake(message: "--duration must be like 30s, 5m or 1h, and at most 24h") }
        return .seconds(count * unit)
    }
}

/// What a process of the workload is told.
struct WorkerOptions: Sendable {
    /// Number of this start of the process, never used again.
    var incarnation = 0
    /// Which of the processes it is.
    var index = 0
    /// How many there are.
    var count = 2
    var conninfo = ""
    /// Addresses of the cluster's nodes.
    var redis: [String] = []
    /// Where the history and the sessions' tokens go.
    var directory = ""
    /// Whether its L2 lies.
    var isCanary = false
    /// When round 0 of the sessions began, on the monotonic clock.
    var start: Int64 = 0
}
