internal import Engine
internal import Glibc
internal import Report
internal import Scenario

/// Files and text of a run: the only place of the program that knows how they are made.
final class RunOutputs {
    private let settings: RunSettings
    private let watch: ServerWatch
    /// Gets every finished request while the run goes; nil where no output is made of single requests.
    var samples: (any SampleSink)? { written.samples }
    private let written: OutputSet

    /// Opens what is written while the run goes, and starts to watch the target's machine.
    ///
    /// - Throws: `LoadError` for an output that cannot be made.
    init(_ settings: RunSettings) throws(LoadError) {
        self.settings = settings
        let outputs = settings.file.outputs
        var files = OutputFiles()
        (files.csv, files.hlog, files.hgrm) = (outputs.csv, outputs.hlog, outputs.hgrm)
        (files.jtl, files.jtlDialect, files.openMetrics) = (outputs.jtl, outputs.dialect, outputs.openMetrics)
        files.jtlTime = outputs.time
        do throws(OutputError) {
            written = try OutputSet(files, settings.plan, isWhole: settings.workers == 1)
        } catch { throw LoadError(.system, error.description) }
        var sources: [WatchSource] = []
        for metric in settings.file.serverMetrics {
            switch metric {
            case .scrape(let url):
                guard let url = ScrapeURL(url) else {
                    throw LoadError(.configuration, "server_metrics: \(url) is no page of this machine")
                }
                sources.append(.scrape(url: url))
            case .pidFile(let component, let path): sources.append(.pidFile(component: component, path: path))
            case .process(let component, let name): sources.append(.process(component: component, name: name))
            }
        }
        watch = ServerWatch(sources, intervalSeconds: settings.plan.recording.intervalSeconds)
        watch.start()
    }

    /// Takes the figures of a second, on the engine's thread.
    func show(_ progress: LoadProgress) { written.show(progress) }

    /// Takes the merged figures of workers.
    func show(_ figures: WorkerFigures) {
        written.show(totals: figures.result.rows[0], interval: figures.result.series[0], elapsed: figures.elapsed)
    }

    /// Judges the run and writes everything; the page last, since it may wait for the target's own figures.
    ///
    /// - Throws: the first file that cannot be written or read.
    func write(_ result: RunResult) throws -> Verdict {
        let log = watch.stop()
        let report = RunReport(
            context: settings.context, plan: settings.plan, result: result,
            watch: log.series(startedAt: result.startedAt))
        let outputs = settings.file.outputs
        if let path = outputs.json { try TextFile.write(SummaryDocument.text(report), to: path) }
        Terminal.say(TextReport.text(report))
        var failure: OutputError?
        do throws(OutputError) { try written.write(report) } catch { failure = error }
        if result.isAckLogIncomplete {
            throw FileError(description: "the acknowledgement log could not be written completely")
        }
        if let page = outputs.html { try writePage(report, page) }
        if let failure { throw failure }
        return report.verdict
    }

    private func writePage(_ report: RunReport, _ page: String) throws {
        var additions = PageAdditions()
        if let path = settings.serverJSON {
            for _ in 0..<(settings.serverJSONWait * 20) where !TextFile.exists(path) { usleep(50_000) }
            additions.sections = try ServerSection.list(json: TextFile.read(path), name: path)
        }
        try TextFile.write(HTMLPage.text(report, additions), to: page)
    }
}
