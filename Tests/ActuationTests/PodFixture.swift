/// Pods as an API server writes the items of a PodList: without kind, with managed fields, in Go's order of fields.
enum PodFixture {
    /// One pod of a ReplicaSet; each part can be replaced by text of one's own.
    static func pod(
        name: String = "risk-7d4b9c6f5d-x2x7k", metadata: String = "", annotations: String = "{}",
        spec: String = containers(
            """
            {"name":"risk","image":"risk:1","ports":[{"name":"metrics","containerPort":9400,"protocol":"TCP"}],
            "resources":{},"volumeMounts":[{"name":"kube-api-access-9wq4z","readOnly":true,
            "mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}],"terminationMessagePath":"/dev/termination-log",
            "terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}
            """),
        status: String = running(address: "10.244.1.17")
    ) -> String {
        """
        {"metadata":{"name":"\(name)","generateName":"risk-7d4b9c6f5d-","namespace":"trading",
        "uid":"5b0b9ad4-0c1a-4c0e-a6f7-0d4f63a2f1a9","resourceVersion":"812",
        "creationTimestamp":"2026-11-21T18:55:02Z",\(metadata)
        "labels":{"app":"risk","pod-template-hash":"7d4b9c6f5d"},"annotations":\(annotations),
        "ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"risk-7d4b9c6f5d",
        "uid":"9a1e2f6c-58c5-4a55-8b8e-8e6a39f5a0f1","controller":true,"blockOwnerDeletion":true}],
        "managedFields":[{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1",
        "time":"2026-11-21T18:55:02Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:generateName":{},
        "f:labels":{".":{},"f:app":{}}},"f:spec":{"f:containers":{"k:{\\"name\\":\\"risk\\"}":{".":{}}}}}}]},
        "spec":\(spec),"status":\(status)}
        """
    }

    static func containers(_ list: String, more: String = "") -> String {
        """
        {\(more)"containers":[\(list)],"restartPolicy":"Always","terminationGracePeriodSeconds":30,
        "dnsPolicy":"ClusterFirst","serviceAccountName":"default","nodeName":"node-1","securityContext":{},
        "schedulerName":"default-scheduler","priority":0,"enableServiceLinks":true}
        """
    }

    static func running(address: String, more: String = "", ready: String = "True", phase: String = "Running") -> String
    {
        """
        {"phase":"\(phase)","conditions":[{"type":"Initialized","status":"True","lastProbeTime":null,
        "lastTransitionTime":"2026-11-21T18:55:02Z"},{"type":"Ready","status":"\(ready)","lastProbeTime":null,
        "lastTransitionTime":"2026-11-21T18:55:09Z"},{"type":"ContainersReady","status":"\(ready)",
        "lastProbeTime":null,"lastTransitionTime":"2026-11-21T18:55:09Z"},{"type":"PodScheduled","status":"True",
        "lastProbeTime":null,"lastTransitionTime":"2026-11-21T18:55:02Z"}],"hostIP":"192.168.1.5",
        "podIP":"\(address)","podIPs":[{"ip":"\(address)"}\(more)],"startTime":"2026-11-21T18:55:02Z",
        "containerStatuses":[{"name":"risk","state":{"running":{"startedAt":"2026-11-21T18:55:04Z"}},"lastState":{},
        "ready":true,"restartCount":0,"image":"risk:1","imageID":"","started":true}],"qosClass":"BestEffort"}
        """
    }

    static let unscheduled = """
        {"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","lastProbeTime":null,
        "lastTransitionTime":"2026-11-21T18:55:02Z","reason":"Unschedulable",
        "message":"0/3 nodes are available: 3 Insufficient cpu."}],"qosClass":"Burstable"}
        """
    static let evicted = """
        {"phase":"Failed","message":"The node was low on resource: memory.","reason":"Evicted",
        "startTime":"2026-11-21T18:55:02Z"}
        """
}
