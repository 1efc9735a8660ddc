import Ledger
import Market
import TestData
import Testing

@Suite struct PositionIndexTests {
    @Test("200,000 positions with dense, sparse and colliding numbers are all found, and no others")
    func manyPositions() throws {
        var ledger = Ledger(accountsMax: 1_000_000, fees: goldenFees())
        var expected: [UInt64: Int64] = [:]
        var random = SplitMix64(seed: 3)
        for number in 0..<200_000 {
            let account = AccountID(16 + UInt32(number % 2 == 0 ? number : random.below(1_000_000)))
            // Low bits alike, high bits alike, or dense: whatever a weak hash would fold together.
            let instrument = InstrumentID(
                [UInt32(number) << 16, 0xFFFF_0000 | UInt32(number & 0xFF), UInt32(number % 2000)][number % 3])
            let quantity = Int64(1 + random.below(1000))
            _ = try ledger.depositShares(account, instrument, Quantity(quantity)).get()
            expected[UInt64(account.rawValue) << 32 | UInt64(instrument.rawValue), default: 0] += quantity
        }
        var wrong = 0
        for (key, quantity) in expected {
            let (account, instrument) = (AccountID(UInt32(key >> 32)), InstrumentID(UInt32(truncatingIfNeeded: key)))
            if ledger.position(of: account, in: instrument).settled.shares != quantity { wrong += 1 }
            let neighbour = key &+ 1
            let found = ledger.position(
                of: AccountID(UInt32(neighbour >> 32)), in: InstrumentID(UInt32(truncatingIfNeeded: neighbour)))
            if found.settled.shares != expected[neighbour, default: 0] { wrong += 1 }
        }
        #expect(wrong == 0)
        var clients = 0
        ledger.forEachPosition { account, _, _ in clients += account >= AccountID.firstClient ? 1 : 0 }
        #expect(clients == expected.count)
        #expect(ledger.checkInvariants() == [])
    }
}
