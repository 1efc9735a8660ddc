internal import Glibc
internal import Synchronization

/// The engine and its lock. The I/O thread holds it except while it waits; callers only try.
final class EngineSeat: Sendable {
    private struct Seat: @unchecked Sendable {
        // Used under the lock only, and by nobody after `run` has ended.
        var engine: Engine?
    }

    private let seat = Mutex(Seat())
    private let shared: EngineShared

    init(_ shared: EngineShared) { self.shared = shared }

    /// Runs an engine on this thread until the tier is shut down.
    func run(_ makeEngine: () -> Engine) {
        let fresh = Seat(engine: makeEngine())
        seat.withLock { $0 = fresh }
        var events = 0
        while true {
            let rest = seat.withLock { [events] seat -> (milliseconds: Int32, lone: CommandBatch?)? in
                guard let engine = seat.engine, let rest = engine.turn(events) else {
                    seat.engine = nil
                    return nil
                }
                return rest
            }
            guard let rest else { return }
            rest.lone?.resume()
            events = shared.poller.wait(milliseconds: rest.milliseconds)
        }
    }

    /// Hands in a batch on the caller's thread; false where the I/O thread should do so.
    ///
    /// Never waits. Changes of a ring come first: with one in the inbox the batch must queue behind it.
    func admit(_ batch: CommandBatch) -> Bool {
        seat.withLockIfAvailable { seat in
            guard let engine = seat.engine, shared.isIdle else { return false }
            return engine.admit(batch)
        } ?? false
    }
}

/// The thread that runs an `Engine`; no blocking call of the tier happens anywhere else.
final class IOThread: Sendable {
    private struct Handle: @unchecked Sendable {
        // A pthread_t is a number that any thread may join with.
        var thread: pthread_t
    }

    private enum Life {
        case fresh
        case running(Handle)
        case ended
    }

    private let shared: EngineShared
    private let life = Mutex(Life.fresh)
    private let makeEngine: @Sendable () -> Engine
    private let seat: EngineSeat

    init(_ shared: EngineShared, _ makeEngine: @escaping @Sendable () -> Engine) {
        self.shared = shared
        self.makeEngine = makeEngine
        seat = EngineSeat(shared)
    }

    /// Hands a batch to the engine, on this thread if that is idle; false after `stop`.
    func submit(_ batch: CommandBatch) -> Bool { seat.admit(batch) || shared.submit(batch) }

    /// Starts the thread, once; later calls and calls after `stop` do nothing.
    func start() {
        life.withLock { life in
            guard case .fresh = life else { return }
            let body = Unmanaged.passRetained(Body(seat, makeEngine))
            var thread = pthread_t()
            let code = pthread_create(
                &thread, nil,
                { raw in
                    guard let raw else { return nil }
                    let body = Unmanaged<Body>.fromOpaque(raw).takeRetainedValue()
                    body.seat.run(body.makeEngine)
                    return nil
                }, body.toOpaque())
            precondition(code == 0, "out of threads")
            life = .running(Handle(thread: thread))
        }
    }

    /// Ends the thread and waits for it: a matter of microseconds, since it never blocks but in its own wait.
    func stop() {
        let handle = life.withLock { life in
            defer { life = .ended }
            if case .running(let handle) = life { return Optional(handle) }
            return nil
        }
        shared.stop()
        if let handle { pthread_join(handle.thread, nil) }
    }

    private final class Body {
        let seat: EngineSeat
        let makeEngine: @Sendable () -> Engine

        init(_ seat: EngineSeat, _ makeEngine: @escaping @Sendable () -> Engine) {
            self.seat = seat
            self.makeEngine = makeEngine
        }
    }
}
