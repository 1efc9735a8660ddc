import Telemetry
import Testing

@Suite("Metrics text")
struct ExpositionTests {
    private func registry() -> MetricsRegistry {
        let registry = MetricsRegistry()
        registry.counter("orders_total", "Orders by result.", [("type", "new"), ("result", "ok")]).increment(by: 3)
        registry.counter("orders_total", "Orders by result.", [("type", "new"), ("result", "a\"b\\c\nd")]).increment()
        registry.gauge("book_orders", "Resting orders.\nAll books.").set(2.5)
        let histogram = registry.histogram("ack_seconds", "Time to the answer.", [("op", "new")], bounds: [0.01, 0.05])
        for value in [0.005, 0.01, 0.02, 0.05, 0.051] { histogram.record(value) }
        registry.computed("uptime_seconds_total", "Seconds.") { 7 }
        return registry
    }

    @Test("The Prometheus text of a small registry is the golden one")
    func prometheus() {
        #expect(
            registry().text() == """
                # HELP ack_seconds Time to the answer.
                # TYPE ack_seconds histogram
                ack_seconds_bucket{op="new",le="0.01"} 2
                ack_seconds_bucket{op="new",le="0.05"} 4
                ack_seconds_bucket{op="new",le="+Inf"} 5
                ack_seconds_sum{op="new"} 0.136
                ack_seconds_count{op="new"} 5
                # HELP book_orders Resting orders.\\nAll books.
                # TYPE book_orders gauge
                book_orders 2.5
                # HELP orders_total Orders by result.
                # TYPE orders_total counter
                orders_total{result="a\\"b\\\\c\\nd",type="new"} 1
                orders_total{result="ok",type="new"} 3
                # HELP uptime_seconds_total Seconds.
                # TYPE uptime_seconds_total counter
                uptime_seconds_total 7.0

                """)
    }

    @Test("OpenMetrics drops _total from a counter's family name and ends in EOF")
    func openMetrics() {
        let text = registry().text(openMetrics: true)
        #expect(text.contains("# TYPE orders counter\norders_total{"))
        #expect(text.hasSuffix("# EOF\n"))
        #expect(!text.contains("# TYPE orders_total"))
    }

    @Test("The 50 ms objective is a bound of the duration buckets")
    func objectiveIsABound() {
        #expect(BucketHistogram.durations.contains(0.05))
    }

    @Test("Asking twice gives the same metric")
    func sameMetric() {
        let registry = MetricsRegistry()
        registry.counter("x_total", "X.", [("a", "1"), ("b", "2")]).increment()
        registry.counter("x_total", "X.", [("b", "2"), ("a", "1")]).increment()
        #expect(registry.text().contains("x_total{a=\"1\",b=\"2\"} 2\n"))
    }

    @Test("A value on a bound counts below it, in every position")
    func boundsAreInclusive() {
        let bounds = BucketHistogram.sizes
        for (index, bound) in bounds.enumerated() {
            let histogram = BucketHistogram(bounds: bounds)
            histogram.record(bound)
            #expect(histogram.snapshot.counts[index] == 1)
            histogram.record(bound.nextUp)
            #expect(histogram.snapshot.counts[index + 1] == 1)
        }
    }
}

@Suite("Process metrics")
struct ProcessMetricsTests {
    @Test("This process has used CPU, memory and descriptors, and started before now")
    func samplesItself() {
        let sample = ProcessMetrics.sample()
        #expect(sample.cpuSeconds > 0)
        #expect(sample.residentBytes > 1 << 20 && sample.residentBytes < 1 << 36)
        #expect(sample.openDescriptors >= 3 && sample.openDescriptors < 100_000)
        let now = Double(JSONLogHandler.wallClockMicroseconds()) / 1e6
        #expect(sample.startTimeSeconds > now - 3_600 * 24 && sample.startTimeSeconds < now + 2)
        #expect(sample.runQueueWaitSeconds >= 0)
    }

    @Test("The registered names are the documented ones")
    func names() {
        let registry = MetricsRegistry()
        ProcessMetrics.register(in: registry)
        let names = registry.text().split(separator: "\n").filter { $0.hasPrefix("# TYPE") }
            .map { $0.split(separator: " ")[2] }
        #expect(
            names == [
                "machine_cpu_pressure_ratio", "machine_cpu_pressure_seconds_total", "process_cpu_seconds_total",
                "process_open_fds", "process_resident_memory_bytes", "process_run_queue_wait_seconds",
                "process_start_time_seconds",
            ])
    }

    @Test("PSI text is parsed; a kernel without it gives zeros")
    func pressure() {
        let text = "some avg10=12.50 avg60=1.00 avg300=0.00 total=2500000\nfull avg10=9.00 avg60=0 avg300=0 total=9\n"
        let parsed = MachineMetrics.parse(text)
        #expect(parsed.cpuPressureRatio == 0.125 && parsed.cpuPressureSeconds == 2.5)
        let none = MachineMetrics.parse("")
        #expect(none.cpuPressureRatio == 0 && none.cpuPressureSeconds == 0)
        #expect(MachineMetrics.parse("some avg10=x total=") == none)
    }
}
