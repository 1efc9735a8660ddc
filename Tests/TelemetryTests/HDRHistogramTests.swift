import Telemetry
import TestData
import Testing

@Suite("HDR histogram")
struct HDRHistogramTests {
    /// The reference vector: lowest 1, highest 3,600,000,000, 3 digits, ten values (produced by HdrHistogram's tools).
    private func golden() -> HDRHistogram {
        var histogram = HDRHistogram(lowest: 1, highest: 3_600_000_000)
        for value: Int64 in [1, 1_000, 1_000, 2_047, 2_048, 2_050, 100_000, 100_000, 100_000, 1_234_567] {
            histogram.record(value)
        }
        return histogram
    }

    private static let goldenText =
        "HISTFAAAAEN4AQE4AMf/HISTEwAAABAAAAAAAAAAAwAAAAAAAAABAAAAANaTpAA/8AAAAAAAAAECyw8EqxACAgKvWAazOgK5Nwg1"

    @Test("The encoding of the golden vector equals HdrHistogram's byte for byte")
    func encodesGoldenVector() {
        let hex = HDRHistogramCodec.encodeUncompressed(golden()).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count < 2 ? "0" + digits : digits
        }.joined()
        #expect(
            hex == "1c849313000000100000000000000003000000000000000100000000d693a4003ff0000000000000"
                + "0102cb0f04ab10020202af5806b33a02")
        #expect(HDRHistogramCodec.encode(golden()) == Self.goldenText)
    }

    @Test("The golden vector decodes to HdrHistogram's own percentiles")
    func decodesGoldenVector() throws {
        let histogram = try HDRHistogramCodec.decode(Self.goldenText)
        #expect(histogram.count == 10)
        #expect(histogram.value(atPercentile: 50) == 2_049)
        #expect(histogram.value(atPercentile: 90) == 100_031)
        #expect(histogram.value(atPercentile: 100) == 1_234_943)
        #expect(HDRHistogramCodec.encode(histogram) == Self.goldenText)
    }

    @Test("Percentiles agree with a sorted array to three digits", arguments: 1...10 as ClosedRange<UInt64>)
    func agreesWithSort(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var histogram = HDRHistogram.latency()
        var values: [Int64] = []
        for _ in 0..<5_000 {
            // Log-uniform over 1 us ... 60 s: every bucket gets some.
            let value = Int64(1_000 * (1 << (random.next() % 25)) + random.next() % 1_000_000)
            values.append(value)
            histogram.record(value)
        }
        values.sort()
        #expect(histogram.least == values[0] && histogram.greatest == values[4_999], "seed \(seed)")
        for percentile in [1, 10, 25, 50, 75, 90, 99, 99.9, 100] {
            let rank = max(1, Int((percentile / 100 * 5_000).rounded(.up)))
            let exact = Double(values[rank - 1])
            let found = Double(histogram.value(atPercentile: percentile))
            // 512 ns unit, then 1 part in 1,000; reported as the upper end of the sub-bucket.
            #expect(found >= exact && found <= exact * 1.001 + 512, "seed \(seed), p\(percentile)")
        }
        let mean = Double(values.reduce(0, +)) / 5_000
        #expect(abs(histogram.mean - mean) < mean * 1e-9)
        #expect(histogram.occupied.reduce(0) { $0 + $1.count } == 5_000)
    }

    @Test("A merge of parts equals one histogram of all values", arguments: 1...5 as ClosedRange<UInt64>)
    func merges(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var (all, left, right) = (HDRHistogram.latency(), HDRHistogram.latency(), HDRHistogram.latency())
        for index in 0..<3_000 {
            let value = Int64(random.next() % 200_000_000_000)
            all.record(value)
            if index % 3 == 0 { left.record(value) } else { right.record(value) }
        }
        left.add(right)
        #expect(left.count == all.count && left.saturated == all.saturated && left.greatest == all.greatest)
        for percentile in [0.1, 50, 99, 100] {
            #expect(left.value(atPercentile: percentile) == all.value(atPercentile: percentile))
        }
        let decoded = try HDRHistogramCodec.decode(HDRHistogramCodec.encode(all))
        #expect(decoded.occupied.map(\.count) == all.occupied.map(\.count), "seed \(seed)")
    }

    @Test("The highest value is kept, one above it is clamped and counted")
    func saturates() {
        var histogram = HDRHistogram(lowest: 1, highest: 1_000, digits: 3)
        histogram.record(1_000)
        #expect(histogram.saturated == 0)
        histogram.record(1_001)
        #expect(histogram.saturated == 1 && histogram.count == 2 && histogram.greatest == 1_000)
        histogram.record(-5)
        #expect(histogram.least == 0)
    }

    @Test("An empty histogram answers zero, and reset empties one")
    func empty() throws {
        var histogram = golden()
        histogram.reset()
        #expect(histogram == HDRHistogram(lowest: 1, highest: 3_600_000_000))
        #expect(histogram.value(atPercentile: 99) == 0 && histogram.mean == 0 && histogram.least == 0)
        #expect(try HDRHistogramCodec.decode(HDRHistogramCodec.encode(histogram)).count == 0)
    }

    @Test("Counting at or below a value includes its sub-bucket")
    func countsBelow() {
        let histogram = golden()
        #expect(histogram.count(atOrBelow: 999) == 1)
        #expect(histogram.count(atOrBelow: 1_000) == 3)
        #expect(histogram.count(atOrBelow: 2_048) == 5)
        #expect(histogram.count(atOrBelow: .max) == 10)
    }

    @Test("Every truncation and every flipped byte of an encoding is an error or another histogram, never a crash")
    func rejectsGarbage() {
        let text = Array(Self.goldenText.utf8)
        var refused = 0
        for length in 0..<text.count {
            do {
                _ = try HDRHistogramCodec.decode(String(decoding: text[..<length], as: UTF8.self))
                Issue.record("a prefix of \(length) characters was accepted")
            } catch { refused += 1 }
        }
        #expect(refused == text.count)
        let bytes = HDRHistogramCodec.encodeUncompressed(golden())
        for index in bytes.indices {
            for bit in 0..<8 {
                var broken = bytes
                broken[index] ^= 1 << UInt8(bit)
                do { _ = try HDRHistogramCodec.decodeUncompressed(broken) } catch { refused += 1 }
            }
        }
        #expect(refused > text.count + 200)
    }

    @Test("A compressed deflate block is named as such")
    func namesCompressedBlocks() {
        // 78 9c, then a block with type 01 (fixed Huffman).
        let zlib: [UInt8] = [0x78, 0x9C, 0x63, 0x00, 0x00, 0, 0, 0, 0]
        let frame: [UInt8] = [0x1C, 0x84, 0x93, 0x14, 0, 0, 0, UInt8(zlib.count)] + zlib
        #expect(throws: HDRHistogramDecodingError.compressedBlocks) {
            _ = try HDRHistogramCodec.decode(base64(frame))
        }
    }

    private func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var bits = bytes.flatMap { byte in (0..<8).map { byte >> UInt8(7 - $0) & 1 } }
        while bits.count % 6 != 0 { bits.append(0) }
        var text = ""
        for start in stride(from: 0, to: bits.count, by: 6) {
            text.append(alphabet[bits[start..<start + 6].reduce(0) { $0 << 1 | Int($1) }])
        }
        while text.count % 4 != 0 { text += "=" }
        return text
    }
}
