import Arrivals
import Engine
import Testing

@Suite("Workload")
struct WorkloadTests {
    private func workload(
        seed: UInt64, instruments: Int = 200, _ change: (inout WorkloadConfiguration) -> Void = { _ in }
    ) throws -> Workload {
        var configuration = WorkloadConfiguration()
        configuration.accountFirst = 1_000
        configuration.accountCount = 5_000
        change(&configuration)
        let list = try InstrumentList(csv: Samples.instruments(instruments), name: "test.csv")
        return Workload(configuration, instruments: list, seed: seed)
    }

    private func draws(_ workload: Workload, _ count: Int) -> [OrderDraw] {
        (0..<UInt64(count)).map { workload.draw($0) }
    }

    @Test("The same seed gives the same requests, another seed others")
    func deterministic() throws {
        let first = draws(try workload(seed: 7), 2_000)
        #expect(first == draws(try workload(seed: 7), 2_000))
        #expect(first != draws(try workload(seed: 8), 2_000))
    }

    @Test("Another price rule changes the prices only")
    func independentStreams() throws {
        let first = draws(try workload(seed: 7), 2_000)
        let second = draws(try workload(seed: 7) { $0.passiveTicksMean = 9 }, 2_000)
        #expect(first.map(\.price) != second.map(\.price))
        #expect(first.map(\.isBuy) == second.map(\.isBuy) && first.map(\.account) == second.map(\.account))
        #expect(first.map(\.quantity) == second.map(\.quantity) && first.map(\.victim) == second.map(\.victim))
    }

    @Test("An order depends on its number only, not on the orders drawn before")
    func positionIndependent() throws {
        let workload = try workload(seed: 7)
        let all = draws(workload, 100)
        for number in [99, 3, 50, 3] { #expect(workload.draw(UInt64(number)) == all[number]) }
    }

    @Test(
        "Every sell is by an account that holds the shares, under any stride",
        arguments: [(1, 1), (7, 10), (10, 10), (4, 3), (200, 5), (0x7FFF, 2)])
    func sellersHold(stride: Int, perAccount: Int) throws {
        let rule = HoldingsRule(stride: stride, perAccount: perAccount)
        let all = draws(try workload(seed: 3) { $0.holdings = rule }, 5_000)
        for draw in all where !draw.isBuy {
            #expect(rule.holds(client: draw.account - 1_000, instrument: draw.instrument, instruments: 200))
        }
        // Where every instrument has holders, half of the requests sell; a stride of 200 leaves all but 5 without.
        let sells = all.count { !$0.isBuy }
        if stride == 200 { #expect(sells > 0) } else if stride != 4 { #expect(sells > 2_300 && sells < 2_700) }
    }

    @Test("Accounts stay in range, few accounts included")
    func accountRange() throws {
        for count in [1, 2, 3, 50] {
            let all = draws(try workload(seed: 5) { $0.accountCount = count }, 2_000)
            #expect(all.allSatisfy { (1_000..<1_000 + count).contains($0.account) })
            let rule = HoldingsRule()
            #expect(
                all.filter { !$0.isBuy }.allSatisfy {
                    rule.holds(client: $0.account - 1_000, instrument: $0.instrument, instruments: 200)
                })
        }
    }

    @Test("Popular accounts and instruments are as popular as Zipf says")
    func popularity() throws {
        let all = draws(try workload(seed: 6), 40_000)
        func topShare(_ keys: [Int]) -> Double {
            var counts: [Int: Int] = [:]
            for key in keys { counts[key, default: 0] += 1 }
            return Double(counts.values.max() ?? 0) / Double(keys.count)
        }
        let instrument = ZipfDistribution(count: 200, exponent: 0.99).probability(of: 0)
        let account = ZipfDistribution(count: 5_000, exponent: 0.99).probability(of: 0)
        #expect(abs(topShare(all.map(\.instrument)) - instrument) < 0.01)
        #expect(abs(topShare(all.filter(\.isBuy).map(\.account)) - account) < 0.01)
    }

    @Test("Prices are on the tick, within the band and 1.5 % of the close; the marketable share crosses it")
    func prices() throws {
        let all = draws(try workload(seed: 4), 20_000)
        #expect(all.allSatisfy { $0.price % 10 == 0 && abs($0.price - 10_000) <= 150 && $0.price != 10_000 })
        let crossing = all.count { $0.isBuy == ($0.price > 10_000) }
        #expect(abs(Double(crossing) - 6_000) < 4 * (20_000 * 0.3 * 0.7).squareRoot())
        #expect(all.allSatisfy { $0.quantity % 100 == 0 && $0.quantity > 0 })
    }

    private static let badFiles: [(csv: String, place: String)] = {
        let header = InstrumentList.header
        let good = header + "\n600000,10000,10,9000,11000\n"
        return [
            ("", "test.csv:1"), ("symbol\n", "test.csv:1"), (header, "no instruments"),
            (header + "\n600000,10000,10,9000", "test.csv:2: expected 5 fields"),
            (good + "600001,x,10,9000,11000", "test.csv:3"), (good + ",10000,10,9000,11000", "test.csv:3"),
            (good + "600000,10000,0,9000,11000", "test.csv:3"), (good + "600000,8000,10,9000,11000", "test.csv:3"),
            (good + "600000,10000,10,9000,9999999999", "test.csv:3"),
        ]
    }()

    @Test("A file of instruments is refused with its name and line", arguments: 0..<9)
    func badInstruments(index: Int) {
        let file = Self.badFiles[index]
        let error = #expect(throws: LoadError.self) { try InstrumentList(csv: file.csv, name: "test.csv") }
        #expect(error?.message.contains(file.place) == true, "\(error?.message ?? "")")
    }

    @Test("Endpoints: numeric addresses only, loopback told from the rest")
    func endpoints() {
        #expect(Endpoint("127.0.0.1:9880")?.isLoopback == true)
        #expect(Endpoint("localhost:1")?.host == "127.0.0.1")
        #expect(Endpoint("[::1]:65535")?.isLoopback == true)
        #expect(Endpoint("10.0.0.1:80")?.isLoopback == false)
        for text in ["", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "example.com:80", "1.2.3:4", ":80"] {
            #expect(Endpoint(text) == nil, "\(text)")
        }
    }
}
