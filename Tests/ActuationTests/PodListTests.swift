import Actuation
import Synchronization
import TestKubernetes
import Testing

@Suite("Lists of pods")
struct PodListTests {
    /// Answers the list of pods in place of the cluster, by the number of the request.
    func pods(
        _ cluster: Cluster, _ answer: @escaping @Sendable (_ number: Int, FakeRequest) -> FakeReply?
    ) {
        let count = Mutex(0)
        cluster.fake.intercept { request in
            guard request.path.hasSuffix("/pods") else { return nil }
            return answer(
                count.withLock { count in
                    count += 1
                    return count
                }, request)
        }
    }

    @Test("Pages of 100, those selected only, all of them once")
    func pages() async throws {
        try await Cluster.with(timeout: 60) { cluster in
            cluster.fake.addDeployment("matching", replicas: 7)
            cluster.fake.setReplicas("risk", 250)
            cluster.fake.settle()
            _ = cluster.fake.takeRequests()
            let found = try await cluster.client.pods("app=risk")
            #expect(found.map(\.name) == cluster.fake.pods("risk") && found.count == 250)
            #expect(found.allSatisfy { $0.state(at: 0) == .ready && $0.address?.hasPrefix("10.0.") == true })
            #expect(cluster.fake.takeRequests().count == 3)
            #expect(try await cluster.client.pods("app in (matching, other),!canary,app!=risk").count == 7)
            #expect(try await cluster.client.pods("app notin (risk)").count == 7)
            #expect(try await cluster.client.pods("app=nobody").isEmpty)
            #expect(await fault { _ = try await cluster.client.pods("") }?.code == .invalid)
        }
    }

    @Test("A continuation that has expired begins the list anew, once")
    func expired() async throws {
        try await Cluster.with { cluster in
            cluster.fake.setReplicas("risk", 150)
            cluster.fake.settle()
            pods(cluster) { number, _ in
                if number == 2 { cluster.fake.expireContinuations() }
                return nil
            }
            let whole = try await cluster.client.pods("app=risk")
            #expect(whole.count == 150)
            pods(cluster) { number, _ in
                if number % 2 == 0 { cluster.fake.expireContinuations() }
                return nil
            }
            _ = cluster.fake.takeRequests()
            let given = await fault { _ = try await cluster.client.pods("app=risk") }
            #expect(given?.code == .expired && given?.description.contains("410: The provided continue") == true)
            #expect(cluster.fake.takeRequests().count == 4)
        }
    }

    static func page(_ names: [String], version: String = "9", next: String = "") -> String {
        let items = names.map { PodFixture.pod(name: $0) }.joined(separator: ",")
        let more = next.isEmpty ? "" : ",\"continue\":\"\(next)\",\"remainingItemCount\":1"
        return #"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"\#(version)"\#(more)},"#
            + "\"items\":[\(items)]}"
    }

    @Test("A page of another version than the first begins the list anew; pages without end are too many")
    func otherVersion() async throws {
        try await Cluster.with { cluster in
            pods(cluster) { number, request in
                let isFirst = request.query["continue"] == nil
                return .answer(
                    status: 200,
                    body: Self.page(
                        [isFirst ? "a" : "b"], version: number == 2 ? "10" : "9", next: isFirst ? "x+/=" : ""))
            }
            let found = try await cluster.client.pods("app=risk")
            #expect(found.map(\.name) == ["a", "b"])
            #expect(cluster.fake.takeRequests().count == 4)
            pods(cluster) { _, _ in .answer(status: 200, body: Self.page(["a"], next: "again")) }
            #expect(await fault { _ = try await cluster.client.pods("app=risk") }?.code == .tooLarge)
            #expect(cluster.fake.takeRequests().count == 20)
        }
    }

    @Test(
        "What is no list of pods is a fault, never an empty list",
        arguments: [
            ("", ActuationFault.Code.unreadable), ("<html>login</html>", .unreadable), ("[]", .unreadable),
            ("{}", .unreadable), (#"{"kind":"PodList"}"#, .unreadable),
            (#"{"kind":"PodList","items":null}"#, .unreadable),
            (#"{"kind":"Status","items":[]}"#, .unreadable),
            (#"{"kind":"PodList","items":[{"metadata":{}}]}"#, .unreadable),
            (String(page(["a", "b"]).dropLast(40)), .unreadable),
        ])
    func noList(_ body: String, _ code: ActuationFault.Code) async throws {
        try await Cluster.with { cluster in
            pods(cluster) { _, _ in .answer(status: 200, body: body) }
            #expect(await fault { _ = try await cluster.client.pods("app=risk") }?.code == code)
        }
    }

    @Test("Statuses, a giant answer, one that breaks off and one that never comes are faults of their kinds")
    func faults() async throws {
        try await Cluster.with(timeout: 2) { cluster in
            let giant = String(repeating: " ", count: 5 << 20)
            let replies: [(FakeReply, ActuationFault.Code)] = [
                (FakeKubernetes.failure(403, "Forbidden", "pods is forbidden"), .forbidden),
                (FakeKubernetes.failure(500, "InternalError", "etcd is away"), .unavailable),
                (.answer(status: 302, fields: ["Location": "/"], body: ""), .redirected),
                (.truncated(type: "application/json", body: #"{"kind":"PodList","items":["#), .unreachable),
                (.answer(status: 200, body: giant), .tooLarge), (.raw("SSH-2.0\r\n"), .unreachable), (.hang, .timeout),
            ]
            for (reply, code) in replies {
                pods(cluster) { _, _ in reply }
                #expect(await fault { _ = try await cluster.client.pods("app=risk") }?.code == code)
            }
            pods(cluster) { _, _ in .answer(status: 429, fields: ["Retry-After": "7"], body: "{}") }
            let throttled = await fault { _ = try await cluster.client.pods("app=risk") }
            #expect(throttled?.code == .throttled && throttled?.retryAfter == 7)
        }
    }

    @Test("All pages together have the time of one call")
    func slowPages() async throws {
        try await Cluster.with(timeout: 1) { cluster in
            pods(cluster) { _, _ in
                .late(seconds: 0.3, .answer(status: 200, body: Self.page(["a"], next: "again")))
            }
            #expect(await fault { _ = try await cluster.client.pods("app=risk") }?.code == .timeout)
            #expect(cluster.fake.takeRequests().count <= 4)
        }
    }
}
