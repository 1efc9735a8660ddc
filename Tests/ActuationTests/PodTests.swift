import Actuation
import Testing

@Suite("Pods as the API writes them")
struct PodTests {
    /// 2026-11-21T18:55:02Z, when the fixture's pods were made.
    static let made = 1_795_287_302.0

    func pod(_ text: String) throws -> Pod {
        let tree = try #require(JSONTree(Array(text.utf8)), "the fixture is JSON")
        return try #require(Pod(tree))
    }

    @Test("A pod that serves: name, age, address, ports; a name that is absent is no pod")
    func whole() throws {
        let pod = try pod(PodFixture.pod())
        #expect(pod.name == "risk-7d4b9c6f5d-x2x7k" && pod.created == Self.made && pod.deadline == nil)
        #expect(pod.address == "10.244.1.17" && pod.ports == ["metrics": 9_400] && pod.annotations.isEmpty)
        #expect(pod.state(at: Self.made) == .ready)
        #expect(Pod(["metadata": ["name": ""]]) == nil && Pod(["status": [:]]) == nil && Pod("pod") == nil)
    }

    @Test(
        "What a pod is, by phase, conditions and deletion",
        arguments: [
            (PodFixture.running(address: "10.0.0.1"), Pod.State.ready),
            (PodFixture.unscheduled, .pending),
            (PodFixture.running(address: "10.0.0.1", ready: "False"), .pending),
            (PodFixture.running(address: "10.0.0.1", ready: "Unknown", phase: "Unknown"), .pending),
            (PodFixture.running(address: "10.0.0.1", ready: "False", phase: "Weird"), .pending),
            (PodFixture.running(address: "10.0.0.1", ready: "False", phase: "Succeeded"), .ended),
            (PodFixture.running(address: "10.0.0.1", phase: "Failed"), .ended),
            (PodFixture.evicted, .ended), ("{}", .pending), ("null", .pending),
            (#"{"phase":7,"conditions":{"type":"Ready"},"podIP":5,"podIPs":"x"}"#, .pending),
        ])
    func states(_ status: String, _ state: Pod.State) throws {
        #expect(try pod(PodFixture.pod(status: status)).state(at: Self.made) == state)
    }

    @Test("A pod that was asked to end drains though it is ready, until a minute after its grace period")
    func draining() throws {
        let asked = #""deletionTimestamp":"2026-11-21T18:56:02Z","deletionGracePeriodSeconds":30,"#
        let pod = try pod(PodFixture.pod(metadata: asked))
        #expect(pod.deadline == Self.made + 60)
        #expect(pod.state(at: Self.made + 119.9) == .draining && pod.state(at: Self.made + 120) == .ended)
        let odd = try self.pod(PodFixture.pod(metadata: #""deletionTimestamp":"soon","#))
        #expect(odd.state(at: Self.made + 1e9) == .draining, "it ends, nobody knows when")
        let failed = try self.pod(PodFixture.pod(metadata: asked, status: PodFixture.evicted))
        #expect(failed.state(at: Self.made) == .ended)
    }

    @Test(
        "Addresses: IPv4, of the host, IPv6, two stacks, none, and texts that are none",
        arguments: [
            (PodFixture.running(address: "192.168.1.5"), "192.168.1.5"),
            (PodFixture.running(address: "fd00:10:244::1f"), "fd00:10:244::1f"),
            (PodFixture.running(address: "10.0.0.9", more: #",{"ip":"fd00::9"}"#), "10.0.0.9"),
            (#"{"podIPs":[{"ip":"fd00::9"},{"ip":"10.0.0.9"}]}"#, "fd00::9"),
            (PodFixture.unscheduled, nil), (PodFixture.running(address: ""), nil),
            (PodFixture.running(address: "10.0.0.1/x@evil"), nil), (PodFixture.running(address: "evil.example"), nil),
            (PodFixture.running(address: "fe80::1%eth0"), nil), (PodFixture.running(address: "abc"), nil),
        ])
    func addresses(_ status: String, _ address: String?) throws {
        #expect(try pod(PodFixture.pod(status: status)).address == address)
    }

    @Test("Ports: of all containers and of init containers that stay, TCP only, the first of a name")
    func ports() throws {
        let list = """
            {"name":"risk","ports":[{"containerPort":8080},{"name":"stats","containerPort":8125,"protocol":"UDP"},
            {"name":"high","containerPort":70000},{"name":"word","containerPort":"9400"}]},
            {"name":"exporter","ports":[{"name":"metrics","containerPort":9121}]},
            {"name":"proxy","ports":[{"name":"metrics","containerPort":15020},{"name":"envoy","containerPort":15090}]},
            {"name":"bare"}
            """
        let beside = """
            "initContainers":[{"name":"migrate","ports":[{"name":"gone","containerPort":1}]},
            {"name":"log","restartPolicy":"Always","ports":[{"name":"logs","containerPort":2020}]}],
            """
        let pod = try pod(PodFixture.pod(spec: PodFixture.containers(list, more: beside)))
        #expect(pod.ports == ["metrics": 9_121, "envoy": 15_090, "logs": 2_020])
    }

    static let usual = #"{"prometheus.io/scrape":"true","prometheus.io/port":"9100","prometheus.io/path":"/m"}"#

    @Test(
        "Where a pod's page is: the configuration before the annotations, the annotations before /metrics",
        arguments: [
            (PodPages(port: .number(9_500)), "{}", "http://10.244.1.17:9500/metrics"),
            (PodPages(port: .named("metrics")), "{}", "http://10.244.1.17:9400/metrics"),
            (PodPages(), usual, "http://10.244.1.17:9100/m"),
            (PodPages(port: .named("metrics")), usual, "http://10.244.1.17:9400/m"),
            (PodPages(path: "/own?x=1"), usual, "http://10.244.1.17:9100/own?x=1"),
            (PodPages(), #"{"prometheus.io/port":"9100","prometheus.io/path":"m"}"#, "http://10.244.1.17:9100/m"),
            (PodPages(), "{}", nil), (PodPages(port: .named("other")), usual, nil),
            (PodPages(port: .number(1)), #"{"prometheus.io/scrape":"false"}"#, nil),
            (PodPages(), #"{"prometheus.io/port":"http"}"#, nil), (PodPages(), #"{"prometheus.io/port":"0"}"#, nil),
            (PodPages(), #"{"prometheus.io/port":"65536"}"#, nil), (PodPages(), #"{"prometheus.io/port":9100}"#, nil),
            (PodPages(port: .number(1)), #"{"prometheus.io/path":"/a b"}"#, nil),
            (PodPages(port: .number(1)), #"{"prometheus.io/path":"/a\r\nHost: x"}"#, nil),
        ] as [(PodPages, String, String?)])
    func pages(_ pages: PodPages, _ annotations: String, _ url: String?) throws {
        let pod = try pod(PodFixture.pod(annotations: annotations))
        let found = try? pages.url(of: pod).get()
        #expect(found == url)
    }

    @Test("IPv6 addresses stand in brackets; a pod without an address has no page")
    func brackets() throws {
        let pages = PodPages(port: .number(9_400))
        let six = try pod(PodFixture.pod(status: PodFixture.running(address: "fd00::1f")))
        #expect(pages.url(of: six) == .success("http://[fd00::1f]:9400/metrics"))
        let none = try pod(PodFixture.pod(status: PodFixture.unscheduled))
        #expect(pages.url(of: none) == .failure(.noAddress))
    }

    @Test("Names of ports and paths that can be configured")
    func words() {
        for name in ["metrics", "http-metrics", "9a", "m"] { #expect(PodPages.isPortName(name), "\(name)") }
        for name in ["", "-a", "a-", "a--b", "Metrics", "9400", "sixteen-letters-", "a.b", "metrics port"] {
            #expect(!PodPages.isPortName(name), "\(name)")
        }
        for path in ["/", "/metrics", "/a/b.c?name[]=x&y=%20".replacing("[]", with: "")] {
            #expect(PodPages.isPath(path), "\(path)")
        }
        for path in ["", "metrics", "/a b", "/a#b", "/ä", "/" + String(repeating: "a", count: 1_024)] {
            #expect(!PodPages.isPath(path), "\(path)")
        }
    }
}
