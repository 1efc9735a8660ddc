/// The documents that kubectl reads before it asks for objects.
enum FakeDiscovery {
    static func document(_ path: String) -> String? {
        switch path {
        case "/version", "/version/":
            #"{"major":"1","minor":"20","gitVersion":"v1.20.2","gitCommit":"","gitTreeState":"archive","buildDate":"","#
                + #""goVersion":"","compiler":"gc","platform":"linux/amd64"}"#
        case "/healthz", "/readyz", "/livez": "ok"
        case "/api": #"{"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":[]}"#
        case "/api/v1": list("v1", [resource("pods", "Pod", ["delete", "get", "list", "watch"], "po")])
        case "/apis":
            #"{"kind":"APIGroupList","apiVersion":"v1","groups":["# + groups.map(group).joined(separator: ",") + "]}"
        case "/apis/apps/v1":
            list(
                "apps/v1",
                [
                    resource(
                        "deployments", "Deployment", ["create", "get", "list", "patch", "update", "watch"], "deploy"),
                    resource(
                        "deployments/scale", "Scale", ["get", "patch", "update"], nil,
                        #","group":"autoscaling","version":"v1""#),
                ])
        case "/apis/coordination.k8s.io/v1":
            list("coordination.k8s.io/v1", [resource("leases", "Lease", ["create", "get", "list", "update"], nil)])
        case "/apis/autoscaling/v1":
            list(
                "autoscaling/v1",
                [resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", ["get", "list"], "hpa")])
        case "/apis/events.k8s.io/v1":
            list("events.k8s.io/v1", [resource("events", "Event", ["create", "list"], "ev")])
        default: nil
        }
    }

    private static let groups = ["apps", "coordination.k8s.io", "autoscaling", "events.k8s.io"]

    private static func group(_ name: String) -> String {
        let version = #"{"groupVersion":"\#(name)/v1","version":"v1"}"#
        return #"{"name":"\#(name)","versions":[\#(version)],"preferredVersion":\#(version)}"#
    }

    private static func list(_ version: String, _ resources: [String]) -> String {
        #"{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"\#(version)","resources":["#
            + resources.joined(separator: ",") + "]}"
    }

    private static func resource(
        _ name: String, _ kind: String, _ verbs: [String], _ short: String?, _ more: String = ""
    ) -> String {
        let list = verbs.map { "\"\($0)\"" }.joined(separator: ",")
        let names = short.map { #","shortNames":["\#($0)"]"# } ?? ""
        return #"{"name":"\#(name)","singularName":"","namespaced":true,"kind":"\#(kind)","verbs":[\#(list)]"#
            + "\(names)\(more)}"
    }
}
