import Market
import TestData
import Testing

@Suite struct FeeScheduleTests {
    private let schedule: FeeSchedule

    init() throws { schedule = try #require(FeeSchedule(commission: 250, transferFee: 10, stampDuty: 500)) }

    private func cents(_ value: Int64) -> Money { Money(milli: value * 10) }

    @Test("The golden vector's fees: 6,018.00 costs 1.50, 0.06 and, to sell, 3.01")
    func goldenFees() {
        // 6,018 x 0.00025 = 1.5045; x 0.00001 = 0.06018; x 0.0005 = 3.009.
        let value = Money(milli: 6_018_000)
        #expect(schedule.fees(on: value, side: .buy) == Fees(commission: cents(150), transferFee: cents(6)))
        #expect(
            schedule.fees(on: value, side: .sell)
                == Fees(commission: cents(150), transferFee: cents(6), stampDuty: cents(301)))
    }

    @Test("Half a cent rounds up, a hair less down")
    func halfUp() throws {
        // 10 bp of 5.000 is half a cent.
        let tenBasisPoints = try #require(FeeSchedule(commission: 1000, transferFee: 0, stampDuty: 0))
        #expect(tenBasisPoints.fees(on: Money(milli: 5000), side: .buy).total == cents(1))
        #expect(tenBasisPoints.fees(on: Money(milli: 4999), side: .buy).total == .zero)
        #expect(tenBasisPoints.fees(on: .zero, side: .sell).total == .zero)
    }

    @Test("Every fee equals the quotient in 128 bits, rounded half up")
    func againstWideArithmetic() throws {
        var generator = SplitMix64(seed: 11)
        for _ in 0..<20_000 {
            let rate = Int32(generator.next() % 1_000_001)
            let value = Int64(generator.next() % 100_000_000_000_000_001) >> Int64(generator.next() % 57)
            let schedule = try #require(FeeSchedule(commission: rate, transferFee: 0, stampDuty: 0))
            // Rounded half up to cents: floor(value x rate / 10^7 + 1/2).
            let expected = (Int128(value) * Int128(rate) * 2 + 10_000_000) / 20_000_000 * 10
            #expect(Int128(schedule.fees(on: Money(milli: value), side: .buy).total.milli) == expected)
        }
        let whole = try #require(FeeSchedule(commission: 1_000_000, transferFee: 0, stampDuty: 0))
        #expect(whole.fees(on: FeeSchedule.valueMax, side: .buy).total == FeeSchedule.valueMax)
    }

    @Test("Rates outside 0...1,000,000 are refused")
    func rateLimits() {
        #expect(FeeSchedule(commission: 1_000_000, transferFee: 0, stampDuty: 0) != nil)
        #expect(FeeSchedule(commission: 1_000_001, transferFee: 0, stampDuty: 0) == nil)
        #expect(FeeSchedule(commission: 0, transferFee: -1, stampDuty: 0) == nil)
        #expect(FeeSchedule(commission: 0, transferFee: 0, stampDuty: .max) == nil)
    }

    @Test(
        "Stamp duty halves on 2023-08-28, the transfer fee on 2022-04-29",
        arguments: [
            (20_150_731, nil), (20_150_801, [250, 20, 1000]), (20_220_428, [250, 20, 1000]),
            (20_220_429, [250, 10, 1000]),
            (20_230_827, [250, 10, 1000]), (20_230_828, [250, 10, 500]), (20_260_101, [250, 10, 500]),
        ] as [(Int, [Int32]?)])
    func dated(date: Int, rates: [Int32]?) {
        let found = FeeSchedule.schedule(on: day(date))
        #expect(found.map { [$0.commission, $0.transferFee, $0.stampDuty] } == rates)
    }

    @Test("A broker's own commission replaces the usual one, an absurd one is refused")
    func commission() {
        #expect(FeeSchedule.schedule(on: day(20_230_828), commission: 80)?.commission == 80)
        #expect(FeeSchedule.schedule(on: day(20_230_828), commission: -1) == nil)
    }

    @Test("A buy of 1,000 at 10.05 needs 10,052.61")
    func requirement() {
        let need = schedule.buyRequirement(price: Price(milli: 10_050), quantity: Quantity(1000))
        #expect(need == Money(milli: 10_052_610))  // 10,050.00 + 2.51 + 0.10
    }

    @Test("A requirement past the greatest value is nil, never a trap")
    func requirementLimits() throws {
        let free = try #require(FeeSchedule(commission: 0, transferFee: 0, stampDuty: 0))
        let most = FeeSchedule.valueMax.milli
        func need(_ price: Int64, _ quantity: Int64, filled: Int64 = 0) -> Money? {
            free.buyRequirement(price: Price(milli: price), quantity: Quantity(quantity), filled: Money(milli: filled))
        }
        #expect(need(most, 1) == FeeSchedule.valueMax)
        #expect(need(most + 1, 1) == nil)
        #expect(need(1, most) == FeeSchedule.valueMax)
        #expect(need(most - 5, 1, filled: 5) != nil)
        #expect(need(most - 4, 1, filled: 5) == nil)
        #expect(need(.max, .max) == nil)
        #expect(need(-1, 1) == nil)
        #expect(need(1, -1) == nil)
        #expect(need(1, 1, filled: -1) == nil)
        #expect(need(1, 1, filled: .max) == nil)
    }
}
