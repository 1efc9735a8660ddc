import Foundation
import TestServers
import Testing

@Suite struct ReplayProgramTests {
    @Test(
        "A generated day through the whole chain makes the trades of a naive exchange", .timeLimit(.minutes(3)),
        .enabled(if: TestServers.areInstalled, "apt-get install redis-server postgresql"),
        arguments: [1, 2] as [UInt64])
    func generatedDay(seed: UInt64) async throws {
        let folder = try Programs.scratch()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let day = GeneratedDay(seed: seed, events: 3_000)
        let file = "\(folder)/day_600123_2023-07-11_orders.csv"
        try day.orders.write(toFile: file, atomically: true, encoding: .utf8)
        let outcome = try await Programs.run(
            "springtide", "replay", "--orders", file, "--trades", "\(folder)/trades.csv", "--summary",
            "\(folder)/summary.json", "--accounts", "50")
        #expect(outcome.code == 0, "seed \(seed): \(outcome.output)")
        let made = try trades("\(folder)/trades.csv")
        #expect(day.trades.contains { $0.isAuction } && day.trades.contains { !$0.isAuction })
        #expect(made == day.trades, "seed \(seed)")
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/summary.json"))
        let summary = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(summary["sound"] as? Bool == true)
    }

    @Test(
        "Real Shanghai days through the whole chain equal the exchange's own trades", .timeLimit(.minutes(5)),
        .enabled(
            if: ProcessInfo.processInfo.environment["SPRINGTIDE_DATA"] != nil,
            "set SPRINGTIDE_DATA to the folder that holds b_order_flow"))
    func shanghai() async throws {
        let data = try #require(ProcessInfo.processInfo.environment["SPRINGTIDE_DATA"])
        let flow = "\(data)/b_order_flow"
        let symbols = ["600536", "601825", "605580"]
        let orders = symbols.map { "\(flow)/sse_l2_\($0)_2023-07-11_orders.csv.zst" }
        let expected = symbols.map { "\(flow)/sse_l2_\($0)_2023-07-11_expected_trades.csv.zst" }
        let outcome = try await Programs.run(
            "springtide", "replay", "--orders", orders[0], orders[1], orders[2], "--expected", expected[0],
            expected[1], expected[2])
        #expect(outcome.code == 0, "\(outcome.output)")
        for symbol in symbols {
            #expect(outcome.output.contains(symbol))
        }
        #expect(outcome.output.components(separatedBy: "equal to the exchange's").count == 4)
        #expect(outcome.output.contains("55919 trades"))
    }

    @Test("A broken file is an error with its line", .timeLimit(.minutes(1)))
    func brokenFile() async throws {
        let folder = try Programs.scratch()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = "\(folder)/day_600123_2023-07-11_orders.csv"
        try "seq,time_ms,action,order_id,side,price_milli,qty\n1,33300000,A,1,X,10000,100\n".write(
            toFile: file, atomically: true, encoding: .utf8)
        let outcome = try await Programs.run("springtide", "replay", "--orders", file)
        #expect(outcome.code == 1)
        #expect(outcome.output.contains("line 2: the side is neither B nor S"), "\(outcome.output)")
    }

    private func trades(_ file: String) throws -> [GeneratedDay.Trade] {
        try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").dropFirst().map { line in
            let fields = line.split(separator: ",").map(String.init)
            return GeneratedDay.Trade(
                buy: Int(fields[2]) ?? 0, sell: Int(fields[3]) ?? 0, price: Int(fields[5]) ?? 0,
                quantity: Int(fields[6]) ?? 0, isAuction: fields[4] == "N")
        }
    }
}
