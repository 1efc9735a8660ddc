import Foundation
import Glibc

// One process injects and judges; the others, the same program with `--worker`, are the workload.
signal(SIGPIPE, SIG_IGN)
do {
    let options = try Options(Array(CommandLine.arguments.dropFirst()))
    if options.isHelp {
        print(Options.usage)
        exit(0)
    }
    if options.isList {
        for fault in Fault.allCases { print("\(fault.rawValue): \(fault.summary)") }
        for (name, reason) in Fault.notInjected { print("not injected, \(name): \(reason)") }
        exit(0)
    }
    if let worker = options.worker {
        Termination.listen()
        exit(await Worker.run(worker, seed: options.seed))
    }
    let run = try Run(options)
    if options.planned > 0 {
        for (index, step) in run.plan.prefix(options.planned).enumerated() {
            print("\(index + 1) \(step)")
        }
        exit(0)
    }
    exit(try await run.run())
} catch let mistake as Options.Mistake {
    FileHandle.standardError.write(Data("nemesis: \(mistake.message)\n".utf8))
    exit(2)
} catch {
    FileHandle.standardError.write(Data("nemesis: \(error)\n".utf8))
    exit(1)
}
