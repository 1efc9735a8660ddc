import CacheStack
import Testing

@Suite("Session tokens that travel")
struct SessionTravelTests {
    static let tokens = [
        SessionToken(), SessionToken(epoch: 1, ticket: .zero), SessionToken(epoch: 1, ticket: Ticket(7)),
        SessionToken(epoch: .max, ticket: Ticket(9_999_999_999_999_999)),
    ]

    @Test("Text and bytes come back", arguments: tokens)
    func roundTrip(_ token: SessionToken) throws {
        #expect(try SessionToken(travelText: token.travelText) == token)
        #expect(try SessionToken(travelBytes: token.travelBytes) == token)
        #expect(token.travelText.utf8.count <= 40 && token.travelBytes.count == 17)
    }

    @Test("The forms are those of the documentation")
    func golden() {
        let token = SessionToken(epoch: 1, ticket: Ticket(7))
        let sum = CRC32C.checksum(Array("st1-1-7".utf8).span)
        let digits = String(sum, radix: 16)
        #expect(token.travelText == "st1-1-7-" + String(repeating: "0", count: 8 - digits.count) + digits)
        #expect(token.travelBytes.prefix(13) == [1, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test("Every change of one byte is found", arguments: tokens)
    func garbled(_ token: SessionToken) {
        let text = Array(token.travelText.utf8)
        for index in text.indices {
            for byte in UInt8(32)...126 where byte != text[index] {
                var bad = text
                bad[index] = byte
                #expect(throws: SessionTokenError.self, "\(index) \(byte)") {
                    try SessionToken(travelText: String(decoding: bad, as: UTF8.self))
                }
            }
        }
        let bytes = token.travelBytes
        for index in bytes.indices {
            for bit in 0..<8 {
                var bad = bytes
                bad[index] ^= 1 << UInt8(bit)
                #expect(throws: SessionTokenError.self, "\(index) \(bit)") { try SessionToken(travelBytes: bad) }
            }
        }
    }

    private func code(_ text: String) -> SessionTokenError.Code? {
        do {
            _ = try SessionToken(travelText: text)
            return nil
        } catch {
            return error.code
        }
    }

    /// A text of that body with a right checksum.
    private func sealed(_ body: String) -> String {
        let digits = String(CRC32C.checksum(Array(body.utf8).span), radix: 16)
        return body + "-" + String(repeating: "0", count: 8 - digits.count) + digits
    }

    @Test("What is no token says why")
    func faults() {
        #expect(code(sealed("st1-1-7")) == nil)
        #expect(code("") == .length && code(String(repeating: "1", count: 41)) == .length)
        #expect(code(sealed("st2-1-7-00000")) == .version && code(String(repeating: "é", count: 10)) == .version)
        #expect(code(sealed("st1-0-7000")) == .format, "a ticket without epoch")
        #expect(code(sealed("st1-01-7000")) == .format, "a second spelling of one token")
        #expect(code(sealed("st1-4294967296-1")) == .format)
        #expect(code(sealed("st1-1-10000000000000000")) == .format)
        #expect(code("st1-1-7000-00000000") == .checksum)
        #expect(throws: SessionTokenError(.length, "a token has 17 bytes, not 0")) { try SessionToken(travelBytes: []) }
    }
}
