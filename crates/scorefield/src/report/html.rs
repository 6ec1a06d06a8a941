//! Text and tables as HTML.

use crate::plot::escape;

/// One run of text: escaped, with `` `code` `` set as code. A backtick without its partner stays a backtick.
pub(super) fn inline(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    let mut out = String::new();
    for (i, piece) in pieces.iter().enumerate() {
        let (code, last) = (i % 2 == 1, i + 1 == pieces.len());
        match (code, last) {
            (true, false) => out.push_str(&format!("<code>{}</code>", escape(piece))),
            (true, true) => out.push_str(&format!("`{}", escape(piece))),
            (false, _) => out.push_str(&escape(piece)),
        }
    }
    out
}

/// The name of a section in links: its letters and digits in lower case, anything else a hyphen.
pub(super) fn anchor(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

/// Paragraphs, parted by blank lines, each with the given attributes.
pub(super) fn paragraphs(text: &str, attributes: &str) -> String {
    let parts = text.split("\n\n").map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| format!("<p{attributes}>{}</p>\n", inline(part))).collect()
}

/// Columns of which a phone shows so many beside each other.
const NARROW: usize = 4;

/// A table. Where the screen is narrow, one of few columns scrolls by itself, and of one of many each row becomes a card.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).chain([header.len()]).max().unwrap_or(0);
    if columns == 0 {
        return String::new();
    }
    let wide = if columns > NARROW { " class=\"wide\"" } else { "" };
    let mut out = format!("<div class=\"scroll\" tabindex=\"0\">\n<table{wide}>\n<thead><tr>");
    // Numbers are set flush right, and so is the heading of a column that has nothing else.
    let numeric: Vec<bool> =
        (0..columns).map(|i| i > 0 && rows.iter().filter_map(|row| row.get(i)).all(|cell| is_number(cell))).collect();
    let class = |i: usize| if numeric[i] { " class=\"number\"" } else { "" };
    for i in 0..columns {
        out.push_str(&format!("<th scope=\"col\"{}>{}</th>", class(i), inline(header.get(i).unwrap_or(&""))));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for i in 0..columns {
            let text = inline(row.get(i).map_or("", String::as_str));
            let label = match header.get(i) {
                Some(name) if columns > NARROW => format!(" data-label=\"{}\"", inline(&name.replace('`', ""))),
                _ => String::new(),
            };
            if i == 0 {
                out.push_str(&format!("<th scope=\"row\"{label}>{text}</th>"));
            } else {
                out.push_str(&format!("<td{}{label}>{text}</td>", class(i)));
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
    out
}

/// A number, with a sign, a comparison or a unit, or without.
fn is_number(cell: &str) -> bool {
    cell.trim_start_matches(['+', '-', '−', '±', '<', '>', '≤', '≥', '≈', ' ', '.']).starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_is_shown_and_not_obeyed() {
        assert_eq!(inline("<b> & \"q\" 'a'"), "&lt;b&gt; &amp; &quot;q&quot; &#39;a&#39;");
        assert_eq!(inline("run `a < b` now"), "run <code>a &lt; b</code> now");
        assert_eq!(inline("one ` only"), "one ` only");
        assert_eq!(inline("bell\u{7}"), "bell");
    }

    #[test]
    fn an_anchor_is_fit_for_an_attribute_and_an_address() {
        assert_eq!(anchor("1 · The \"constant\" <drops> out"), "1-the-constant-drops-out");
    }

    #[test]
    fn blank_lines_part_paragraphs() {
        assert_eq!(paragraphs("a\n\n\n\nb\nc", ""), "<p>a</p>\n<p>b\nc</p>\n");
    }

    #[test]
    fn short_rows_are_filled() {
        let html = table(&["a", "b"], &[vec!["x".to_owned()], vec!["y".to_owned(), "−1.5".to_owned()]]);
        assert_eq!(html.matches("<td").count(), 2);
        assert!(html.contains("<td class=\"number\">−1.5</td>"));
        let five = table(&["a", "b", "c", "d", "say \"e\""], &[["x", "y", "z", "u", "v"].map(str::to_owned).to_vec()]);
        assert!(
            five.contains("<table class=\"wide\">")
                && five.contains("<th scope=\"row\" data-label=\"a\">x</th>")
                && five.contains("<td data-label=\"say &quot;e&quot;\">v</td>"),
            "{five}"
        );
    }
}
