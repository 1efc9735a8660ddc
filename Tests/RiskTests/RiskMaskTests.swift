import Risk
import Testing

@Suite("Masks of rule numbers")
struct RiskMaskTests {
    @Test(
        "A number is in the word it belongs to, and in no other", arguments: [0, 1, 63, 64, 127, 128, 191] as [UInt8])
    func words(_ number: UInt8) {
        var mask = RiskMask()
        mask.insert(number, when: false)
        #expect(mask.isEmpty && mask.lowest == nil)
        mask.insert(number, when: true)
        #expect(mask.contains(number) && mask.count == 1 && mask.lowest == number && mask.numbers == [number])
        #expect(mask.low == (number < 64 ? 1 << UInt64(number) : 0))
        #expect(mask.middle == (64..<128 ~= number ? 1 << UInt64(number - 64) : 0))
        #expect(mask.high == (number >= 128 ? 1 << UInt64(number - 128) : 0))
        #expect(!mask.complement.contains(number) && mask.complement.count == 191)
    }

    @Test("Numbers beyond 191 are in no mask")
    func beyond() {
        var mask = RiskMask()
        mask.insert(192, when: true)
        #expect(mask.isEmpty && !mask.complement.contains(192))
    }

    @Test("Numbers come out ascending, union and intersection are those of sets")
    func sets() {
        var first = RiskMask()
        var second = RiskMask()
        for number in [150, 3, 64, 81] as [UInt8] { first.insert(number, when: true) }
        for number in [64, 150, 7] as [UInt8] { second.insert(number, when: true) }
        #expect(first.numbers == [3, 64, 81, 150])
        #expect((first & second).numbers == [64, 150])
        #expect((first | second).numbers == [3, 7, 64, 81, 150])
    }
}
