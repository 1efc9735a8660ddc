import Foundation

/// PyTorch on one thread with the same network, if a Python on this machine has it.
enum Peer {
    private static let program = """
        import sys, time
        try:
            import torch
        except Exception as error:
            print("skipped:", error); sys.exit(0)
        torch.set_num_threads(1); torch.manual_seed(1)
        steps, batch, budget = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
        net, head = torch.nn.LSTM(18, 128, 3, dropout=0.3), torch.nn.Linear(128, 1)
        params = list(net.parameters()) + list(head.parameters())
        adam = torch.optim.Adam(params, lr=1e-3)
        def measure(body):
            times, end = [], time.monotonic() + budget
            body()
            while len(times) < 10 or time.monotonic() < end:
                start = time.process_time(); body(); times.append(time.process_time() - start)
            times.sort()
            return "least %.2f ms, median %.2f ms" % (times[0] * 1e3, times[len(times) // 2] * 1e3)
        def train(t):
            x, y = torch.rand(t, batch, 18) * 2 - 1, torch.rand(batch, 1)
            def body():
                adam.zero_grad()
                torch.nn.functional.mse_loss(head(net(x)[0][-1]), y).backward()
                torch.nn.utils.clip_grad_norm_(params, 1.0)
                adam.step()
            return body
        name = "PyTorch " + torch.__version__
        for t in (steps, 2 * steps):
            print(f"{name}, training step T={t}, one thread (CPU): " + measure(train(t)))
        net.eval()
        with torch.no_grad():
            w, s = torch.rand(steps, 1, 18), torch.rand(1, 1, 18)
            print(f"{name}, forecast of one window T={steps} (CPU): " + measure(lambda: head(net(w)[0][-1])))
            state = [net(s)[1]]
            def step():
                out, state[0] = net(s, state[0]); head(out[-1])
            print(f"{name}, one streaming step (CPU): " + measure(step))
        """

    /// The peer's lines, or why there are none.
    static func report(steps: Int, batch: Int, seconds: Double) -> String {
        var reasons: [String] = []
        for python in ["python3", "/usr/bin/python3"] {
            let output = run([python, "-c", program, "\(steps)", "\(batch)", "\(seconds)"])
            if output.hasPrefix("PyTorch") { return output }
            reasons.append("\(python): \(output)")
        }
        return "PyTorch: skipped, no Python here has it (\(reasons.joined(separator: "; ")))"
    }

    private static func run(_ arguments: [String]) -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            return "cannot start: \(error)"
        }
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { return "ended with status \(process.terminationStatus)" }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
