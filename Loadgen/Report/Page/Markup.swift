/// Tables and sections of the page; all text is escaped here.
enum Markup {
    /// A cell with its CSS class.
    struct Cell {
        var text: String
        var kind = ""
        /// Shown as it is: only for markup made by this module.
        var isMarkup = false

        init(_ text: String, _ kind: String = "") {
            self.text = text
            self.kind = kind
        }

        static func number(_ text: String) -> Cell { Cell(text, "n") }

        static func markup(_ text: String, _ kind: String = "") -> Cell {
            var cell = Cell(text, kind)
            cell.isMarkup = true
            return cell
        }
    }

    /// A table whose rows become small cards of name and value on a narrow screen; numbers stand right from column
    /// `numbersFrom` on.
    static func table(_ head: [String], numbersFrom first: Int = 1, caption: String = "", _ rows: [[Cell]]) -> String {
        var out = "<table class=\"stack\">"
        if !caption.isEmpty { out += "<caption>\(Readable.html(caption))</caption>" }
        let names = head.enumerated().map { index, name in
            "<th scope=\"col\"\(index >= first ? " class=\"n\"" : "")>\(Readable.html(name))</th>"
        }
        out += "<thead><tr>\(names.joined())</tr></thead><tbody>"
        for row in rows {
            out += "<tr>"
            for (index, cell) in row.enumerated() {
                let label = index < head.count ? Readable.html(head[index]) : ""
                out += "<td\(attributes(cell.kind, label))>\(cell.isMarkup ? cell.text : Readable.html(cell.text))</td>"
            }
            out += "</tr>"
        }
        return out + "</tbody></table>"
    }

    private static func attributes(_ kind: String, _ label: String) -> String {
        (kind.isEmpty ? "" : " class=\"\(kind)\"") + (label.isEmpty ? "" : " data-label=\"\(label)\"")
    }

    /// A section with a heading that the list of contents links to.
    static func section(_ id: String, _ title: String, _ note: String = "", _ body: String) -> String {
        let remark = note.isEmpty ? "" : "<p class=\"note\">\(Readable.html(note))</p>"
        return "<section id=\"\(id)\"><h2>\(Readable.html(title))</h2>\(remark)\(body)</section>\n"
    }

    /// A card around a body.
    static func card(_ body: String) -> String { "<div class=\"card\">\(body)</div>" }

    /// A mark with a word for those who do not see it.
    static func mark(_ isGood: Bool) -> Cell {
        let (kind, sign, word) = isGood ? ("ok", "✓", "met") : ("bad", "✗", "not met")
        return .markup("<span class=\"\(kind)\">\(sign)<span class=\"word\"> \(word)</span></span>", "mark")
    }
}
