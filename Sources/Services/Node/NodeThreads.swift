internal import Foundation
internal import Synchronization

/// The threads of a node: named, and waited for.
final class NodeThreads: Sendable {
    private let running = Mutex<Set<String>>([])

    /// Starts a thread that runs `body`.
    func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        running.withLock { _ = $0.insert(name) }
        let thread = Thread { [self] in
            body()
            running.withLock { _ = $0.remove(name) }
        }
        thread.name = name
        thread.stackSize = 4 << 20
        thread.start()
    }

    /// Starts a thread that owns `value`: nobody else may touch it from here on.
    func start<T>(_ name: String, owning value: sending T, _ body: @escaping @Sendable (T) -> Void) {
        let box = Transfer(value)
        start(name) { body(box.value) }
    }

    /// Waits until the thread of that name has ended.
    func wait(_ name: String) async {
        while running.withLock({ $0.contains(name) }) {
            // A stopping node is waited for even by a cancelled task.
            await Task.detached { try? await Task.sleep(for: .milliseconds(5)) }.value
        }
    }
}

/// Hands a value that is not Sendable to another thread.
///
/// `@unchecked Sendable`: the giver gave it up (`sending`), the one thread that takes it is its owner.
private final class Transfer<T>: @unchecked Sendable {
    let value: T

    init(_ value: sending T) { self.value = value }
}
