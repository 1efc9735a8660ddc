import Settings
import Testing

@Suite("Quantities as text")
struct QuantityTextTests {
    @Test(
        "Times are numbers with units from large to small",
        arguments: [
            ("60s", 60_000_000_000), ("1.5m", 90_000_000_000), ("500ms", 500_000_000), ("200us", 200_000), ("1ns", 1),
            ("1h", 3_600_000_000_000), ("16m10s", 970_000_000_000), ("1h1m1s1ms1us1ns", 3_661_001_001_001),
            ("0s", 0), ("2400h", 8_640_000_000_000_000), ("2401h", nil), ("60", nil), ("", nil), ("s", nil),
            ("-1s", nil), ("1e3s", nil), ("10s1m", nil), ("1s1s", nil), ("1..5s", nil), (".s", nil), ("1 s", nil),
            ("٣s", nil), ("1sec", nil), (" 1s", nil), ("99999999999999999999s", nil),
        ] as [(String, Int64?)])
    func times(text: String, nanoseconds: Int64?) {
        #expect(QuantityText.nanoseconds(text) == nanoseconds)
        #expect(QuantityText.duration(text) == nanoseconds.map { .nanoseconds($0) })
    }

    @Test(
        "Rates are events a second, or by another unit of time",
        arguments: [
            ("15000", 15_000), ("15_000", 15_000), ("1000/s", 1_000), ("1000 / s", 1_000), ("60/min", 1), ("60/m", 1),
            ("7200/h", 2), ("2/ms", 2_000), ("0.5/sec", 0.5), ("3600/hour", 1), ("-1", nil), ("1/day", nil),
            ("/s", nil),
            ("", nil), ("1e3", nil), ("inf", nil), (" 1", nil), ("1/", nil), ("_1", nil),
        ] as [(String, Double?)])
    func rates(text: String, perSecond: Double?) {
        #expect(QuantityText.rate(text) == perSecond)
    }

    @Test(
        "Sizes are whole bytes",
        arguments: [
            ("512", 512), ("64MiB", 64 << 20), ("1 KiB", 1_024), ("10kB", 10_000), ("1.5KiB", 1_536), ("0.3B", nil),
            ("1K", nil), ("-1", nil), ("", nil), ("2 TiB", 2 << 40), ("99999999TiB", nil),
        ] as [(String, Int?)])
    func sizes(text: String, bytes: Int?) {
        #expect(QuantityText.bytes(text) == bytes)
    }

    @Test(
        "Shares are per cent or plain",
        arguments: [("2%", 0.02), ("2.5 %", 0.025), ("0.02", 0.02), ("1", 1), ("%", nil), ("-1%", nil), ("x", nil)]
            as [(String, Double?)])
    func shares(text: String, share: Double?) {
        #expect(QuantityText.share(text) == share)
    }

    @Test(
        "Numbers are decimal, with separators only between digits",
        arguments: [
            ("-1.5", -1.5), ("1e6", 1e6), ("1_000_000", 1_000_000), ("1__0", nil), ("_1", nil), ("1_", nil),
            ("+1", nil),
            ("0x10", nil), ("nan", nil), ("inf", nil), ("1e999", nil), ("", nil),
        ] as [(String, Double?)])
    func numbers(text: String, number: Double?) {
        #expect(QuantityText.number(text) == number)
    }

    @Test("Whole numbers have no point", arguments: [("12", 12), ("-3", -3), ("1_0", 10), ("1.0", nil), ("+1", nil)])
    func integers(text: String, integer: Int?) {
        #expect(QuantityText.integer(text) == integer)
    }

    @Test("The nearest name takes the fewest edits, the first of several")
    func nearest() {
        #expect(NearestName.distance("kitten", "sitting") == 3 && NearestName.distance("", "abc") == 3)
        #expect(NearestName.nearest(to: "cancle", among: ["new", "cancel", "replace"]) == "cancel")
        #expect(NearestName.nearest(to: "aa", among: ["ab", "ba"]) == "ab")
        #expect(NearestName.nearest(to: "x", among: []) == nil)
    }
}
