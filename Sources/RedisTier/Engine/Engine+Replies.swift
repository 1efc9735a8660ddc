internal import CacheStack
internal import Telemetry

extension Engine {
    /// Takes the next reply of a node: of the handshake, of the topology, or of a command.
    func take(_ reply: borrowing ReplyStore, from node: NodeConnection) {
        guard let item = node.takeOldest() else {
            return fault(node, NodeFault(.protocolViolation, "answered unasked").at(node.address))
        }
        let isError = reply.nodes[0].kind == .error
        switch item.kind {
        case .command:
            guard let batch = item.batch else { return }
            node.breaker.answered()
            if node.isReplica {
                replicaAnswered(node)
                if isError { return replicaRefused(node, batch, item) }
            }
            if isError { return redirect(batch, item, reply, node) }
            guard batch.replyBytes + reply.bytes.count <= configuration.batchReplyBytesMax else {
                return fail(batch, Int(item.index), TierError(.overloaded, "a batch's replies are too large together"))
            }
            batch.answer(Int(item.index), reply)
            settle(batch)
        case .asking, .loadScript:
            // Where it failed, the command that needed it gets an error of its own.
            break
        case .authenticate, .name, .readOnly, .ping:
            if let problem = Connector.judge(item.kind, reply, from: node.address) {
                return fault(node, problem.at(node.address))
            }
            guard item.kind == .ping else { return }
            node.becomeReady()
            if node.isReplica { node.probeAt = now }
            publishState(of: node)
            hasTimerChange = true
        case .probe: takeProbe(reply, from: node)
        case .topology:
            takeTopology(reply, round: item.index, from: node)
        }
    }

    /// Takes what `bytes` from a node begin with, where that is whole bulk strings that answer commands: most of all
    /// that is ever received. Returns where they end.
    func takeBulks(_ bytes: UnsafeRawBufferPointer, from node: NodeConnection) -> Int {
        var start = 0
        while start < bytes.count, let run = node.oldest, run.kind == .command, let batch = run.batch {
            let (commands, end) = batch.answer(
                bulks: UnsafeRawBufferPointer(rebasing: bytes[start...]), first: Int(run.index), count: Int(run.count),
                bytesMax: node.bulkBytesMax, batchBytesMax: configuration.batchReplyBytesMax)
            guard commands > 0 else { break }
            start += end
            node.takeOldest(commands)
            node.breaker.answered()
            if node.isReplica { replicaAnswered(node) }
            settle(batch)
        }
        return start
    }

    private func redirect(
        _ batch: CommandBatch, _ item: InFlight, _ reply: borrowing ReplyStore, _ node: NodeConnection
    ) {
        let index = Int(item.index)
        guard Int(item.attempts) < configuration.redirectsMax else {
            return fail(batch, index, TierError(.unavailable, "gave up after \(item.attempts) redirects"))
        }
        let attempts = item.attempts + 1
        switch ErrorReply(reply.text(0), from: node.address) {
        case .moved(let slot, let address) where cluster != nil:
            metrics.moved.increment()
            dispatch(batch, index, to: moved(slot, to: address), attempts: attempts)
        case .ask(let address) where cluster != nil:
            metrics.asked.increment()
            dispatch(batch, index, to: knownNode(address), attempts: attempts, asking: true)
        case .noScript:
            metrics.noScript.increment()
            loadScript(of: batch, on: node)
            dispatch(batch, index, to: node, attempts: attempts, asking: item.isAsking)
        case .tryAgain:
            metrics.tryAgain.increment()
            repeatLater(batch, index, attempts)
        case .readOnly:
            cluster?.wantRefresh()
            repeatLater(batch, index, attempts)
        case .unavailable:
            cluster?.wantRefresh()
            hasTimerChange = true
            fail(batch, index, TierError(.unavailable, Self.message(reply, node)))
        case .outOfMemory: fail(batch, index, TierError(.overloaded, Self.message(reply, node)))
        case .notPermitted: fail(batch, index, TierError(.unavailable, Self.message(reply, node)))
        case .unauthenticated, .wrongPassword:
            // The password was set or the user changed after the greeting: only a new connection can be of use.
            fail(batch, index, TierError(.unavailable, Self.message(reply, node)))
            fault(
                node,
                NodeFault(.credentialsMissing, "does not take this connection for authenticated any more").at(
                    node.address))
        case .moved, .ask, .other: fail(batch, index, TierError(.protocolViolation, Self.message(reply, node)))
        }
    }

    private func repeatLater(_ batch: CommandBatch, _ index: Int, _ attempts: UInt8) {
        retries.append(
            Retry(at: now + configuration.retryDelay, batch: batch, index: index, attempts: attempts))
        hasTimerChange = true
    }

    /// Puts SCRIPT LOAD in front of what follows on that connection.
    private func loadScript(of batch: CommandBatch, on node: NodeConnection) {
        guard let script = batch.script, node.refusal(bytes: script.loadCommand.count) == nil else { return }
        node.append(InFlight(kind: .loadScript, index: UInt32(script.rawValue)), script.loadCommand[...])
        node.expectInternal(by: now + configuration.connectTimeout)
        hasTimerChange = true
    }

    private static func message(_ reply: borrowing ReplyStore, _ node: NodeConnection) -> String {
        "Redis at \(node.address): \(String(decoding: reply.text(0).prefix(120), as: UTF8.self))"
    }
}
