import Settings
import Testing

@Suite("Settings files")
struct SettingsSectionTests {
    private func top(_ yaml: String) throws -> SettingsSection { try SettingsSection(yaml: yaml, name: "f.yaml") }

    private func message(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "no error"
        } catch { return "\(error)" }
    }

    @Test("Values of every kind are read, and defaults where the file is silent")
    func reads() throws {
        let top = try top(
            """
            name: x
            count: 1_000
            ratio: -0.5
            on: true
            word: b
            nested: {time: 16m10s, rate: 60/min, size: 64MiB, share: 2%, at: "[::1]:80"}
            list: [a, 'b', "c"]
            empty:
            """)
        #expect(try top.text("name", default: "") == "x" && top.text("absent", default: "d") == "d")
        #expect(try top.integer("count", default: 0, in: 0...1_000) == 1_000)
        #expect(try top.number("ratio", default: 0, in: -1...1) == -0.5)
        #expect(try top.flag("on", default: false))
        #expect(try top.word("word", default: "a", among: ["a", "b"]) == "b")
        let nested = try top.section("nested")
        #expect(try nested.required("time").duration(in: .zero ... .seconds(1_000)) == .seconds(970))
        #expect(try nested.required("rate").rate(in: 0...10) == 1)
        #expect(try nested.required("size").bytes(in: 0...(1 << 30)) == 64 << 20)
        #expect(try nested.required("share").share() == 0.02)
        #expect(try nested.required("at").address() == ("[::1]", 80))
        #expect(try top.texts("list", default: []) == ["a", "b", "c"])
        #expect(try top.text("empty", default: "d") == "")
        #expect(try top.section("absent").integer("n", default: 7, in: 0...9) == 7)
        #expect(top.has("on") && !top.has("off"))
        try top.finish()
    }

    @Test("A key nobody asked for is refused with its place and the nearest known one, in order of the sections")
    func strangers() throws {
        let top = try top("a: {fxi: 1}\nb: 2\n")
        _ = try top.section("a").text("fix", default: "")
        #expect(message { try top.finish() } == "f.yaml:2:1: unknown key b; did you mean a?")
        _ = top.value("b")
        #expect(message { try top.finish() } == "f.yaml:1:5: unknown key a.fxi; did you mean a.fix?")
        #expect(message { try self.top("x: 1").finish() } == "f.yaml:1:1: unknown key x")
        #expect(
            message { try self.top("sed: 1").allow(["name", "seed"]) }
                == "f.yaml:1:1: unknown key sed; did you mean seed?")
    }

    @Test(
        "Wrong types and ranges say what was expected",
        arguments: [
            ("v: x", "f.yaml:1:4: v must be a whole number in 1...5"),
            ("v: 6", "f.yaml:1:4: v must be a whole number in 1...5"),
            ("v: [1]", "f.yaml:1:4: v must be a whole number in 1...5"),
            ("v:", "f.yaml:1:3: v must be a whole number in 1...5"),
            ("v: 1.0", "f.yaml:1:4: v must be a whole number in 1...5"),
        ])
    func integers(yaml: String, expected: String) {
        #expect(message { _ = try top(yaml).integer("v", default: 1, in: 1...5) } == expected)
    }

    @Test("Each reading has its own words")
    func words() throws {
        let value = try top("a: {b: [x]}").section("a").required("b").list()[0]
        #expect(value.path == "a.b[0]")
        #expect(message { _ = try value.flag() } == "f.yaml:1:9: a.b[0] must be true or false")
        #expect(message { _ = try value.word(among: ["y", "z"]) } == "f.yaml:1:9: a.b[0] must be one of y, z")
        #expect(message { _ = try value.number(in: 0...1.5) } == "f.yaml:1:9: a.b[0] must be a number in 0...1.5")
        #expect(
            message { _ = try value.duration(in: .zero ... .seconds(1)) }
                == "f.yaml:1:9: a.b[0] must be a time such as 10s, 1.5m or 500ms")
        #expect(
            message { _ = try value.rate(in: 0...1) }
                == "f.yaml:1:9: a.b[0] must be a rate such as 15000, 1000/s or 60/min")
        #expect(message { _ = try value.bytes(in: 0...1) } == "f.yaml:1:9: a.b[0] must be a size such as 64MiB or 512")
        #expect(message { _ = try value.share() } == "f.yaml:1:9: a.b[0] must be a share such as 2% or 0.02")
        #expect(message { _ = try value.address() } == "f.yaml:1:9: a.b[0] must be host:port with a port in 0...65535")
        #expect(message { _ = try value.list() } == "f.yaml:1:9: a.b[0] must be a list")
        #expect(message { _ = try value.section() } == "f.yaml:1:9: a.b[0] must hold keys")
        #expect(message { _ = try value.unsigned() } == "f.yaml:1:9: a.b[0] must be a whole number from 0 to 2^64 - 1")
        #expect(message { _ = try top("a: {}").required("b") } == "f.yaml:1:1: b is missing")
        #expect(message { throw try top("k: 1").error("k", "is odd") } == "f.yaml:1:4: k: is odd")
    }

    @Test(
        "Quantities out of range name the range in readable units",
        arguments: [
            ("1s", "v must be a time from 2s to 10m"), ("11m", "v must be a time from 2s to 10m"), ("2s", "no error"),
            ("10m", "no error"),
        ])
    func ranges(text: String, expected: String) {
        let error = message { _ = try top("v: \(text)").required("v").duration(in: .seconds(2) ... .seconds(600)) }
        #expect(error.hasSuffix(expected))
    }

    @Test("Options lie over the file and are named in errors")
    func options() throws {
        var node = try SettingNode(yaml: "seed: 1\ntarget: {address: a}\n", name: "f.yaml")
        node.set(["seed"], to: .option("--seed", "x"))
        node.set(["target", "timeout"], to: .option("--timeout", "5"))
        node.set(["orders", "marketable"], to: .option("--marketable", "0.5"))
        let top = try SettingsSection(SettingValue(node, path: ""))
        #expect(
            message { _ = try top.integer("seed", default: 0, in: 0...9) } == "--seed must be a whole number in 0...9")
        let timeout = try top.section("target").required("timeout")
        #expect(
            message { _ = try timeout.duration(in: .zero ... .seconds(1)) }
                == "--timeout must be a time such as 10s, 1.5m or 500ms")
        #expect(try top.section("orders").required("marketable").share() == 0.5)
        #expect(try top.section("target").text("address", default: "") == "a")
        #expect(node.value(at: ["target", "address"])?.content == .scalar("a"))
        #expect(node.value(at: ["target", "nothing"]) == nil && node.value(at: ["seed", "x"]) == nil)
        node.remove("target")
        #expect(node.value(at: ["target"]) == nil)
    }

    @Test(
        "What is no settings file is refused",
        arguments: [
            ("- a\n", "f.yaml:1:1: the file must hold keys"), ("7\n", "f.yaml:1:1: the file must hold keys"),
            ("a: [\n", "f.yaml:2:1: not YAML: did not find expected node content"),
            ("a: 1\nb: 2\na: 3\n", "f.yaml:1:1: a appears twice"),
            ("x: {a: 1, a: 2}\n", "f.yaml:1:5: a appears twice"),
            ("[a]: 1\n", "f.yaml:1:1: a key must be a text"),
            ("a: *b\n", "f.yaml:1:4: not YAML: found undefined alias"),
            ("a: \"x\n", "f.yaml:2:1: not YAML: found unexpected end of stream"),
            ("a: 1\n---\nb: 2\n", "f.yaml:2:1: not YAML: but found another document"),
            ("a: \t1\n\t- b", "f.yaml:2:1: not YAML: found a tab character that violates indentation"),
        ])
    func refused(yaml: String, expected: String) {
        #expect(message { _ = try top(yaml) } == expected)
    }

    @Test("An empty file is an empty section")
    func empty() throws {
        let top = try top("")
        try top.finish()
        #expect(top.openKeys().isEmpty)
    }

    @Test("Depth, aliases and length are limited")
    func limits() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(message { _ = try top("a: " + deep) }.contains("nested deeper than 64"))
        #expect(message { _ = try top(String(repeating: "- ", count: 100_000)) }.contains("nested deeper than 64"))
        let mapping = (0..<64).reduce("") { $0 + String(repeating: " ", count: $1) + "a:\n" }
        #expect(message { _ = try top(mapping) }.contains("nested deeper than 64") == false)
        let one = (0..<65).reduce("") { $0 + String(repeating: " ", count: $1) + "a:\n" }
        #expect(message { _ = try top(one) }.contains("nested deeper than 64"))
        var laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<9 {
            let uses = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            laughs += "a\(level): &a\(level) [\(uses)]\n"
        }
        #expect(message { _ = try top(laughs) }.contains("more than 200000 values"))
        #expect(message { _ = try top("a: " + String(repeating: "x", count: 4 << 20)) } == "f.yaml: longer than 4 MiB")
    }

    @Test("Random bytes never crash the reader")
    func garbage() {
        var state: UInt64 = 7
        let alphabet = Array("ab:-[]{}&*\"'|>\n\t #%!?,0.".utf8)
        for _ in 0..<2_000 {
            var bytes: [UInt8] = []
            for _ in 0..<40 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(alphabet[Int(state >> 33) % alphabet.count])
            }
            _ = message { _ = try top(String(decoding: bytes, as: UTF8.self)) }
        }
    }
}
