import Engine
import Foundation
import TestData
import Testing

/// Values found in JSON texts, against Foundation's reader.
@Suite struct HTTPJSONPathTests {
    private func find(_ text: String, _ path: String..., room: Int = 64) -> (HTTPJSONPath.Found, String) {
        var value: [UInt8] = []
        let found = HTTPJSONPath(path).find(in: Array(text.utf8).span, into: &value, room: room)
        return (found, found == .value ? String(decoding: value, as: UTF8.self) : "")
    }

    @Test("Keys and indices lead to strings, numbers and truth values")
    func paths() {
        let text = #" { "a" : [ {"id": 1}, {"id": -2.5e+3} ], "b":{"c":{"d":"x"}}, "t":true, "0":"zero", "e":"" } "#
        #expect(find(text, "a", "0", "id") == (.value, "1"))
        #expect(find(text, "a", "1", "id") == (.value, "-2.5e+3"))
        #expect(find(text, "b", "c", "d") == (.value, "x"))
        #expect(find(text, "t") == (.value, "true"))
        #expect(find(text, "0") == (.value, "zero"))
        #expect(find(text, "e") == (.value, ""))
        #expect(find("[[3]]", "0", "0") == (.value, "3"))
        #expect(find("17") == (.value, "17"))
        #expect(find(#"{"a":1,"a":2}"#, "a") == (.value, "1"))
    }

    @Test("What is not there is missing, what is no JSON is malformed, what is too long is neither")
    func absences() {
        let text = #"{"a":[1,2],"n":null,"o":{},"s":"12345678"}"#
        let paths = [
            ["x"], ["a"], ["a", "2"], ["a", "-1"], ["a", "k"], ["n"], ["o"], ["o", "x"], ["s", "x"], ["n", "x"],
        ]
        for path in paths {
            var value: [UInt8] = []
            #expect(HTTPJSONPath(path).find(in: Array(text.utf8).span, into: &value, room: 64) == .missing, "\(path)")
        }
        #expect(find(text, "s", room: 8) == (.value, "12345678"))
        #expect(find(text, "s", room: 7).0 == .tooLong)
        #expect(find(#"{"a":12345}"#, "a", room: 4).0 == .tooLong)
        for bad in [
            "", "{", #"{"a"#, #"{"a":"#, #"{"a" 1}"#, #"{"b":1 "a":2}"#, #"{"b":}"#, #"{"a":nul}"#, #"{"a":"x"#,
            #"{"b":[1,{},"a":3}"#, #"{"a":"\x"}"#, #"{"a":"\u12G4"}"#, "{\"a\":\"\n\"}", "<html>", #"{a:1}"#, "[1",
            "{\"b\":]}",
        ] {
            #expect(find(bad, "a").0 == .malformed || bad == "[1", "\(bad)")
        }
    }

    @Test("Escapes become characters")
    func escapes() {
        #expect(find(#"{"k\u0065y":"\"\\\/\b\f\n\r\t"}"#, "key") == (.value, "\"\\/\u{8}\u{C}\n\r\t"))
        #expect(find(#"{"a":"\u00fc\u20AC\uD83D\uDE00"}"#, "a") == (.value, "ü€😀"))
        #expect(find(#"{"a":"\uD83Dx\uDE00"}"#, "a") == (.value, "\u{FFFD}x\u{FFFD}"))
    }

    @Test("Brackets are followed to their limit and no further")
    func depth() {
        func nested(_ depth: Int) -> String {
            #"{"b":"# + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + #","a":1}"#
        }
        #expect(find(nested(HTTPJSONPath.depthMax), "a") == (.value, "1"))
        #expect(find(nested(HTTPJSONPath.depthMax + 1), "a").0 == .malformed)
    }

    @Test("Every leaf of random documents is found, and garbage is survived")
    func random() throws {
        var random = SplitMix64(seed: 54)
        for round in 0..<300 {
            var leaves: [(path: [String], text: String)] = []
            let document = make(&random, depth: 0, path: [], &leaves)
            let data = try JSONSerialization.data(
                withJSONObject: document, options: random.percent(50) ? [.prettyPrinted] : [.fragmentsAllowed])
            let bytes = [UInt8](data)
            for leaf in leaves {
                var value: [UInt8] = []
                #expect(HTTPJSONPath(leaf.path).find(in: bytes.span, into: &value, room: 1_000) == .value, "\(round)")
                #expect(String(decoding: value, as: UTF8.self) == leaf.text, "round \(round), \(leaf.path)")
            }
            var broken = bytes
            broken[random.below(broken.count)] = UInt8(truncatingIfNeeded: random.next())
            for leaf in leaves.prefix(3) {
                var value: [UInt8] = []
                _ = HTTPJSONPath(leaf.path).find(in: broken.span, into: &value, room: 64)
                #expect(value.count <= 64)
            }
        }
    }

    /// A random object or array; leaves with their paths and their texts.
    private func make(
        _ random: inout SplitMix64, depth: Int, path: [String], _ leaves: inout [(path: [String], text: String)]
    ) -> Any {
        if depth > 0, depth > 3 || random.percent(50) {
            let isNumber = random.percent(50)
            let number = random.below(1_000_000) - 500_000
            let pool = Array("aé€😀\"\\\n\t/ 0")
            let string = String((0..<random.below(8)).map { _ in pool[random.below(pool.count)] })
            leaves.append((path, isNumber ? "\(number)" : string))
            return isNumber ? number : string
        }
        if random.percent(40) {
            var array: [Any] = []
            for index in 0...random.below(4) {
                array.append(make(&random, depth: depth + 1, path: path + ["\(index)"], &leaves))
            }
            return array
        }
        var object: [String: Any] = [:]
        for index in 0...random.below(4) {
            let key = "k\(index)\(random.percent(30) ? "\"é" : "")"
            object[key] = make(&random, depth: depth + 1, path: path + [key], &leaves)
        }
        return object
    }

    @Test("A path shows as it is written in scenarios")
    func description() {
        #expect(HTTPJSONPath(["order", "id"]).description == "$.order.id")
        #expect(HTTPJSONPath(["0", "id"]).description == "$[0].id")
    }
}
