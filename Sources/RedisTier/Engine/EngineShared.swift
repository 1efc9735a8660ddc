internal import Synchronization

/// What callers and the I/O thread share: the inbox, the wake-up, and the nodes' states.
final class EngineShared: Sendable {
    private struct Inbox {
        var batches: [CommandBatch] = []
        var controls: [Engine.Control] = []
        var isStopping = false
        var isDozing = false
    }

    /// Written to by any thread (`wakeUp`), used otherwise by the I/O thread only.
    let poller = Poller()
    /// The owners of the slots, for those who follow their changes.
    let slotWatch = SlotWatch()
    private let inbox = Mutex(Inbox())
    private let states = Mutex<[RedisTier.NodeState]>([])
    private let replicas = Mutex<[RedisTier.ReplicaState]>([])

    /// Whether the I/O thread waits and nobody has anything for it: then a caller may hand in a batch itself.
    var isIdle: Bool {
        inbox.withLock { $0.isDozing && $0.batches.isEmpty && $0.controls.isEmpty && !$0.isStopping }
    }

    /// Hands a batch to the I/O thread; false after `stop`.
    ///
    /// Costs a lock, and a system call only where the thread is waiting.
    func submit(_ batch: CommandBatch) -> Bool {
        let (isTaken, wasDozing) = inbox.withLock { inbox in
            guard !inbox.isStopping else { return (false, false) }
            inbox.batches.append(batch)
            defer { inbox.isDozing = false }
            return (true, inbox.isDozing)
        }
        if wasDozing { poller.wakeUp() }
        return isTaken
    }

    /// Hands a change to the I/O thread, to be made before any batch submitted later; false after `stop`.
    func submit(_ control: Engine.Control) -> Bool {
        let isTaken = inbox.withLock { inbox in
            guard !inbox.isStopping else { return false }
            inbox.controls.append(control)
            inbox.isDozing = false
            return true
        }
        if isTaken { poller.wakeUp() }
        return isTaken
    }

    /// Tells the I/O thread to end.
    func stop() {
        inbox.withLock { $0.isStopping = true }
        poller.wakeUp()
    }

    /// Moves what is new into `batches` and `controls`, which are empty; true once the thread must end.
    func take(_ batches: inout [CommandBatch], _ controls: inout [Engine.Control]) -> Bool {
        inbox.withLock { inbox in
            inbox.isDozing = false
            swap(&batches, &inbox.batches)
            if !inbox.controls.isEmpty { swap(&controls, &inbox.controls) }
            return inbox.isStopping
        }
    }

    /// Whether the I/O thread may wait: from here on a submission wakes it.
    func mayDoze() -> Bool {
        inbox.withLock { inbox in
            inbox.isDozing = inbox.batches.isEmpty && inbox.controls.isEmpty && !inbox.isStopping
            return inbox.isDozing
        }
    }

    /// The nodes as they are now.
    var nodeStates: [RedisTier.NodeState] { states.withLock { $0 } }

    /// The replicas as they are now.
    var replicaStates: [RedisTier.ReplicaState] { replicas.withLock { $0 } }

    /// Publishes a replica's state; `index` is at most the number of replicas.
    func set(_ state: RedisTier.ReplicaState, at index: Int) {
        replicas.withLock { states in
            if index == states.count { states.append(state) } else { states[index] = state }
        }
    }

    /// Publishes a node's state; `index` is at most the number of nodes.
    func set(_ state: RedisTier.NodeState, at index: Int) {
        states.withLock { states in
            if index == states.count { states.append(state) } else { states[index] = state }
        }
    }
}
