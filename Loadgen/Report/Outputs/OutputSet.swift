public import Engine

/// What a run shall write beside summary and page; nil for none.
public struct OutputFiles: Sendable, Equatable {
    /// The series, a row an interval; steps go into the file beside it whose name ends in `.steps.csv`.
    public var csv: String?
    /// The histogram log.
    public var hlog: String?
    /// The percentile distribution.
    public var hgrm: String?
    /// A row a request.
    public var jtl: String?
    /// Its columns.
    public var jtlDialect = JTLDialect.current
    /// What its times count from.
    public var jtlTime = JTLTime.intended
    /// Where the metrics can be scraped while it runs; loopback.
    public var openMetrics: Endpoint?

    /// Nothing.
    public init() {}

    /// The file of the steps: `series.csv` has `series.steps.csv` beside it.
    public static func steps(beside csv: String) -> String {
        csv.hasSuffix(".csv") ? String(csv.dropLast(4)) + ".steps.csv" : csv + ".steps.csv"
    }
}

/// The outputs of one run: opened before it, fed while it goes, written after it.
public final class OutputSet {
    /// Gets every finished request while the run goes; nil where no output needs single requests.
    public let samples: (any SampleSink)?
    private let files: OutputFiles
    private let jtl: JTLWriter?
    private let metrics: LoadMetrics?
    private let listener: MetricsListener?

    /// Opens what is written while the run goes.
    ///
    /// - Parameter isWhole: whether this process sends the requests; where workers do they write the JTL, and the metrics
    ///   are made of their sums.
    /// - Throws: `OutputError` for a file or an address that the system refuses.
    public init(_ files: OutputFiles, _ plan: LoadPlan, isWhole: Bool = true) throws(OutputError) {
        self.files = files
        if let path = files.jtl, isWhole {
            jtl = try JTLWriter(path, PlanFacts(plan), dialect: files.jtlDialect, time: files.jtlTime)
        } else {
            jtl = nil
        }
        if let endpoint = files.openMetrics {
            let metrics = LoadMetrics(plan)
            listener = try MetricsListener(endpoint, metrics.registry)
            self.metrics = metrics
        } else {
            (metrics, listener) = (nil, nil)
        }
        let sinks: [(any SampleSink)?] = [jtl, isWhole ? metrics : nil]
        samples = SampleFan.of(sinks.compactMap { $0 })
    }

    deinit { listener?.stop() }

    /// Takes the figures of a second, on the engine's thread.
    public func show(_ progress: LoadProgress) { metrics?.show(progress) }

    /// Takes the sums of several processes.
    public func show(totals: OperationResult, interval: LoadInterval, elapsed: Double) {
        metrics?.show(totals: totals, interval: interval, elapsed: elapsed)
    }

    /// Writes the files; the page of metrics is no longer served.
    ///
    /// - Throws: the first file that cannot be written, or lacks requests; the others are written all the same.
    public func write(_ report: RunReport) throws(OutputError) {
        listener?.stop()
        var failure: OutputError?
        func attempt(_ body: () throws(OutputError) -> Void) {
            do throws(OutputError) { try body() } catch { failure = failure ?? error }
        }
        if let jtl { attempt { () throws(OutputError) in try jtl.finish() } }
        if let path = files.csv {
            attempt { () throws(OutputError) in try OutputFile.write(SeriesTable.text(report), to: path) }
            if let steps = StepTable.text(report), path != "-" {
                attempt { () throws(OutputError) in try OutputFile.write(steps, to: OutputFiles.steps(beside: path)) }
            }
        }
        if let path = files.hlog {
            attempt { () throws(OutputError) in try OutputFile.write(HistogramLog.text(report), to: path) }
        }
        if let path = files.hgrm {
            attempt { () throws(OutputError) in try OutputFile.write(PercentileTable.text(report), to: path) }
        }
        if let failure { throw failure }
    }
}
