/// Who may find a run wrong, in the order in which they are heard.
package enum Judge: String, CaseIterable, Sendable, Hashable {
    /// Every value against everything L3 has committed, the moment it is read.
    case truth
    /// The history of the clients' calls against the versions L3 holds, once the run is over (anomalies A1 to A12).
    case history
    /// The stacks' own samples of their reads, read again from L3.
    case shadow
}
