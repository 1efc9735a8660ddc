internal import FoundationEssentials

/// A table of the target's own figures, shown in the page as it is: `{"sections":[{"title":"…","rows":[[…]]}]}`.
///
/// The first row is the head of the table when the section says `"header": true`. Cells are text or numbers; a
/// section may have a `"note"` and a `"status"` of `ok`, `fail` or `warn`.
public struct ServerSection: Sendable, Equatable {
    /// A section that cannot be read.
    public struct Malformed: Error, Sendable, Equatable, CustomStringConvertible {
        /// Which file, and what is wrong.
        public let description: String
    }

    /// The heading.
    public var title: String
    /// A sentence below the heading, empty for none.
    public var note: String
    /// `ok`, `fail`, `warn` or empty.
    public var status: String
    /// Whether the first row is a head.
    public var hasHeader: Bool
    /// The cells.
    public var rows: [[String]]

    /// Most rows of one section.
    public static let rowsMax = 1_000

    /// A section of those cells.
    public init(title: String, note: String = "", status: String = "", hasHeader: Bool = false, rows: [[String]]) {
        self.title = title
        self.note = note
        self.status = status
        self.hasHeader = hasHeader
        self.rows = rows
    }

    private enum Cell: Decodable {
        case text(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else if let flag = try? container.decode(Bool.self) {
                self = .text(flag ? "yes" : "no")
            } else if let whole = try? container.decode(Int.self) {
                self = .text(Readable.count(whole))
            } else {
                self = .text(Readable.number(try container.decode(Double.self)))
            }
        }

        var text: String {
            switch self {
            case .text(let text): text
            }
        }
    }

    private struct Document: Decodable {
        struct Section: Decodable {
            var title: String
            var note: String?
            var status: String?
            var header: Bool?
            var rows: [[Cell]]
        }

        var sections: [Section]
    }

    /// The sections in the text of a JSON file.
    public static func list(json: String, name: String) throws(Malformed) -> [ServerSection] {
        let document: Document
        do {
            document = try JSONDecoder().decode(Document.self, from: Data(json.utf8))
        } catch {
            throw Malformed(description: "\(name): expected {\"sections\":[{\"title\":\"…\",\"rows\":[[…]]}]}")
        }
        for section in document.sections where section.rows.count > rowsMax {
            throw Malformed(description: "\(name): section \"\(section.title)\" has more than \(rowsMax) rows")
        }
        return document.sections.map { section in
            ServerSection(
                title: section.title, note: section.note ?? "", status: section.status ?? "",
                hasHeader: section.header ?? false, rows: section.rows.map { $0.map(\.text) })
        }
    }
}
