internal import Synchronization

/// Says each kind of warning once, then again only after a while, with the number that was kept back.
///
/// A metrics endpoint that is away warns every ten seconds for a whole night otherwise.
public final class WarningLimit: Sendable {
    private struct Entry {
        var said: Double
        var keptBack = 0
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let interval: Double
    private let keysMax: Int
    private let say: @Sendable (String) -> Void

    /// A limit of one warning per key and `interval` seconds; `say` gets what passes.
    ///
    /// - Parameter keysMax: kinds remembered; beyond, the memory starts anew.
    public init(interval: Double = 300, keysMax: Int = 1_024, say: @escaping @Sendable (String) -> Void) {
        self.interval = interval
        self.keysMax = keysMax
        self.say = say
    }

    /// Says `text`, unless a warning of that key was said less than the interval ago; `now` is in seconds.
    public func warn(_ key: String, _ text: @autoclosure () -> String, at now: Double) {
        let keptBack: Int? = entries.withLock { entries in
            if let entry = entries[key], now - entry.said < interval, now >= entry.said {
                entries[key] = Entry(said: entry.said, keptBack: entry.keptBack + 1)
                return nil
            }
            if entries.count >= keysMax { entries.removeAll() }
            return entries.updateValue(Entry(said: now), forKey: key)?.keptBack ?? 0
        }
        guard let keptBack else { return }
        say(keptBack == 0 ? text() : "\(text()) (\(keptBack) more like this since the last one)")
    }

    /// Forgets a key, so that its next warning is said at once: what was wrong is well again.
    public func clear(_ key: String) { entries.withLock { _ = $0.removeValue(forKey: key) } }
}
