/// Where a lease is kept: each call is one compare-and-set attempt, with a deadline of its own.
public protocol LeaseStore: Sendable {
    /// The record with the version that an update names; nil where there is no lease.
    func read() async throws(ActuationFault) -> (record: LeaseRecord, version: String)?

    /// Makes the lease; its version. Throws `.conflict` where there is one.
    func create(_ record: LeaseRecord) async throws(ActuationFault) -> String

    /// Replaces the record where the lease is still at `version`; its new version. Throws `.conflict` where it is not.
    func update(_ record: LeaseRecord, version: String) async throws(ActuationFault) -> String
}
