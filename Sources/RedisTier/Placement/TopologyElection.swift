/// Decides which of several nodes' views of the cluster to believe.
///
/// A node cut off from the others keeps its old view, so one node's word is not enough where others can be asked. A
/// view wins as soon as more than half of those asked agree. Once all have answered or failed, the view with most
/// votes wins, of several the one that covers most slots, of these the first received.
package struct TopologyElection: Sendable {
    private let voters: Int
    private var candidates: [(view: ClusterView, votes: Int)] = []
    private var answers = 0

    /// An election among `voters` nodes.
    package init(voters: Int) { self.voters = voters }

    /// Counts a node's view; one without any slot is no help and counts as an abstention.
    package mutating func vote(_ view: ClusterView) {
        answers += 1
        guard view.coveredSlots > 0 else { return }
        if let index = candidates.firstIndex(where: { $0.view == view }) {
            candidates[index].votes += 1
        } else {
            candidates.append((view, 1))
        }
    }

    /// A node could not answer.
    package mutating func abstain() { answers += 1 }

    /// Whether nobody else will answer.
    package var isComplete: Bool { answers >= voters }

    /// The winner, once there is one; `isFinal` ends the election with the votes there are.
    package func winner(isFinal: Bool = false) -> ClusterView? {
        if let majority = candidates.first(where: { $0.votes * 2 > voters }) { return majority.view }
        guard isFinal || isComplete else { return nil }
        var best: (view: ClusterView, votes: Int)?
        for candidate in candidates {
            guard let leader = best else { best = candidate; continue }
            if (candidate.votes, candidate.view.coveredSlots) > (leader.votes, leader.view.coveredSlots) {
                best = candidate
            }
        }
        return best?.view
    }
}
