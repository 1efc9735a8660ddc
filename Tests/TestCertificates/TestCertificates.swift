import Foundation
import Glibc

/// Certificates made with the `openssl` program, once a process: an authority, a foreign one, and what they signed.
///
/// Files below one scratch directory, which is removed when the process ends in order.
public struct TestCertificates: Sendable {
    /// A certificate and its key.
    public struct Pair: Sendable {
        public let certificate: String
        public let key: String
    }

    public let directory: String

    /// Made by the first test that asks; nil where `openssl` is missing or fails.
    public static let shared = TestCertificates()

    /// Whether the tests can run; where `CI` is set they always do, and fail if the program is missing.
    public static var areAvailable: Bool { shared != nil || ProcessInfo.processInfo.environment["CI"] != nil }

    /// Signs all servers and clients but the foreign ones.
    public var authority: String { "\(directory)/ca.crt" }
    public var foreignAuthority: String { "\(directory)/foreign-ca.crt" }
    /// Names 127.0.0.1, ::1 and redis.test.
    public var server: Pair { pair("server") }
    /// Names other.test and 192.0.2.1 (RFC 5737).
    public var misnamed: Pair { pair("misnamed") }
    public var expired: Pair { pair("expired") }
    /// Signed by the foreign authority.
    public var foreign: Pair { pair("foreign") }
    public var client: Pair { pair("client") }
    /// The client's key under a passphrase.
    public var encryptedKey: String { "\(directory)/encrypted.key" }

    private func pair(_ name: String) -> Pair {
        Pair(certificate: "\(directory)/\(name).crt", key: "\(directory)/\(name).key")
    }

    private static let script = #"""
        set -e
        cd "$1"
        ec="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        for ca in ca foreign-ca; do openssl req -x509 $ec -keyout $ca.key -out $ca.crt -subj /CN=$ca -days 2; done
        make() { # name, authority, days, alternative names
            openssl req $ec -keyout $1.key -out $1.csr -subj /CN=$1
            echo "subjectAltName=$4" >$1.ext; serial=$((serial + 1))
            openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -set_serial $serial -days $3 -extfile $1.ext -out $1.crt
        }
        serial=1
        here=IP:127.0.0.1,IP:::1,DNS:redis.test
        make server ca 2 $here
        make misnamed ca 2 DNS:other.test,IP:192.0.2.1
        make expired ca -1 $here
        make foreign foreign-ca 2 $here
        make client ca 2 DNS:client.test
        openssl ec -in client.key -aes128 -passout pass:secret -out encrypted.key
        """#

    private init?() {
        var template = Array(
            "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/springtidetls-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { return nil }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", Self.script, "certificates", directory]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { return nil }
        Self.path = strdup(directory)
        atexit {
            guard let path = TestCertificates.path else { return }
            try? FileManager.default.removeItem(atPath: String(cString: path))
        }
    }

    nonisolated(unsafe) private static var path: UnsafeMutablePointer<CChar>?
}
