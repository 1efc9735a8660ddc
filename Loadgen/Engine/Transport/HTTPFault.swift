/// What is wrong with a reply; the connection that brought it is of no further use.
package enum HTTPFault: String, Error, Sendable, CaseIterable {
    /// The first line is not `HTTP/1.x NNN ...`.
    case statusLine = "status line"
    /// A header or trailer line without a name, with a space before its colon, or with control characters.
    case header = "header line"
    /// A header line that goes on in the next one (obs-fold, forbidden since RFC 7230).
    case foldedHeader = "folded header"
    /// A line that ends in a line feed alone.
    case lineFeed = "line feed without CR"
    /// Head longer than `HTTPResponseReader.Limits.headBytesMax`.
    case headTooLong = "head too long"
    /// More header lines than `HTTPResponseReader.Limits.headersMax`.
    case tooManyHeaders = "too many headers"
    /// Content-Length is no number, or two of them differ.
    case contentLength = "Content-Length"
    /// Transfer-Encoding beside Content-Length, from an HTTP/1.0 server, or with `chunked` not last and once.
    case transferEncoding = "Transfer-Encoding"
    /// A chunk's size is no hexadecimal number of at most 15 digits, or its line is too long.
    case chunkSize = "chunk size"
    /// A chunk is not followed by CR LF.
    case chunkEnd = "chunk end"
    /// Trailers longer than `HTTPResponseReader.Limits.trailerBytesMax`.
    case trailerTooLong = "trailers too long"
    /// Body longer than `HTTPResponseReader.Limits.bodyBytesMax`.
    case bodyTooLong = "body too long"
    /// More 1xx replies than `HTTPResponseReader.Limits.interimMax` before the reply itself.
    case tooManyInterim = "too many 1xx replies"
    /// 101: another protocol, which nobody asked for.
    case upgrade = "upgrade"
    /// The connection ended inside the reply.
    case cutShort = "cut short"
    /// A reply without a request.
    case unasked = "unasked"

    /// For reports.
    package var reason: String { "malformed reply: \(rawValue)" }

    /// Of requests whose replies would have followed.
    static let behindReason = "behind a reply that ended the connection"
}
