import Foundation

/// PyTorch on one thread with the same networks, if a Python on this machine has it.
enum Peer {
    private static let program = """
        import sys, time
        try:
            import torch
        except Exception as error:
            print("skipped:", error); sys.exit(0)
        torch.set_num_threads(1); torch.manual_seed(1)
        budget = float(sys.argv[1])
        def make():
            return torch.nn.Sequential(
                torch.nn.Linear(24, 128), torch.nn.ReLU(), torch.nn.Linear(128, 128), torch.nn.ReLU(),
                torch.nn.Linear(128, 7))
        net, target = make(), make()
        adam = torch.optim.Adam(net.parameters(), lr=5e-4)
        x, y, a = torch.rand(64, 24), torch.rand(64, 24), torch.randint(0, 7, (64, 1))
        def measure(body):
            times, end = [], time.monotonic() + budget
            body()
            while len(times) < 10 or time.monotonic() < end:
                start = time.process_time(); body(); times.append(time.process_time() - start)
            times.sort()
            return "least %.1f us, median %.1f us" % (times[0] * 1e6, times[len(times) // 2] * 1e6)
        def train():
            with torch.no_grad():
                best = net(y).argmax(1, keepdim=True)
                goal = 1 + 0.9 * target(y).gather(1, best)
            loss = torch.nn.functional.smooth_l1_loss(net(x).gather(1, a), goal)
            adam.zero_grad(); loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 10.0)
            adam.step()
        name = "PyTorch " + torch.__version__
        print(f"{name}, DQN training step, double, plain, B=64: " + measure(train))
        with torch.no_grad():
            print(f"{name}, a greedy decision: " + measure(lambda: net(x[:1]).argmax(1)))
            print(f"{name}, 64 greedy decisions at once: " + measure(lambda: net(x).argmax(1)))
        """

    /// The peer's lines, or why there are none.
    static func report(seconds: Double) -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", program, "\(seconds)"]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            return "PyTorch: skipped, python3 cannot start: \(error)"
        }
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { return "PyTorch: ended with status \(process.terminationStatus)" }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
