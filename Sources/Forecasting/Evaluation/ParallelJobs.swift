internal import Learning
internal import Synchronization

/// Runs jobs on one or two threads; results are in the order of the jobs, whoever did them.
final class ParallelJobs<Job: Sendable, Success: Sendable>: Sendable {
    typealias Outcome = Result<Success, ForecastError>

    private let jobs: [Job]
    private let perform: @Sendable (Job) -> Outcome
    private let next = Atomic<Int>(0)
    private let outcomes: Mutex<[Outcome?]>

    private init(_ jobs: [Job], _ perform: @escaping @Sendable (Job) -> Outcome) {
        self.jobs = jobs
        self.perform = perform
        outcomes = Mutex([Outcome?](repeating: nil, count: jobs.count))
    }

    /// The results of `jobs`; the error of the first job that failed, once all have ended.
    static func run(
        _ jobs: [Job], threads: Int, _ perform: @escaping @Sendable (Job) -> Outcome
    ) throws(ForecastError) -> [Success] {
        let run = ParallelJobs(jobs, perform)
        if threads == 1 {
            run.work()
        } else {
            do {
                try ThreadPair { _ in run.work() }.run()
            } catch {
                throw ForecastError(error)
            }
        }
        var all: [Success] = []
        for outcome in run.outcomes.withLock({ $0 }) {
            guard let outcome else { continue }
            all.append(try outcome.get())
        }
        return all
    }

    private func work() {
        while true {
            let number = next.add(1, ordering: .relaxed).oldValue
            guard number < jobs.count else { return }
            let outcome = perform(jobs[number])
            outcomes.withLock { $0[number] = outcome }
        }
    }
}
