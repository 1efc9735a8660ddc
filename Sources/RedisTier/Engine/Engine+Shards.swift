/// Carries out changes of a ring.
extension Engine {
    /// What the owner of the tier changes; taken before the batches that were submitted after it.
    enum Control {
        /// A server with the next index.
        case add(RedisAddress)
        /// A server is in use again.
        case revive(UInt16)
        /// No more keys are placed on a server.
        case retire(UInt16)
    }

    func perform(_ controls: [Control]) {
        for control in controls {
            hasTimerChange = true
            switch control {
            case .add(let address): addNode(address)
            case .revive(let index):
                let node = nodes[Int(index)]
                node.retireAt = nil
                node.isRetired = false
                publishState(of: node)
            case .retire(let index):
                // Batches placed before may still be on their way to the inbox.
                nodes[Int(index)].retireAt = now + configuration.connectTimeout
            }
        }
    }

    /// Retires a server whose time has come.
    func retireIfDue(_ node: NodeConnection) {
        guard let time = node.retireAt, time <= now else { return }
        node.retireAt = nil
        node.isRetired = true
        if node.inFlight.isEmpty { _ = node.disconnect() }
        publishState(of: node)
    }
}
