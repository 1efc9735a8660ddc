internal import Settings
internal import Telemetry

/// What the section `trace` of a configuration says; its defaults are those of the file's comments.
struct TraceSettings {
    /// Empty: nothing is traced.
    var file = ""
    var limit = 256 << 20
    var sampleEvery = 0

    /// The defaults.
    init() {}

    /// Reads and checks the section.
    init(_ section: SettingsSection) throws {
        file = try section.text("file", default: file)
        limit = try section.value("limit")?.bytes(in: 1 << 20...1 << 40) ?? limit
        sampleEvery = try section.integer("sample_every", default: sampleEvery, in: 0...1_000_000_000)
    }

    /// A recorder for the file, writing already; nil where nothing is traced.
    ///
    /// - Throws: `SpanFileError` where the file cannot be opened.
    func recorder(_ metrics: MetricsRegistry) throws -> SpanRecorder? {
        guard !file.isEmpty else { return nil }
        var configuration = SpanRecorder.Configuration(file: file)
        configuration.bytesMax = limit
        let recorder = try SpanRecorder(configuration, metrics: metrics)
        recorder.start()
        return recorder
    }
}
