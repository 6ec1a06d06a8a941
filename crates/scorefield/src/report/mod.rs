//! A report: one HTML file that opens from disk, reads well on a phone, and asks nothing of the network.
//!
//! Pictures are embedded, the style sheet is inside, there is no script. Everything given as text is escaped; `` `code` `` between
//! backticks is set as code and a blank line starts a paragraph. Pieces appear in the order of the calls.

mod contents;
mod html;
mod image;
mod result;

pub use contents::Link;
pub use image::Image;
pub use result::{Figure, Verdicts};

use crate::atomic::atomic_write;
use crate::error::Result;
use crate::plot::escape;
use html::{anchor, inline, paragraphs, table};
use std::path::Path;

/// A report under construction.
#[derive(Clone, Debug)]
pub struct Report {
    title: String,
    lead: String,
    body: String,
    in_section: bool,
}

impl Report {
    /// A report with its title and nothing else.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), lead: String::new(), body: String::new(), in_section: false }
    }

    /// The opening paragraphs, set larger: what was done and how good it is.
    pub fn lead(&mut self, text: &str) -> &mut Self {
        self.lead.push_str(&paragraphs(text, " class=\"lead\""));
        self
    }

    /// Starts a section; what follows belongs to it.
    pub fn section(&mut self, title: &str) -> &mut Self {
        if self.in_section {
            self.body.push_str("</section>\n");
        }
        self.in_section = true;
        self.push(&["<section id=\"", &anchor(title), "\">\n<h2>", &escape(title), "</h2>\n"])
    }

    /// Links to sections, each with its verdict: for a page of many.
    pub fn contents(&mut self, links: &[Link]) -> &mut Self {
        self.push(&[&contents::list(links)])
    }

    /// Paragraphs.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.push(&[&paragraphs(text, "")])
    }

    /// A picture. `alt` says in words what it shows, for those who cannot see it; the caption is for everyone and may be empty.
    pub fn figure(&mut self, image: &Image, alt: &str, caption: &str) -> &mut Self {
        self.push(&["<figure>\n<img src=\"", image.uri(), "\" alt=\"", &escape(alt), "\">\n"]);
        if !caption.is_empty() {
            self.push(&["<figcaption>", &inline(caption), "</figcaption>\n"]);
        }
        self.push(&["</figure>\n"])
    }

    /// A picture that bears neither title nor caption itself: both are set below it.
    pub fn captioned(&mut self, image: &Image, alt: &str, title: &str, caption: &str) -> &mut Self {
        self.push(&["<figure>\n<img src=\"", image.uri(), "\" alt=\"", &escape(alt), "\">\n"]);
        self.push(&["<figcaption><b>", &inline(title), "</b>", &inline(caption), "</figcaption>\n</figure>\n"])
    }

    /// A table; the first cell of each row names the row. Short rows are filled with empty cells.
    pub fn table(&mut self, header: &[&str], rows: &[Vec<String>]) -> &mut Self {
        self.push(&[&table(header, rows)])
    }

    /// The figures that matter: measured, wanted, what to compare with, and in plain words what they mean.
    pub fn figures(&mut self, figures: &[Figure], verdicts: Verdicts) -> &mut Self {
        self.push(&[&result::table(figures, verdicts)])
    }

    /// A command to run, after a sentence on what it does. A click selects the whole command.
    pub fn command(&mut self, explanation: &str, shell: &str) -> &mut Self {
        self.push(&[&paragraphs(explanation, ""), "<pre tabindex=\"0\"><code>", &escape(shell), "</code></pre>\n"])
    }

    /// A part that is folded away until its summary is clicked.
    pub fn details(&mut self, summary: &str, content: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inner = Self::new("");
        content(&mut inner);
        if inner.in_section {
            inner.body.push_str("</section>\n");
        }
        self.push(&["<details>\n<summary>", &inline(summary), "</summary>\n", &inner.lead, &inner.body, "</details>\n"])
    }

    /// The whole document.
    pub fn html(&self) -> String {
        let title = escape(&self.title);
        let (lead, body, style) = (&self.lead, &self.body, include_str!("style.css"));
        let end = if self.in_section { "</section>\n" } else { "" };
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"generator\" content=\"scorefield {}\">\n\
             <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{title}</h1>\n{lead}</header>\n\
             {body}{end}</main>\n</body>\n</html>\n",
            env!("CARGO_PKG_VERSION")
        )
    }

    /// Writes the document; the file appears complete or not at all.
    ///
    /// # Errors
    /// `Write` if the place cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        atomic_write(path, self.html().as_bytes())
    }

    fn push(&mut self, pieces: &[&str]) -> &mut Self {
        for piece in pieces {
            self.body.push_str(piece);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Report {
        let mut report = Report::new("Digits <&> \"scores\"");
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"/>";
        let figure = Figure {
            name: "copies",
            value: "0.3%",
            wanted: "under 5%",
            yardstick: "real digits: 0.1%",
            meaning: "How many samples repeat a training digit.",
            ok: Some(true),
        };
        report
            .lead("Learned a score.\n\nIt is `good`.")
            .section("Samples <1>")
            .text("a < b & c")
            .figure(&Image::svg(svg).unwrap(), "A \"grid\"", "Look at <it>")
            .table(&["σ", "gain"], &[vec!["0.3".to_owned(), "8.1 dB".to_owned()], vec!["<1>".to_owned()]])
            .section("Numbers")
            .figures(
                &[figure, Figure { ok: Some(false), ..figure }, Figure { ok: None, wanted: "", yardstick: "", ..figure }],
                Verdicts::WANTED,
            )
            .command("Draws more.", "scorefield sample RUN -n 100 -o 'a b.png' && echo <done>")
            .details("How", |inner| {
                inner.text("Inside.");
            });
        report
    }

    #[test]
    fn the_document_is_well_formed_and_holds_everything_in_order() {
        let html = full().html();
        let xml = html.replace("<!DOCTYPE html>\n", "");
        // Void elements are closed for the XML parser; everything else has to be well-formed as it is.
        let voids = ["meta", "img"];
        let xml = voids.iter().fold(xml, |text, tag| close_void(&text, tag));
        let document = roxmltree::Document::parse(&xml).unwrap();
        let texts: Vec<&str> = document.descendants().filter(|n| n.is_text()).filter_map(|n| n.text()).collect();
        let all = texts.join("|");
        let wanted = [
            "Digits <&> \"scores\"",
            "good",
            "Samples <1>",
            "a < b & c",
            "Look at <it>",
            "8.1 dB",
            "0.3%",
            "echo <done>",
            "Inside.",
        ];
        let places: Vec<usize> = wanted.iter().map(|w| all.find(w).unwrap_or_else(|| panic!("{w} is missing"))).collect();
        assert!(places.is_sorted(), "{places:?}");
    }

    fn close_void(text: &str, tag: &str) -> String {
        let open = format!("<{tag} ");
        let mut pieces = text.split(&open);
        let mut out = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            out.push_str(&open);
            out.push_str(&piece.replacen('>', "/>", 1));
        }
        out
    }

    #[test]
    fn nothing_is_fetched_and_nothing_runs() {
        let html = full().html();
        for forbidden in ["<script", "http://", "https://", "@import", "<link"] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn the_same_calls_give_the_same_bytes() {
        assert_eq!(full().html(), full().html());
    }
}
