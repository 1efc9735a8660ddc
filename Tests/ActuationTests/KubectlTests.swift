import Actuation
import Foundation
import TestKubernetes
import Testing

/// The fake API server in front of the real kubectl: what kubectl takes for a cluster, our client may too.
@Suite(
    "The fake API server and the real kubectl",
    .enabled(if: Programs.has("kubectl"), "kubectl is missing: apt-get install kubernetes-client"))
struct KubectlTests {
    func withKubectl(
        _ body: (
            FakeKubernetes, @escaping @Sendable ([String]) async throws -> (status: Int32, output: String)
        ) async throws -> Void
    ) async throws {
        try await Programs.withFolder { folder in
            let fake = FakeKubernetes()
            let url = try await fake.start()
            fake.addDeployment("risk", replicas: 3)
            let program = Programs.path("kubectl") ?? "kubectl"
            do {
                try await body(fake) { words in
                    try await Programs.run(
                        [
                            program, "--kubeconfig=/dev/null", "--cache-dir=\(folder)/cache", "--server=\(url)", "-n",
                            "trading",
                        ]
                            + words, in: folder)
                }
            } catch {
                await fake.stop()
                throw error
            }
            await fake.stop()
        }
    }

    @Test("get reads deployments, their scale, leases and HPAs")
    func get() async throws {
        try await withKubectl { fake, kubectl in
            let replicas = try await kubectl(["get", "deployment", "risk", "-o", "jsonpath={.spec.replicas}"])
            #expect(replicas.status == 0 && replicas.output.hasSuffix("3"), "\(replicas.output)")
            let raw = try await kubectl(["get", "--raw", "/apis/apps/v1/namespaces/trading/deployments/risk/scale"])
            #expect(raw.output.contains("\"kind\":\"Scale\"") && raw.output.contains("\"selector\":\"app=risk\""))
            fake.addAutoscaler("other", target: "matching")
            let autoscalers = try await kubectl([
                "get", "horizontalpodautoscalers.v1.autoscaling", "-o",
                "jsonpath={.items[*].spec.scaleTargetRef.name}",
            ])
            #expect(autoscalers.status == 0 && autoscalers.output.hasSuffix("matching"), "\(autoscalers.output)")
            try await Self.hold(fake)
            let holder = try await kubectl(["get", "lease", "autoscaler", "-o", "jsonpath={.spec.holderIdentity}"])
            #expect(holder.status == 0 && holder.output.hasSuffix("a_1"), "\(holder.output)")
            let nope = try await kubectl(["get", "deployment", "nope"])
            #expect(nope.status == 1 && nope.output.contains("(NotFound)"), "\(nope.output)")
        }
    }

    /// Takes the lease `autoscaler` as `a_1`, by our client.
    static func hold(_ fake: FakeKubernetes) async throws {
        let surroundings = TestSurroundings()
        try await withCaller { transport in
            let client = try KubernetesClient(
                KubernetesConfiguration(server: fake.url, namespace: "trading"), transport: transport,
                now: TestSurroundings.now)
            let keeper = LeaseKeeper(
                LeaseElection(identity: "a_1"), store: try KubernetesLease(client, name: "autoscaler"),
                surroundings: LeaseKeeper.Surroundings(
                    now: TestSurroundings.now, wall: TestSurroundings.wall, sleep: surroundings.sleep, chance: { 0 }),
                metrics: surroundings.metrics, warnings: surroundings.warnings)
            await keeper.round()
            #expect(keeper.epoch == 0)
        }
    }

    @Test("scale changes replicas, with a precondition too; our client sees it and conflicts")
    func scale() async throws {
        try await withKubectl { fake, kubectl in
            let done = try await kubectl(["scale", "deployment/risk", "--replicas=5"])
            #expect(done.status == 0 && done.output.contains("deployment.apps/risk scaled"), "\(done.output)")
            #expect(fake.replicas("risk") == 5)
            let met = try await kubectl(["scale", "deployment/risk", "--current-replicas=5", "--replicas=0"])
            #expect(met.status == 0 && fake.replicas("risk") == 0, "\(met.output)")
            let unmet = try await kubectl(["scale", "deployment/risk", "--current-replicas=7", "--replicas=2"])
            #expect(unmet.status != 0 && fake.replicas("risk") == 0, "\(unmet.output)")
        }
    }

    @Test("patch changes replicas; one with an old resourceVersion is the conflict that kubectl knows")
    func patch() async throws {
        try await withKubectl { fake, kubectl in
            let version = try await kubectl([
                "get", "deployment", "risk", "-o", "jsonpath={.metadata.resourceVersion}",
            ]).output
            let done = try await kubectl([
                "patch", "deployment", "risk", "--type=merge", "-p", "{\"spec\":{\"replicas\":4}}",
            ])
            #expect(done.status == 0 && fake.replicas("risk") == 4, "\(done.output)")
            let word = version.split(whereSeparator: \.isWhitespace).last ?? ""
            let late = try await kubectl([
                "patch", "deployment", "risk", "--type=merge", "-p",
                "{\"metadata\":{\"resourceVersion\":\"\(word)\"},\"spec\":{\"replicas\":9}}",
            ])
            #expect(late.status == 1 && late.output.contains("the object has been modified"), "\(late.output)")
            #expect(fake.replicas("risk") == 4)
            let dry = try await kubectl([
                "patch", "deployment", "risk", "--type=merge", "--dry-run=server", "-p", "{\"spec\":{\"replicas\":8}}",
            ])
            #expect(dry.status != 0 || fake.replicas("risk") == 4, "\(dry.output)")
        }
    }

    @Test("A watch sees a change made meanwhile, one object a line")
    func watch() async throws {
        try await withKubectl { fake, kubectl in
            async let watched = kubectl([
                "get", "--raw", "/apis/apps/v1/namespaces/trading/deployments?watch=1&timeoutSeconds=2",
            ])
            #expect(await eventually { fake.watches == 1 })
            fake.setReplicas("risk", 6)
            let lines = try await watched.output.split(separator: "\n")
            #expect(lines.first?.contains("\"type\":\"ADDED\"") == true, "\(lines)")
            #expect(lines.contains { $0.contains("\"type\":\"MODIFIED\"") && $0.contains("\"replicas\":6") })
        }
    }

    @Test("A role without the verb is Forbidden to kubectl; with resourceNames other objects are")
    func forbidden() async throws {
        try await withKubectl { fake, kubectl in
            fake.addDeployment("matching", replicas: 1)
            fake.allow([
                FakeKubernetes.Rule(groups: ["apps"], resources: ["deployments"], verbs: ["get"]),
                FakeKubernetes.Rule(
                    groups: ["apps"], resources: ["deployments/scale"], names: ["risk"],
                    verbs: ["get", "patch", "update"]),
            ])
            #expect(try await kubectl(["scale", "deployment/risk", "--replicas=2"]).status == 0)
            let other = try await kubectl(["scale", "deployment/matching", "--replicas=2"])
            #expect(other.status == 1 && other.output.contains("orbidden"), "\(other.output)")
            #expect(fake.replicas("risk") == 2 && fake.replicas("matching") == 1)
        }
    }

    @Test("get reads the pods of a label, in pages too, as our client does; what it deletes ends and is replaced")
    func pods() async throws {
        try await withKubectl { fake, kubectl in
            fake.addDeployment("matching", replicas: 2)
            fake.settle()
            let names = try await kubectl(["get", "pods", "-l", "app=risk", "-o", "name", "--chunk-size=2"])
            #expect(names.status == 0, "\(names.output)")
            let seen = names.output.split(separator: "\n").map(String.init)
            #expect(seen == fake.pods("risk").map { "pod/\($0)" } && seen.count == 3)
            let others = try await kubectl(["get", "po", "-l", "app notin (risk),!canary", "-o", "name"])
            #expect(others.output.split(separator: "\n").count == 2, "\(others.output)")
            let json = try await kubectl(["get", "pods", "-l", "app=risk", "-o", "json"])
            let pods = try #require(JSONTree(Array(json.output.utf8))?["items"].array).compactMap { Pod($0) }
            #expect(pods.map(\.name) == fake.pods("risk") && pods.allSatisfy { $0.state(at: 0) == .ready })
            let asked = try await kubectl(["delete", "pod", pods[0].name, "--wait=false"])
            #expect(asked.status == 0 && asked.output.contains("pod \"\(pods[0].name)\" deleted"), "\(asked.output)")
            let ending = try await kubectl(["get", "pod", pods[0].name, "-o", "json"])
            let ended = try #require(JSONTree(Array(ending.output.utf8)).flatMap { Pod($0) })
            #expect(ended.deadline == 1_795_287_237 && ended.state(at: 1_795_287_207) == .draining)
            fake.settle()
            #expect(fake.pods("risk").count == 3 && !fake.pods("risk").contains(pods[0].name))
            let forced = try await kubectl(["delete", "pod", pods[1].name, "--grace-period=0", "--force"])
            #expect(forced.status == 0 && !fake.pods("risk").contains(pods[1].name), "\(forced.output)")
            let nope = try await kubectl(["delete", "pod", "nope"])
            #expect(nope.status == 1 && nope.output.contains("pods \"nope\" not found"), "\(nope.output)")
        }
    }

    @Test("A role without pods is Forbidden to kubectl as to our client")
    func forbiddenPods() async throws {
        try await withKubectl { fake, kubectl in
            fake.allow([FakeKubernetes.Rule(groups: ["apps"], resources: ["pods"], verbs: ["get", "list"])])
            let refused = try await kubectl(["get", "pods", "-l", "app=risk"])
            #expect(refused.status == 1 && refused.output.contains("pods is forbidden"), "\(refused.output)")
            fake.allow([FakeKubernetes.Rule(groups: [""], resources: ["pods"], verbs: ["list"])])
            #expect(try await kubectl(["get", "pods", "-l", "app=risk"]).status == 0)
        }
    }
}
