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

    private func draws(_ workload: Workload, _ count: Int) -> [RequestDraw] {
        var workload = workload
        return (0..<count).map { _ in workload.next() }
    }

    @Test("The same seed gives the same requests, another seed others")
    func deterministic() throws {
        let first = draws(try workload(seed: 7), 2_000)
        #expect(first == draws(try workload(seed: 7), 2_000))
        #expect(first != draws(try workload(seed: 8), 2_000))
    }

    @Test("Another mix changes the operations only")
    func independentStreams() throws {
        let first = draws(try workload(seed: 7), 2_000)
        let second = draws(try workload(seed: 7) { $0.mix = OperationMix(new: 1, cancel: 1, replace: 1) }, 2_000)
        #expect(first.map(\.operation) != second.map(\.operation))
        #expect(first.map(\.price) == second.map(\.price) && first.map(\.account) == second.map(\.account))
        #expect(first.map(\.quantity) == second.map(\.quantity) && first.map(\.victim) == second.map(\.victim))
    }

    @Test("Operations occur by their weights", arguments: 1...5 as ClosedRange<UInt64>)
    func mix(seed: UInt64) throws {
        let all = draws(try workload(seed: seed), 20_000)
        for (operation, share) in [(Operation.new, 0.7), (.cancel, 0.2), (.replace, 0.1)] {
            let count = Double(all.count { $0.operation == operation })
            // Binomial: four standard deviations.
            let deviation = (20_000 * share * (1 - share)).squareRoot()
            #expect(abs(count - 20_000 * share) < 4 * deviation, "seed \(seed), \(operation)")
        }
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

    @Test("Limits of a run are checked at the limit and one past it")
    func limits() throws {
        let target = try #require(Endpoint("127.0.0.1:1"))
        let list = try InstrumentList(csv: Samples.instruments(1), name: "test.csv")
        func isRight(_ change: (inout LoadConfiguration) -> Void) -> Bool {
            var configuration = LoadConfiguration(
                target: target, profile: .constant(10, seconds: 1), seed: 1, instruments: list)
            change(&configuration)
            do { try configuration.validate() } catch { return false }
            return true
        }
        #expect(isRight { $0.sessions = 512 } && !isRight { $0.sessions = 513 } && !isRight { $0.sessions = 0 })
        #expect(isRight { $0.maxInFlight = 200_000 } && !isRight { $0.maxInFlight = 200_001 })
        #expect(isRight { $0.openOrdersPerSession = 1_024 } && !isRight { $0.openOrdersPerSession = 1_025 })
        #expect(isRight { $0.timeout = .seconds(600) } && !isRight { $0.timeout = .milliseconds(600_001) })
        #expect(isRight { $0.profile = .constant(1, seconds: 86_400) })
        #expect(!isRight { $0.profile = .constant(1, seconds: 86_401) })
        #expect(!isRight { $0.profile = .constant(0, seconds: 10) })
        #expect(!isRight { $0.profile = .constant(1_000_001, seconds: 10) })
        #expect(!isRight { $0.targetCompID = "" } && !isRight { $0.senderPrefix = "A B" })
        #expect(!isRight { $0.password = "a\u{1}b" } && !isRight { $0.workload.accountCount = 0 })
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
