internal import CacheStack
internal import Telemetry

/// Carries out what `ClusterState` decides.
extension Engine {
    /// MOVED: the slot's new owner from now on.
    func moved(_ slot: UInt16, to address: RedisAddress) -> NodeConnection? {
        hasTimerChange = true
        guard let index = cluster?.moved(slot: slot, to: address) else { return nil }
        if let cluster { shared.slotWatch.publish(cluster) }
        return connectedNode(index)
    }

    /// The node of an address, known from now on; nil at the cap.
    func knownNode(_ address: RedisAddress) -> NodeConnection? {
        guard let index = cluster?.index(of: address) else { return nil }
        return connectedNode(index)
    }

    /// Lets the cluster state ask or end a round, where one is due.
    func pollTopology() {
        let isHealthy = { [nodes] (index: Int) in
            nodes.indices.contains(index) && nodes[index].phase == .ready && nodes[index].breaker.admits
        }
        let actions = cluster?.poll(now: now, isHealthy: isHealthy) ?? []
        perform(actions)
    }

    /// A node's answer to CLUSTER SLOTS.
    func takeTopology(_ reply: borrowing ReplyStore, round: UInt32, from node: NodeConnection) {
        guard reply.nodes[0].kind == .array, let view = ClusterView(copy reply, from: node.address) else {
            return topologyFailed(round: round, node)
        }
        let before = cluster?.refreshes
        let actions = cluster?.answered(view, round: round, from: node.index) ?? []
        if cluster?.refreshes != before { metrics.refreshes.increment() }
        hasTimerChange = true
        perform(actions)
    }

    /// A node gave no usable view.
    func topologyFailed(round: UInt32, _ node: NodeConnection) {
        let actions = cluster?.failed(round: round, from: node.index) ?? []
        hasTimerChange = true
        perform(actions)
    }

    private func perform(_ actions: [ClusterState.Action]) {
        // A view that was believed names its primaries.
        let isAdopted = actions.contains { if case .connect = $0 { true } else { false } }
        if isAdopted, let cluster { shared.slotWatch.publish(cluster) }
        defer { if isAdopted { adoptReplicas() } }
        for action in actions {
            switch action {
            case .ask(let index, let round): askTopology(connectedNode(index), round)
            case .connect(let index): _ = connectedNode(index)
            case .retire(let index): retire(index)
            }
        }
    }

    private static let question = CommandEncoder.command("CLUSTER", "SLOTS")

    private func askTopology(_ node: NodeConnection, _ round: UInt32) {
        guard node.refusal(bytes: Self.question.count) == nil else { return topologyFailed(round: round, node) }
        node.append(InFlight(kind: .topology, index: round), Self.question[...])
        node.expectInternal(by: now + configuration.connectTimeout)
        markDirty(node)
    }

    /// The connection of a node's index, made where there is none yet.
    private func connectedNode(_ index: Int) -> NodeConnection {
        while let known = cluster?.nodes, nodes.count < known.count { addNode(known[nodes.count]) }
        let node = nodes[index]
        if node.isRetired {
            node.isRetired = false
            publishState(of: node)
        }
        connectIfDue(node)
        return node
    }

    private func retire(_ index: Int) {
        guard nodes.indices.contains(index) else { return }
        let node = nodes[index]
        node.isRetired = true
        if node.inFlight.isEmpty { _ = node.disconnect() }
        publishState(of: node)
    }
}
