internal import Engine
internal import Glibc
internal import Report
internal import Scenario

/// Files and text of a run: the only place of the program that knows how they are made.
final class RunOutputs {
    private let settings: RunSettings
    private let watch: ServerWatch
    /// Gets every finished request while the run goes; nil where no output is made of single requests.
    let samples: (any SampleSink)? = nil

    /// Opens what is written while the run goes, and starts to watch the target's machine.
    ///
    /// - Throws: `LoadError` for an output that cannot be made.
    init(_ settings: RunSettings) throws(LoadError) {
        self.settings = settings
        let outputs = settings.file.outputs
        let unknown = [
            ("csv", outputs.csv), ("hlog", outputs.hlog), ("hgrm", outputs.hgrm), ("jtl", outputs.jtl),
            ("openmetrics", outputs.openMetrics.map { "\($0)" }),
        ].filter { $0.1 != nil }
        if let first = unknown.first {
            throw LoadError(.configuration, "outputs.\(first.0): this build writes html, json and ack_log only")
        }
        var sources: [WatchSource] = []
        for metric in settings.file.serverMetrics {
            switch metric {
            case .scrape(let url, _):
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
        if result.isAckLogIncomplete {
            throw FileError(description: "the acknowledgement log could not be written completely")
        }
        guard let page = outputs.html else { return report.verdict }
        var additions = PageAdditions()
        if let path = settings.serverJSON {
            for _ in 0..<(settings.serverJSONWait * 20) where !TextFile.exists(path) { usleep(50_000) }
            additions.sections = try ServerSection.list(json: TextFile.read(path), name: path)
        }
        try TextFile.write(HTMLPage.text(report, additions), to: page)
        return report.verdict
    }
}
