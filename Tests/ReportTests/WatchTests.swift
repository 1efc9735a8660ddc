import Engine
import Foundation
import Glibc
import Report
import Telemetry
import Testing

@Suite("Saturated component")
struct SaturationTests {
    private func series(_ change: (inout WatchSample) -> Void) -> WatchSeries {
        var series = WatchSeries()
        (series.processors, series.components) = (2, ["services", "Redis"])
        series.samples = (1...4).map { second in
            var sample = WatchSample(time: Double(second))
            sample.loads = [ComponentLoad(), ComponentLoad()]
            change(&sample)
            return sample
        }
        return series
    }

    private func load(_ cpu: Double, thread: Double = 0, wait: Double = 0) -> ComponentLoad {
        var load = ComponentLoad()
        (load.cpu, load.busiestThread, load.longestWait) = (cpu, thread, wait)
        return load
    }

    private func find(_ series: WatchSeries, generator: Double = 0) -> String? {
        Saturation.find(in: series, 0...4, generatorCPU: generator)?.component
    }

    @Test("Each rule holds at its bound and not below")
    func bounds() {
        #expect(find(series { _ in }) == nil)
        #expect(find(series { $0.loads[0] = self.load(1.8) }) == "services")
        #expect(find(series { $0.loads[0] = self.load(1.79) }) == nil)
        #expect(find(series { $0.loads[1] = self.load(0.9, thread: 0.9) }) == "Redis")
        #expect(find(series { $0.loads[1] = self.load(0.9, thread: 0.89) }) == nil)
        #expect(find(series { $0.loads[1] = self.load(0.1, wait: 0.11) }) == "Redis")
        #expect(find(series { $0.loads[1] = self.load(0.1, wait: 0.1) }) == nil)
        #expect(find(series { $0.machineCPU = 0.9 }) == "machine" && find(series { $0.machineCPU = 0.89 }) == nil)
        #expect(
            find(series { $0.machineSteal = 0.11 }) == "hypervisor" && find(series { $0.machineSteal = 0.1 }) == nil)
        #expect(find(series { $0.pressure = self.pressure(io: 0.11) }) == "disk")
        #expect(find(series { $0.pressure = self.pressure(memory: 0.11) }) == "memory")
        #expect(find(series { $0.pressure = self.pressure(io: 0.1) }) == nil)
        #expect(find(series { _ in }, generator: 0.9) == "generator" && find(series { _ in }, generator: 0.89) == nil)
    }

    private func pressure(io: Double = 0, memory: Double = 0) -> MachinePressure {
        var pressure = MachinePressure()
        (pressure.io, pressure.memory) = (io, memory)
        return pressure
    }

    @Test("The greatest of those that exceed a rule is named; earlier rules outrank later ones")
    func ranking() {
        #expect(
            find(
                series {
                    $0.loads = [self.load(1.2, thread: 0.93), self.load(0.99, thread: 0.99, wait: 0.5)]
                    $0.machineCPU = 0.99
                }) == "Redis")
        #expect(find(series { $0.loads = [self.load(1.95), self.load(1, thread: 1)] }) == "services")
        let stolen = series {
            $0.loads[0] = self.load(1.95)
            $0.machineSteal = 0.25
        }
        #expect(Saturation.find(in: stolen, 0...4)?.evidence == "it withheld 25 % of the processors (steal)")
        #expect(find(stolen, generator: 0.95) == "generator")
        let together = Saturation.find(
            in: series {
                $0.loads = [self.load(1.1, thread: 0.5), self.load(0.8, thread: 0.8)]
                $0.machineCPU = 0.95
            }, 0...4)
        #expect(together?.evidence == "all 2 processors together were 95 % busy, most of it by services (1.1 of them)")
    }

    @Test("Only the samples of the stretch count, and none makes no claim")
    func stretch() {
        let watch = Samples.watch(10)
        #expect(Saturation.find(in: watch, 0...4) == nil)
        #expect(Saturation.find(in: watch, 5...10)?.component == "services")
        #expect(Saturation.find(in: watch, 100...200) == nil && Saturation.find(in: WatchSeries(), 0...1) == nil)
    }
}

@Suite("Readings of the machine")
struct MachineReadingTests {
    @Test("stat: names with brackets and spaces, times in ticks, pages")
    func stat() throws {
        let text =
            "4242 (a) b (c) S 77 1 1 0 -1 4194560 10 0 0 0 250 150 0 0 20 0 3 0 987654 1000000 2048 18446744073709551615 1"
        let stat = try #require(ProcessStat(text, ticksPerSecond: 100, pageBytes: 4_096))
        #expect(stat.name == "a) b (c" && stat.parent == 77 && stat.cpuSeconds == 4 && stat.startTicks == 987_654)
        #expect(stat.residentBytes == 2_048 * 4_096)
        for bad in ["", "1 (x", "1 (x) S 1", "(x) S a b c d e f g h i j k l m n o p q r s t u v"] {
            #expect(ProcessStat(bad, ticksPerSecond: 100, pageBytes: 4_096) == nil, "\(bad)")
        }
        #expect(
            ThreadTimes("1500000000 250000000 7\n")?.wait == 0.25 && ThreadTimes("x") == nil && ThreadTimes("1") == nil)
    }

    @Test("CPU and pressure are differences over time; waiting for a disk is idle")
    func machine() {
        var (before, after) = (MachineReading(), MachineReading())
        before.readCPU("cpu  100 0 100 700 100 0 0 0 0 0")
        after.readCPU("cpu  200 0 200 850 150 0 0 0 0 0")
        // 400 ticks more, of them 150 + 50 idle.
        #expect(after.cpu(since: before) == 0.5 && before.cpu(since: before) == nil)
        #expect(after.steal(since: before) == 0 && before.steal(since: before) == nil)
        var stolen = MachineReading()
        stolen.readCPU("cpu  300 0 200 950 150 0 0 200 0 0")
        // 400 ticks more, of them 100 idle and 200 the hypervisor's.
        #expect(stolen.steal(since: after) == 0.5 && stolen.cpu(since: after) == 0.25)
        (before.waited, after.waited) = ([1, 2, 3], [1.5, 2, 9])
        let pressure = after.pressure(since: before, seconds: 2)
        #expect(pressure?.cpu == 0.25 && pressure?.memory == 0 && pressure?.io == 1)
        let text =
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9"
        #expect(MachineReading.pressureTotal(text) == 2.5 && MachineReading.pressureTotal("") == nil)
    }

    @Test("A round over this process sees CPU that it used, and nil for what is not there")
    func ownProcess() throws {
        let missing = WatchSource.pidFile(component: "gone", path: "/nonexistent/x.pid")
        var round = WatchRound([.pid(component: "self", getpid()), missing])
        round.begin()
        let begin = ProcessMetrics.threadCPUSeconds()
        var word: UInt64 = 1
        while ProcessMetrics.threadCPUSeconds() - begin < 0.05 { word = word &* 6_364_136_223_846_793_005 &+ 1 }
        let sample = round.take().sample
        #expect(word != 0 && round.components == ["self", "gone"] && sample.loads.count == 2)
        let load = try #require(sample.loads[0])
        #expect(load.busiestThread > 0 && load.residentBytes > 1e6 && sample.loads[1] == nil)
    }

    @Test("Children belong to their parent's component, named processes to their own")
    func children() throws {
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/bin/sleep")
        child.arguments = ["60"]
        try child.run()
        defer {
            kill(child.processIdentifier, SIGKILL)
            child.waitUntilExit()
        }
        let pid = child.processIdentifier
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("watch-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("x.pid").path
        try "\(pid)\n/data\n".write(toFile: file, atomically: true, encoding: .utf8)
        func loads(_ sources: [WatchSource]) -> [Double?] {
            var round = WatchRound(sources)
            round.begin()
            return round.take().sample.loads.map { $0.map(\.residentBytes) }
        }
        let alone = loads([.pidFile(component: "child", path: file)])
        #expect((alone[0] ?? 0) > 0)
        // The whole of this process's tree has one resident set more than this process alone.
        let tree = loads([.pid(component: "tree", getpid())])
        let split = loads([.pid(component: "tree", getpid()), .pidFile(component: "child", path: file)])
        #expect((tree[0] ?? 0) > 0 && split.count == 2 && (split[1] ?? 0) == (alone[0] ?? 1))
    }

    @Test("A watch starts once, stops at once, and a watch that never started saw nothing")
    func lifecycle() {
        let watch = ServerWatch([], intervalSeconds: 0.1)
        watch.start()
        watch.start()
        #expect(watch.stop().series(startedAt: .max).samples.isEmpty, "nothing lies after the end of time")
        #expect(watch.stop().series(startedAt: 0).samples.allSatisfy { $0.loads.count == 1 })
        let idle = ServerWatch([]).stop().series(startedAt: 0)
        #expect(idle.samples.isEmpty && idle.components.isEmpty)
    }
}

@Suite("Pages of metrics")
struct MetricsPageTests {
    private let page = """
        # HELP cache_requests_total Rows asked of a tier, by result.
        # TYPE cache_requests_total counter
        cache_requests_total{tier="l1",result="hit"} 90
        cache_requests_total{tier="l1",result="miss"} 8
        cache_requests_total{tier="l1",result="negative"} 2 1790730600
        cache_requests_total{result="hit",tier="l2",note="a\\"b\\\\}"} 5
        cache_requests_total{tier="l2"} 7
        cache_requests_total_more 1
        orders_total{type="limit",result="accepted"} 40
        orders_total{type="limit",result="rejected"} 2
        autoscaler_replicas{service="orders"} 3
        autoscaler_predicted_requests_per_second{horizon="5s"} 1.5e4
        autoscaler_replicas{service="x" 9
        orders_total NaN

        """

    @Test("Tiers, requests, replicas and forecasts are read; lines that are malformed are passed over")
    func reading() {
        let reading = MetricsReading(page)
        #expect(reading.tiers["l1"]?.requests == 100 && reading.tiers["l1"]?.hits == 92)
        #expect(reading.tiers["l2"]?.requests == 5 && reading.tiers.count == 2)
        #expect(reading.requests == 42 && reading.replicas == 3 && reading.predictedRate == 15_000)
        #expect(MetricsReading("") == MetricsReading("garbage {{{\n\u{0}"))
        #expect(MetricsReading("rpc_server_call_duration_seconds_count{code=\"ok\"} 7\norders_total 9").requests == 7)
    }

    @Test("Differences over pages: restarts begin at zero, missing pages are gaps")
    func differences() {
        func page(_ requests: Int, _ hits: Int) -> MetricsReading {
            MetricsReading(
                "cache_requests_total{tier=\"l1\",result=\"hit\"} \(hits)\n"
                    + "cache_requests_total{tier=\"l1\",result=\"miss\"} \(requests - hits)\norders_total \(requests)")
        }
        var watch = MetricsWatch(pages: 2)
        func take(_ pages: [MetricsReading?]) -> WatchSample {
            var sample = WatchSample(time: 0)
            watch.note(pages, seconds: 2, &sample)
            return sample
        }
        #expect(take([page(100, 50), nil]).tiers == [nil])
        let second = take([page(300, 200), page(1_000, 900)])
        #expect(second.tiers[0]?.requests == 200 && second.tiers[0]?.hits == 150 && second.requestRate == 100)
        // The first page's process began again; the second's went on.
        let third = take([page(10, 4), page(1_100, 950)])
        #expect(third.tiers[0]?.requests == 110 && third.tiers[0]?.hits == 54 && third.requestRate == 55)
        #expect(take([nil, nil]).tiers == [nil] && take([nil, nil]).requestRate == nil)
    }

    @Test("Only plain HTTP addresses with numbers are taken")
    func addresses() throws {
        let url = try #require(ScrapeURL("http://127.0.0.1:9400/metrics?x=1"))
        #expect(url.endpoint.port == 9_400 && url.path == "/metrics?x=1" && url.endpoint.isLoopback)
        #expect(ScrapeURL("http://[::1]:80")?.path == "/metrics" && ScrapeURL("http://localhost:1/m") != nil)
        for bad in [
            "", "https://127.0.0.1:1/", "http://example.com:80/", "http://10.0.0.1:80/", "http://127.0.0.1/",
            "http://127.0.0.1:1/a b",
            "http://u@127.0.0.1:1/", "http://127.0.0.1:1/\r\nX: y", "http://127.0.0.1:99999/",
        ] { #expect(ScrapeURL(bad) == nil, "\(bad)") }
    }

    @Test(
        "Answers with a length, in chunks, and up to the end; others are none",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", "abc"), ("HTTP/1.0 200 OK\r\n\r\nab", "ab"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
                "abc0123456789"
            ),
            ("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", nil),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", nil),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFF\r\nabc", nil),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n", nil),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", nil), ("SSH-2.0-x", nil), ("", nil),
        ] as [(String, String?)])
    func answers(answer: String, body: String?) {
        #expect(PageFetch.body(Array(answer.utf8)) == body)
    }

    @Test("A page is fetched over loopback; silence, refusal and garbage are nothing")
    func fetch() throws {
        let server = try LoopbackPage("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(
            PageFetch.get(try #require(ScrapeURL("http://127.0.0.1:\(server.port)/m")), milliseconds: 5_000) == "ok")
        let silent = try LoopbackPage(nil)
        #expect(PageFetch.get(try #require(ScrapeURL("http://127.0.0.1:\(silent.port)/m")), milliseconds: 50) == nil)
        let garbage = try LoopbackPage("\u{1}\u{2}\r\n\r\n")
        #expect(
            PageFetch.get(try #require(ScrapeURL("http://127.0.0.1:\(garbage.port)/m")), milliseconds: 5_000) == nil)
        let port = server.port
        server.close()
        #expect(PageFetch.get(try #require(ScrapeURL("http://127.0.0.1:\(port)/m")), milliseconds: 5_000) == nil)
    }
}

/// A listener on loopback that gives one answer to its first connection, or none.
final class LoopbackPage {
    private var descriptor: Int32
    let port: UInt16

    init(_ answer: String?) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let own = descriptor
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(own, $0, length) == 0 && listen(own, 4) == 0 && getsockname(own, $0, &length) == 0
            }
        }
        try #require(isBound)
        port = UInt16(bigEndian: address.sin_port)
        guard let answer else { return }
        Thread.detachNewThread {
            let peer = accept(own, nil, nil)
            guard peer >= 0 else { return }
            var request = [UInt8](repeating: 0, count: 4_096)
            _ = recv(peer, &request, request.count, 0)
            let bytes = Array(answer.utf8)
            _ = send(peer, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            Glibc.close(peer)
        }
    }

    func close() {
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        descriptor = -1
    }

    deinit { close() }
}
