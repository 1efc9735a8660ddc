import Actuation
import Foundation
import TestKubernetes
import Testing
import Yams

/// What `config/kubernetes` ships, held against what the sidecar does.
@Suite("Manifests of Kubernetes")
struct ManifestTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("config")

    static func documents(_ path: String) throws -> [[String: Any]] {
        let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
        return try Yams.load_all(yaml: text).map { try #require($0 as? [String: Any], "\(path)") }
    }

    static func document(_ path: String, _ kind: String) throws -> [String: Any] {
        try #require(try documents(path).first { $0["kind"] as? String == kind }, "\(kind) in \(path)")
    }

    /// The value at a path of keys and indices such as `spec.template.spec.containers.0.name`.
    static func value(_ tree: Any, _ path: String) -> Any? {
        path.split(separator: ".").reduce(tree as Any?) { tree, key in
            if let index = Int(key) { return (tree as? [Any]).flatMap { $0.indices.contains(index) ? $0[index] : nil } }
            return (tree as? [String: Any])?[String(key)]
        }
    }

    static func rules() throws -> [FakeKubernetes.Rule] {
        let list = try #require(try document("kubernetes/rbac.yaml", "Role")["rules"] as? [[String: Any]])
        return try list.map { rule in
            FakeKubernetes.Rule(
                groups: try #require(rule["apiGroups"] as? [String]),
                resources: try #require(rule["resources"] as? [String]),
                names: rule["resourceNames"] as? [String] ?? [], verbs: try #require(rule["verbs"] as? [String]))
        }
    }

    @Test("The role has no wildcard, no delete, and changes only objects that it names")
    func role() throws {
        let rules = try Self.rules()
        let verbs: Set = ["get", "list", "patch", "update", "create"]
        for rule in rules {
            #expect(verbs.isSuperset(of: rule.verbs), "\(rule)")
            #expect(!(rule.groups + rule.resources + rule.names).contains("*"), "\(rule)")
            #expect(!rule.resources.contains("pods") || rule.verbs == ["list"] && rule.resources == ["pods"])
            let changes = rule.verbs.contains("patch") || rule.verbs.contains("update")
            #expect(!changes || !rule.names.isEmpty, "\(rule)")
            #expect(
                !rule.resources.contains("secrets") && !rule.resources.contains("deployments") || rule.verbs == ["get"])
        }
        let kinds = try Self.documents("kubernetes/rbac.yaml").compactMap { $0["kind"] as? String }
        #expect(kinds == ["ServiceAccount", "Role", "RoleBinding"], "nothing for the whole cluster")
    }

    @Test("The role is enough for all that is done, and for no other object")
    func roleIsEnough() async throws {
        let rules = try Self.rules()
        let lease = try Self.lease()
        try await Cluster.with { cluster in
            cluster.fake.addDeployment("other", replicas: 1)
            cluster.fake.allow(rules)
            let actuator = try cluster.actuator()
            let order = ReplicaOrder(service: "risk", replicas: 6, decision: "d", epoch: 0)
            #expect(try await actuator.apply(order).result == .changed)
            cluster.fake.settle()
            let state = try await actuator.observe()["risk"]
            #expect(state?.desired == 6 && state?.ready == 6)
            #expect(cluster.surroundings.metric("autoscaler_observation_failures_total") == nil)
            #expect(cluster.surroundings.metric("autoscaler_pod_list_age_seconds").map { $0 < 60 } == true)
            cluster.fake.intercept { $0.path.hasSuffix("/pods") ? FakeKubernetes.failure(500, "Failure", "no") : nil }
            #expect(try await actuator.observe()["risk"]?.ready == 6, "and by the deployment's status")
            cluster.fake.intercept(nil)
            #expect(cluster.fake.events == ["SuccessfulRescale 3 -> 6 replicas, decision d"])
            let keeper = LeaseKeeper(
                LeaseElection(identity: "a_1"), store: try KubernetesLease(cluster.client, name: lease),
                surroundings: LeaseKeeper.Surroundings(
                    now: TestSurroundings.now, wall: TestSurroundings.wall, sleep: cluster.surroundings.sleep,
                    chance: { 0 }),
                metrics: cluster.surroundings.metrics, warnings: cluster.surroundings.warnings)
            await keeper.round()
            await keeper.round()
            #expect(keeper.epoch == 0 && cluster.surroundings.metric("autoscaler_lease_failures_total") == 0)
            #expect(
                await fault { _ = try await cluster.client.scale(of: ScaleTarget(.deployment, "other")) }?.code
                    == .forbidden)
            let foreign = try KubernetesLease(cluster.client, name: "other")
            #expect(await fault { _ = try await foreign.read() }?.code == .forbidden)
        }
    }

    /// The one lease that the role names.
    static func lease() throws -> String {
        let names = try rules().filter { $0.resources == ["leases"] && !$0.names.isEmpty }.flatMap(\.names)
        #expect(names.count == 1)
        return try #require(names.first)
    }

    @Test("The binding joins the role and the account that the deployment runs as")
    func binding() throws {
        let binding = try Self.document("kubernetes/rbac.yaml", "RoleBinding")
        let deployment = try Self.document("kubernetes/deployment.yaml", "Deployment")
        let account = Self.value(deployment, "spec.template.spec.serviceAccountName") as? String
        #expect(Self.value(binding, "subjects.0.name") as? String == account && account != nil)
        #expect(Self.value(binding, "roleRef.kind") as? String == "Role")
        let role = try Self.document("kubernetes/rbac.yaml", "Role")
        #expect(Self.value(binding, "roleRef.name") as? String == Self.value(role, "metadata.name") as? String)
        for path in ["kubernetes/rbac.yaml", "kubernetes/deployment.yaml", "kubernetes/scaledobject.yaml"] {
            for document in try Self.documents(path) {
                #expect(Self.value(document, "metadata.namespace") as? String == "trading", "\(path)")
            }
        }
    }

    @Test("The pod runs without privileges and is probed at paths that the server answers")
    func deployment() throws {
        let deployment = try Self.document("kubernetes/deployment.yaml", "Deployment")
        let container = try #require(Self.value(deployment, "spec.template.spec.containers.0"))
        #expect(Self.value(container, "securityContext.allowPrivilegeEscalation") as? Bool == false)
        #expect(Self.value(container, "securityContext.readOnlyRootFilesystem") as? Bool == true)
        #expect(Self.value(container, "securityContext.capabilities.drop.0") as? String == "ALL")
        #expect(Self.value(deployment, "spec.template.spec.securityContext.runAsNonRoot") as? Bool == true)
        #expect(Self.value(container, "livenessProbe.httpGet.path") as? String == "/healthz")
        #expect(Self.value(container, "readinessProbe.httpGet.path") as? String == "/readyz")
        let budget = try Self.document("kubernetes/deployment.yaml", "PodDisruptionBudget")
        let labels = Self.value(deployment, "spec.template.metadata.labels") as? [String: String]
        #expect(Self.value(budget, "spec.selector.matchLabels") as? [String: String] == labels && labels != nil)
        #expect(Self.value(deployment, "spec.selector.matchLabels") as? [String: String] == labels)
        let service = try Self.document("kubernetes/deployment.yaml", "Service")
        #expect(Self.value(service, "spec.selector") as? [String: String] == labels)
        let replicas = try #require(Self.value(deployment, "spec.replicas") as? Int)
        #expect(replicas >= 2 && Self.value(budget, "spec.minAvailable") as? Int == 1)
        #expect(Self.value(deployment, "spec.strategy.rollingUpdate.maxSurge") as? Int == 0)
    }

    @Test("The NetworkPolicy that is written down lets the sidecar's pods in, to a port by its name")
    func networkPolicy() throws {
        let text = try String(contentsOf: Self.root.appendingPathComponent("kubernetes/README.md"), encoding: .utf8)
        let blocks = text.components(separatedBy: "```yaml\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
        let documents = try blocks.compactMap { try Yams.load(yaml: $0) as? [String: Any] }
        let policy = try #require(documents.first { $0["kind"] as? String == "NetworkPolicy" })
        let labels = Self.value(policy, "spec.ingress.0.from.0.podSelector.matchLabels") as? [String: String]
        let deployment = try Self.document("kubernetes/deployment.yaml", "Deployment")
        #expect(labels == Self.value(deployment, "spec.template.metadata.labels") as? [String: String] && labels != nil)
        #expect(PodPages.isPortName(Self.value(policy, "spec.ingress.0.ports.0.port") as? String ?? ""))
    }

    @Test("The ScaledObject avoids the traps: metrics-api, target 1, at most 10 replicas, a fallback, no second filter")
    func scaledObject() throws {
        let object = try Self.document("kubernetes/scaledobject.yaml", "ScaledObject")
        let triggers = try #require(Self.value(object, "spec.triggers") as? [[String: Any]])
        #expect(triggers.count == 1 && triggers[0]["type"] as? String == "metrics-api")
        #expect(triggers[0]["metricType"] as? String == "AverageValue")
        let target = Self.value(object, "spec.scaleTargetRef.name") as? String ?? "?"
        let url = Self.value(triggers[0], "metadata.url") as? String ?? ""
        #expect(
            url.hasSuffix("/v1/desired-replicas/\(target)") && url.contains("springtide-autoscaler.trading.svc:9400"))
        #expect(Self.value(triggers[0], "metadata.valueLocation") as? String == "value")
        #expect(Self.value(triggers[0], "metadata.targetValue") as? String == "1")
        let (least, most) = (
            try #require(Self.value(object, "spec.minReplicaCount") as? Int),
            try #require(Self.value(object, "spec.maxReplicaCount") as? Int)
        )
        let fallback = try #require(Self.value(object, "spec.fallback.replicas") as? Int)
        #expect(least >= 1 && most <= 10 && (least...most).contains(fallback))
        let behavior = "spec.advanced.horizontalPodAutoscalerConfig.behavior"
        #expect(Self.value(object, "\(behavior).scaleDown.stabilizationWindowSeconds") as? Int == 0)
    }

    /// Metrics of this module, and four of the sidecar program.
    static let known: Set = [
        "autoscaler_leader", "autoscaler_metric_age_seconds", "autoscaler_scrape_failures_total",
        "autoscaler_actuation_conflicts_total", "autoscaler_actuation_retries_total", "autoscaler_pod_list_age_seconds",
        "autoscaler_desired_replicas", "autoscaler_ladder_level", "autoscaler_actuations_total",
        "autoscaler_journal_failures",
    ]

    static func names(_ expression: String) -> [String] {
        expression.split { !($0.isLetter || $0 == "_") }.map(String.init).filter { $0.hasPrefix("autoscaler_") }
    }

    @Test("The dashboard is JSON and its panels name metrics that are exported")
    func dashboard() throws {
        let data = try Data(contentsOf: Self.root.appendingPathComponent("prometheus/grafana.json"))
        let board = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let panels = try #require(board["panels"] as? [[String: Any]])
        #expect(panels.count >= 4 && Set(panels.compactMap { $0["id"] as? Int }).count == panels.count)
        for panel in panels {
            for target in panel["targets"] as? [[String: Any]] ?? [] {
                let names = Self.names(target["expr"] as? String ?? "")
                #expect(!names.isEmpty && Self.known.isSuperset(of: names), "\(target)")
            }
        }
    }

    @Test("Alerts name metrics that are exported")
    func alerts() throws {
        let document = try Self.document("prometheus/rules.yaml", "PrometheusRule")
        let rules = try #require(Self.value(document, "spec.groups.0.rules") as? [[String: Any]])
        for rule in rules {
            let expression = rule["expr"] as? String ?? ""
            let names = Self.names(expression)
            #expect(!names.isEmpty && Self.known.isSuperset(of: names), "\(expression)")
            #expect(rule["alert"] is String && Self.value(rule, "annotations.summary") is String)
        }
    }

    @Test(
        "promtool takes the rules",
        .enabled(if: Programs.has("promtool"), "promtool is missing: apt-get install prometheus"))
    func promtool() async throws {
        let document = try Self.document("prometheus/rules.yaml", "PrometheusRule")
        let spec = try Yams.dump(object: document["spec"])
        try await Programs.withFolder { folder in
            try spec.write(toFile: "\(folder)/rules.yml", atomically: true, encoding: .utf8)
            let result = try await Programs.run(
                [Programs.path("promtool") ?? "promtool", "check", "rules", "\(folder)/rules.yml"], in: folder)
            #expect(result.status == 0 && result.output.contains("8 rules found"), "\(result.output)")
        }
    }
}
