import Foundation
import Synchronization
import Telemetry
import Testing

@Suite("Recording of spans")
struct SpanRecorderTests {
    /// A recorder over a file that is removed at the end.
    func withRecorder(
        _ configure: (inout SpanRecorder.Configuration) -> Void = { _ in }, before: String? = nil,
        _ body: (SpanRecorder, MetricsRegistry, String) throws -> Void
    ) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("spans-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("spans.jsonl").path
        try before?.write(toFile: path, atomically: false, encoding: .utf8)
        var configuration = SpanRecorder.Configuration(file: path)
        configure(&configuration)
        let metrics = MetricsRegistry()
        try body(SpanRecorder(configuration, metrics: metrics), metrics, path)
    }

    static func span(_ id: UInt64, name: String = "a") -> SpanRecord {
        SpanRecord(context: SpanFileTests.context(id, id), name: name, start: 1, end: 2)
    }

    func spans(_ metrics: MetricsRegistry, _ result: String) -> UInt64 {
        metrics.counter("trace_spans_total", "", [("result", result)]).value
    }

    static func request(_ number: UInt64, isRefused: Bool = false) -> TracedRequest {
        let caller = TraceContext.root(seed: 3, request: number)
        var request = TracedRequest(caller: caller, .newOrder, received: 1_000, ordinal: number, position: 0)
        var time: Int64 = 1_000
        for stage in TracedRequest.Stage.allCases where !isRefused || stage == .decode || stage == .acknowledge {
            time += 10
            request.end(stage, at: time, batch: stage == .execute ? 7 : 0)
        }
        request.isRefused = isRefused
        return request
    }

    @Test("A request becomes a root below its caller's span and stages that fill it without gaps")
    func tree() throws {
        var request = Self.request(1)
        request.cache = .init(l1: 1, l2: 2, l3: 3, missing: 4)
        var spans: [SpanRecord] = []
        request.append(to: &spans)
        #expect(spans.count == request.spanCount && spans.count == TracedRequest.spansMax)
        let caller = TraceContext.root(seed: 3, request: 1)
        let root = spans[0]
        #expect(root.name == "OrderEntry/NewOrder" && root.kind == .server && root.parent == caller.span)
        #expect(root.context.traceHigh == caller.traceHigh && root.context.traceLow == caller.traceLow)
        #expect(root.context.span != caller.span)
        #expect(root.start == 1_000 && root.end == 1_090)
        #expect(
            spans[1...].map(\.name) == [
                "Decode", "QueueWait", "Prefetch", "SequencerWait", "Execute", "CommitWait", "Commit", "Publish",
                "Acknowledge",
            ])
        var end = root.start
        for span in spans[1...] {
            #expect(span.parent == root.context.span && span.kind == .internal && span.start == end)
            end = span.end
        }
        #expect(end == root.end)
        #expect(Set(spans.map(\.context.span)).count == spans.count)
        #expect(spans[5].attributes.batchSize == 7 && spans[3].attributes.cache?.missing == 4)
        #expect(spans[1].attributes == .init())
    }

    @Test("A refused request has an error at its root and the two stages it passed")
    func refused() {
        var spans: [SpanRecord] = []
        let request = Self.request(1, isRefused: true)
        request.append(to: &spans)
        #expect(spans.map(\.name) == ["OrderEntry/NewOrder", "Decode", "Acknowledge"])
        #expect(request.spanCount == 3)
        #expect(spans.map(\.status) == [.error, .unset, .unset])
        #expect(spans.map(\.end) == [1_020, 1_010, 1_020])
    }

    @Test("A clock that is set back makes stages of no length, never a child outside its root")
    func backwards() {
        var request = TracedRequest(
            root: TraceContext.root(seed: 1, request: 1), .cancel, received: 500, position: 0)
        request.end(.decode, at: 600)
        request.end(.queueWait, at: 100)
        request.end(.acknowledge, at: 650)
        var spans: [SpanRecord] = []
        request.append(to: &spans)
        #expect(spans.map(\.start) == [500, 500, 600, 600])
        #expect(spans.map(\.end) == [650, 600, 600, 650])
        #expect(spans[0].parent == 0 && spans[0].name == "OrderEntry/Cancel")
    }

    @Test("The same request sent twice gets spans of its own each time")
    func twice() {
        let caller = TraceContext.root(seed: 1, request: 1)
        let ids = (0..<1_000).map { ordinal in
            TracedRequest(caller: caller, .newOrder, received: 5, ordinal: ordinal, position: 0).context.span
        }
        #expect(Set(ids).count == 1_000)
    }

    @Test("What is recorded is in the file after stop, in lines of at most 512 spans")
    func writes() throws {
        try withRecorder { recorder, metrics, path in
            recorder.start()
            for id in UInt64(1)...600 { recorder.record(Self.span(id)) }
            recorder.record([Self.request(1), Self.request(2, isRefused: true)])
            recorder.record([])
            recorder.stop()
            recorder.record(Self.span(9))
            recorder.record([Self.request(3)])
            let file = try SpanFile(path: path)
            #expect(file.malformedLines == 0)
            #expect(file.spans.count == 613)
            #expect(Set(file.spans[..<600].map(\.context.span)) == Set(1...600))
            #expect(file.traces().count == 602)
            let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            #expect(lines.allSatisfy { SpanFile(text: String($0)).spans.count <= SpanLine.spansMax })
            #expect(spans(metrics, "recorded") == 613 && spans(metrics, "written") == 613)
            #expect(spans(metrics, "dropped") == 11, "one span and one request of ten came after the end")
        }
    }

    @Test("A recorder that was never started writes what waits when it is stopped")
    func neverStarted() throws {
        try withRecorder { recorder, _, path in
            recorder.record(Self.span(1))
            recorder.stop()
            recorder.start()
            recorder.stop()
            let file = try SpanFile(path: path)
            #expect(file.spans.count == 1)
        }
    }

    @Test("The buffer takes its limit and drops, counted, what is one past it", arguments: [10, 25, 40])
    func bounded(limit: Int) throws {
        try withRecorder {
            $0.waitingMax = limit
        } _: { recorder, metrics, path in
            // Nobody writes before the stop.
            recorder.record((1...5).map { Self.request($0) })
            let requests = limit / 10
            #expect(spans(metrics, "recorded") == UInt64(min(5, requests) * 10))
            let rest = limit - requests * 10
            for id in 0..<(rest + 1) { recorder.record(Self.span(UInt64(id + 1))) }
            #expect(spans(metrics, "recorded") == UInt64(limit))
            #expect(spans(metrics, "dropped") == UInt64((5 - requests) * 10 + 1))
            recorder.stop()
            let file = try SpanFile(path: path)
            #expect(file.spans.count == limit)
        }
    }

    @Test("Settings that leave no room, and files that cannot be made, are refused")
    func settings() throws {
        #expect(throws: SpanFileError.self) {
            try withRecorder {
                $0.waitingMax = 9
            } _: { _, _, _ in
            }
        }
        #expect(throws: SpanFileError.self) {
            try withRecorder {
                $0.bytesMax = 65_535
            } _: { _, _, _ in
            }
        }
        #expect(throws: SpanFileError.self) {
            try withRecorder {
                $0.file = "/no/such/spans"
            } _: { _, _, _ in
            }
        }
    }

    @Test("Eight threads record at once: every span is written once or counted as dropped")
    func threads() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("spans-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        var configuration = SpanRecorder.Configuration(file: directory.appendingPathComponent("s").path)
        configuration.waitingMax = 500
        let metrics = MetricsRegistry()
        let recorder = try SpanRecorder(configuration, metrics: metrics)
        recorder.start()
        await withTaskGroup { group in
            for worker in UInt64(0)..<8 {
                group.addTask {
                    for index in UInt64(1)...500 {
                        recorder.record(Self.span(worker * 1_000 + index))
                        if index % 10 == 0 { recorder.record([Self.request(worker * 1_000 + index)]) }
                    }
                }
            }
        }
        recorder.stop()
        let file = try SpanFile(path: configuration.file)
        let written = spans(metrics, "written")
        #expect(file.malformedLines == 0 && UInt64(file.spans.count) == written)
        #expect(written == spans(metrics, "recorded"))
        #expect(written + spans(metrics, "dropped") == 8 * (500 + 50 * 10))
        #expect(Set(file.spans.map { [$0.context.traceLow, $0.context.span] }).count == file.spans.count)
    }

    @Test("At half the limit the file is begun anew; both files together stay within it and the newest are kept")
    func rotates() throws {
        try withRecorder {
            $0.bytesMax = 1 << 16
            $0.waitingMax = 1_000
        } _: { recorder, metrics, path in
            // Every stop of the buffer is one line of about 2 KiB; start and stop write what waits.
            recorder.start()
            var id: UInt64 = 0
            for _ in 0..<40 {
                for _ in 0..<100 {
                    id += 1
                    recorder.record(Self.span(id))
                }
                // The writer is behind: wait until it has taken what there is.
                while spans(metrics, "written") + spans(metrics, "write_failed") < id { usleep(1_000) }
            }
            recorder.stop()
            let rotations = metrics.counter("trace_file_rotations_total", "").value
            #expect(rotations >= 2)
            let sizes = try [path, path + ".1"].map {
                try FileManager.default.attributesOfItem(atPath: $0)[.size] as? Int ?? 0
            }
            #expect(sizes.reduce(0, +) <= 1 << 16)
            let file = try SpanFile(path: path)
            #expect(file.malformedLines == 0)
            let ids = file.spans.map(\.context.span)
            #expect(ids == Array((id - UInt64(ids.count) + 1)...id), "the newest, in their order")
        }
    }

    @Test("A line that a crash cut off costs that line only")
    func torn() throws {
        let before = SpanFileTests.good + SpanFileTests.good.dropLast(9)
        try withRecorder(before: before) { recorder, _, path in
            recorder.record(Self.span(77))
            recorder.stop()
            let file = try SpanFile(path: path)
            #expect(file.malformedLines == 1)
            #expect(file.spans.map(\.context.span) == [1, 77])
        }
    }

    @Test("A full disk is counted, and writing goes on")
    func fullDisk() throws {
        let metrics = MetricsRegistry()
        let recorder = try SpanRecorder(SpanRecorder.Configuration(file: "/dev/full"), metrics: metrics)
        recorder.record(Self.span(1))
        recorder.stop()
        #expect(spans(metrics, "write_failed") == 1 && spans(metrics, "written") == 0)
    }
}
