internal import Synchronization
internal import Telemetry

/// A ticket, and a time at which it was the newest one of L3.
struct Anchor: Sendable {
    var ticket: Ticket
    /// L3's time, microseconds since 1970.
    var time: Int64
    var epoch: UInt32
    /// A time at or before `time`, on this process's clock.
    var born: MonotonicTime
}

extension CacheStack {
    /// Renews the certificate of an entry that L2 has just answered, if it will expire soon: no load from L3.
    ///
    /// A version that was the newest at ticket `asOf` and, by the stream, still is at a ticket `judged.asOf` or later,
    /// was so at the anchor between the two. PUBLISH takes the later certificate of the version it holds, and refuses
    /// it where L2 knows better. Proposed and model-checked in the design's "open option: renew".
    func renew(_ row: LoadedRow, _ judged: LocalRow) {
        let key = row.entry.key
        let old = row.entry.certificate
        guard configuration.renewalWindow > .zero, spaces.isInOutbox(key.space),
            lifetime(key, born: row.born, at: time.now()) < configuration.renewalWindow,
            let anchor = anchor.withLock({ $0 }), anchor.epoch == old.epoch, judged.epoch == old.epoch,
            old.asOf <= anchor.ticket, anchor.ticket <= judged.asOf, old.asOfTime < anchor.time
        else { return }
        let renewed = Certificate(
            version: old.version, asOf: anchor.ticket, asOfTime: anchor.time, epoch: anchor.epoch)
        let entry = CertifiedEntry(key: key, certificate: renewed, payload: row.entry.payload)
        if publishQueue.withLock({ $0.append(.init(entry: entry, born: anchor.born)) }) {
            metrics.renewals.increment()
        }
    }
}
