internal import CacheStack
internal import Telemetry

/// Reads that replicas may answer (`Configuration.replicaReads`).
///
/// A replica has a connection of its own in READONLY mode, also where the same server is known as a primary: a
/// primary that is demoted must go on refusing what only primaries may answer. A replica never makes a read fail: what
/// it refuses, and what it owes when its connection ends or is silent for `replicaTimeout`, is asked of the primary.
extension Engine {
    /// The tags of replicas' sockets begin here.
    static let replicaBase = 1 << 16

    /// The connection with that tag.
    func connection(_ tag: Int) -> NodeConnection? {
        if tag >= Self.replicaBase {
            let index = tag - Self.replicaBase
            return replicas.indices.contains(index) ? replicas[index] : nil
        }
        return nodes.indices.contains(tag) ? nodes[tag] : nil
    }

    /// Follows the replicas of a view that was believed.
    func adoptReplicas() {
        guard configuration.replicaReads, let cluster else { return }
        let actions = replicaSet.adopt(cluster.replicas.map { ($0.address, $0.primary) })
        while replicas.count < replicaSet.members.count {
            let node = NodeConnection(
                index: Self.replicaBase + replicas.count, address: replicaSet.members[replicas.count].address,
                configuration: configuration, connector: connector, isReplica: true)
            replicas.append(node)
        }
        for action in actions {
            switch action {
            case .connect(let index):
                replicas[index].isRetired = false
                connectIfDue(replicas[index])
            case .retire(let index):
                replicas[index].isRetired = true
                if replicas[index].inFlight.isEmpty { _ = replicas[index].disconnect() }
            }
        }
        for node in replicas { publishState(of: node) }
    }

    /// Queues a command at a replica of its slot's primary; false where none is fit to be asked.
    func dispatchToReplica(_ batch: CommandBatch, _ index: Int) -> Bool {
        guard let owner = cluster?.owner(of: batch.list.routes[index]),
            let member = replicaSet.member(for: owner, turn: replicaTurn)
        else { return false }
        let node = replicas[member]
        let range = batch.list.command(index)
        guard node.phase == .ready, !node.isRetired, node.refusal(bytes: range.count) == nil else { return false }
        node.append(InFlight(kind: .command, index: UInt32(index), batch: batch), batch.list.request[range])
        if node.replyDeadline == nil {
            let deadline = now + configuration.replicaTimeout
            node.replyDeadline = deadline
            if nextTimer.map({ deadline < $0 }) ?? true { nextTimer = deadline }
        }
        markDirty(node)
        metrics.replicaReads.increment()
        return true
    }

    /// Whether a batch may ask replicas: its caller allows it, and a silent one leaves time for the primary.
    func mayUseReplicas(_ batch: CommandBatch) -> Bool {
        batch.mayUseReplicas && !replicas.isEmpty && batch.deadline > now + configuration.replicaTimeout * 2
    }

    /// A replica has answered a command; the next answer has its time from here.
    func replicaAnswered(_ node: NodeConnection) {
        node.replyDeadline = node.inFlight.isEmpty ? nil : now + configuration.replicaTimeout
    }

    /// A replica has refused a command: MOVED, LOADING, MASTERDOWN or anything else.
    func replicaRefused(_ node: NodeConnection, _ batch: CommandBatch, _ item: InFlight) {
        suspendReplica(node)
        cluster?.wantRefresh()
        hasTimerChange = true
        fallBack(batch, item)
    }

    /// Asks the primary for what a replica did not answer.
    func fallBack(_ batch: CommandBatch, _ item: InFlight) {
        let index = Int(item.index)
        guard batch.isPending(index) else { return }
        guard batch.deadline > now + configuration.minimumBudget else {
            return fail(batch, index, TierError(.deadline, "Redis did not answer in time"))
        }
        metrics.replicaFallbacks.increment()
        dispatch(batch, index, to: route(batch.list.routes[index]), attempts: item.attempts + 1)
    }

    /// A replica is not used until a probe is good again.
    func suspendReplica(_ node: NodeConnection) {
        replicaSet.suspend(node.index - Self.replicaBase)
        publishState(of: node)
    }

    // MARK: Probes

    private static let probe = CommandEncoder.command("ROLE")

    /// Faults a replica that is silent, and probes one whose time has come.
    func runReplicaTimers(of node: NodeConnection) {
        if let deadline = node.replyDeadline, deadline <= now {
            return fault(node, node.lateness)
        }
        guard node.phase == .ready, !node.isRetired, let time = node.probeAt, time <= now,
            node.refusal(bytes: Self.probe.count) == nil
        else { return }
        node.append(InFlight(kind: .probe), Self.probe[...])
        node.probeSent = now
        // The next one follows this one's answer.
        node.probeAt = nil
        node.expectInternal(by: now + configuration.connectTimeout)
        markDirty(node)
    }

    /// Takes the answer to ROLE: `slave, host, port, state of the link, offset`. A user who may not ask for the role
    /// still learns the latency; a server that is no replica any more is no use as one.
    func takeProbe(_ reply: borrowing ReplyStore, from node: NodeConnection) {
        let latency = node.probeSent.map { now - $0 } ?? .zero
        node.probeSent = nil
        node.probeAt = now + configuration.replicaProbeInterval
        hasTimerChange = true
        var isLinked = false
        switch reply.nodes[0].kind {
        case .error:
            isLinked = ErrorReply(reply.text(0), from: node.address) == .notPermitted
        case .array where reply.nodes[0].count >= 4 && reply.nodes.count >= 5:
            isLinked = reply.string(1) == "slave" && reply.string(4) == "connected"
        default: break
        }
        if !isLinked { cluster?.wantRefresh() }
        replicaSet.probed(node.index - Self.replicaBase, latency: latency, isLinked: isLinked)
        publishState(of: node)
    }

    /// What callers may see of a replica.
    func replicaState(of node: NodeConnection) -> RedisTier.ReplicaState {
        let member = replicaSet.members[node.index - Self.replicaBase]
        let primary = member.primary.flatMap { nodes.indices.contains($0) ? nodes[$0].address : nil }
        return RedisTier.ReplicaState(
            address: node.address, primary: primary, isConnected: node.phase == .ready,
            isUsable: member.isServing && node.phase == .ready, latency: member.latency,
            lastFault: node.lastFault?.message)
    }
}
