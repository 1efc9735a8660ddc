import Services
import Testing

@Suite("Passwords")
struct PasswordHashTests {
    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }

    /// FIPS 180-4 examples: one block, two blocks, the empty message, a million times "a".
    @Test(
        "SHA-256 gives the digests of its standard",
        arguments: [
            ("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            ("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            ("a", 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ])
    func digest(text: String, count: Int, expected: String) {
        #expect(hex(SHA256.hash(Array(repeating: Array(text.utf8), count: count).flatMap(\.self))) == expected)
    }

    /// RFC 4231, cases 1, 2 and 6 (a key longer than a block).
    @Test(
        "HMAC gives the codes of RFC 4231",
        arguments: [
            (
                [UInt8](repeating: 0x0B, count: 20), "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xAA, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
        ])
    func code(key: [UInt8], message: String, expected: String) {
        #expect(hex(HMAC.sha256(key: key, Array(message.utf8))) == expected)
    }

    /// RFC 7914, section 11 (first 32 of 64 bytes), and the SHA-256 forms of RFC 6070's vectors.
    @Test(
        "PBKDF2 gives the published keys",
        arguments: [
            ("passwd", "salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"),
            ("password", "salt", 1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b"),
            ("password", "salt", 2, "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"),
            ("password", "salt", 4_096, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"),
        ])
    func key(password: String, salt: String, rounds: Int, expected: String) {
        #expect(hex(PasswordHash.hash(Array(password.utf8), salt: Array(salt.utf8), rounds: rounds)) == expected)
    }

    @Test("Comparison tells equal from different, wherever the difference is")
    func comparison() {
        let hash = PasswordHash.hash(Array("secret".utf8), salt: [1, 2, 3], rounds: 3)
        #expect(hash.count == PasswordHash.length && PasswordHash.matches(hash, hash))
        for index in hash.indices {
            var other = hash
            other[index] ^= 1
            #expect(!PasswordHash.matches(hash, other))
        }
        #expect(!PasswordHash.matches(hash, hash.dropLast()) && !PasswordHash.matches(hash, []))
    }

    @Test("A login takes its own password only; without a hash it takes any")
    func login() {
        var row = LoginRow(session: 1, compID: "CLIENT1")
        #expect(row.accepts(password: nil) && row.accepts(password: "anything"))
        row.salt = [9, 8, 7]
        row.passwordHash = PasswordHash.hash(Array("secret".utf8), salt: row.salt)
        #expect(row.accepts(password: "secret"))
        #expect(!row.accepts(password: "Secret") && !row.accepts(password: "") && !row.accepts(password: nil))
    }
}
