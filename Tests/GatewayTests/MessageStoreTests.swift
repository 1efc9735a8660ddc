import FIX
import Gateway
import Glibc
import Testing

@Suite("Kept messages")
struct MessageStoreTests {
    static let header = HeaderTemplate(sender: Array("S".utf8), target: Array("T".utf8))

    func append(_ numbers: some Sequence<Int>, to store: FileMessageStore) {
        var writer = FrameWriter()
        for number in numbers {
            writer.removeAll()
            writer.begin(.executionReport, number: UInt64(number), header: Self.header, time: 0)
            writer.append(37, Int64(number) * 7)
            writer.finish()
            writer.withLastFrame { store.append(UInt64(number), $0) }
        }
    }

    func load(_ store: FileMessageStore, _ first: UInt64, _ last: UInt64) -> [Int64] {
        var fields = FieldIndex()
        var result: [Int64] = []
        var cursor = first
        while let found = store.load(from: cursor, through: last, into: &fields) {
            let value = fields.int(37) ?? -1
            result.append(value)
            if value != Int64(found) * 7 { Issue.record("number \(found) holds \(value)") }
            cursor = found + 1
        }
        return result
    }

    @Test("Any range is found again, before and after the file is opened anew, holes included")
    func ranges() async throws {
        try await withDirectory { directory in
            let odd = stride(from: 1, through: 5_001, by: 2)
            do {
                let store = try FileMessageStore(directory: directory, name: "session-1")
                append(odd, to: store)
                #expect(load(store, 1, 9_999).count == 2_501)
                #expect(load(store, 2, 8) == [21, 35, 49])
                store.flush(expected: 17, next: 5_002)
            }
            let store = try FileMessageStore(directory: directory, name: "session-1")
            #expect(store.expected == 17 && store.next == 5_002)
            #expect(load(store, 1, 9_999).count == 2_501)
            #expect(load(store, 4_999, 5_001) == [34_993, 35_007])
            #expect(load(store, 5_002, 9_999) == [])
            #expect(load(store, 2, 2) == [])
        }
    }

    @Test("A torn tail is cut off wherever it tears, and appending goes on behind it")
    func tornTail() async throws {
        try await withDirectory { directory in
            let path = "\(directory)/session-1.log"
            for cut in 1...70 {
                do {
                    let store = try FileMessageStore(directory: directory, name: "session-1")
                    store.reset()
                    append(1...10, to: store)
                    store.flush(expected: 1, next: 11)
                }
                var status = stat()
                stat(path, &status)
                truncate(path, status.st_size - off_t(cut))
                let store = try FileMessageStore(directory: directory, name: "session-1")
                // A frame of this test is 68 bytes or so: one or two are lost.
                let left = load(store, 1, 100).count
                #expect(left == 9 || (left == 8 && cut > 60), "cut \(cut) leaves \(left)")
                #expect(store.next == 11, "numbers do not go back")
                append(11...12, to: store)
                #expect(load(store, 11, 12) == [77, 84])
                store.flush(expected: 1, next: 1)
            }
        }
    }

    @Test("Numbers never fall behind the log: the process may die between the two")
    func numbersBehindLog() async throws {
        try await withDirectory { directory in
            do {
                let store = try FileMessageStore(directory: directory, name: "session-1")
                append(1...10, to: store)
                store.flush(expected: 3, next: 5)
            }
            #expect(try FileMessageStore(directory: directory, name: "session-1").next == 11)
        }
    }

    @Test("At its limit the log starts anew, and is never longer")
    func limit() async throws {
        try await withDirectory { directory in
            let store = try FileMessageStore(directory: directory, name: "session-1", bytesMax: 10_000)
            for number in 1...1_000 {
                append([number], to: store)
                store.flush(expected: 1, next: UInt64(number) + 1)
                var status = stat()
                stat("\(directory)/session-1.log", &status)
                // The mapped space is 256 KiB from the page of the log's end.
                if status.st_size > 10_000 + 262_144 { Issue.record("\(status.st_size) bytes") }
            }
            let left = load(store, 1, 1_000)
            #expect(left.last == 7_000 && left.count < 160)
        }
    }

    @Test("A file of numbers that is none starts at 1, and a directory that is missing is named")
    func damaged() async throws {
        try await withDirectory { directory in
            let file = fopen("\(directory)/session-1.seq", "w")
            fputs("this is not a file of sequence numbers, but it is long enough to be one", file)
            fclose(file)
            let store = try FileMessageStore(directory: directory, name: "session-1")
            #expect(store.expected == 1 && store.next == 1)
        }
        let error = #expect(throws: GatewayError.self) {
            try FileMessageStore(directory: "/nowhere", name: "session-1")
        }
        #expect(error?.message == "cannot open /nowhere/session-1.seq: No such file or directory")
    }
}
