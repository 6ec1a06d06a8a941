//! The figures that matter, as a table that says in plain words what they mean.

use super::html::inline;

/// One measured figure.
#[derive(Clone, Copy, Debug)]
pub struct Figure<'a> {
    /// What was measured ("samples that look like one digit").
    pub name: &'a str,
    /// The measured value with its unit ("87%").
    pub value: &'a str,
    /// What it should be ("at least 80%"); empty if nothing is asked.
    pub wanted: &'a str,
    /// Something to compare with ("real digits: 97%"); may be empty.
    pub yardstick: &'a str,
    /// What it means, in plain words.
    pub meaning: &'a str,
    /// Whether it is as wanted; `None` where nothing is asked.
    pub ok: Option<bool>,
}

/// The words of a table of figures.
#[derive(Clone, Copy, Debug)]
pub struct Verdicts {
    /// The heading of the column beside the measured values.
    pub heading: &'static str,
    /// What is said of a figure that is as it should be.
    pub good: &'static str,
    /// What is said of one that is not.
    pub missed: &'static str,
}

impl Verdicts {
    /// Of figures that somebody wants to be good.
    pub const WANTED: Self = Self { heading: "wanted", good: "good", missed: "missed" };
    /// Of figures that theory foretells.
    pub const EXPECTED: Self = Self { heading: "expected", good: "agrees", missed: "disagrees" };

    /// The verdict, a word beside the sign, so that it does not hang on colour.
    pub(super) fn of(self, ok: bool) -> String {
        let (class, sign, word) = if ok { ("good", '✓', self.good) } else { ("missed", '✗', self.missed) };
        format!("<span class=\"{class}\">{sign} {word}</span>")
    }
}

/// The figures as a table; nothing for none. On a narrow screen each row becomes a block (style.css). Where no figure has anything to compare
/// with there is no column for it.
pub(super) fn table(figures: &[Figure], verdicts: Verdicts) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let compared = figures.iter().any(|f| !f.yardstick.is_empty());
    let column = |heading: &str| format!("<th scope=\"col\">{heading}</th>");
    let mut out = String::from("<table class=\"figures\">\n<thead><tr>");
    out.push_str(&[column("figure"), column("measured"), column(verdicts.heading)].concat());
    out.push_str(&if compared { column("to compare") } else { String::new() });
    out.push_str("</tr></thead>\n<tbody>\n");
    for figure in figures {
        let verdict = figure.ok.map_or(String::new(), |ok| format!(" {}", verdicts.of(ok)));
        let [name, meaning, value] = [figure.name, figure.meaning, figure.value].map(inline);
        let cell = |label: &str, text: &str| {
            let text = if text.is_empty() { "–".to_owned() } else { inline(text) };
            format!("<td data-label=\"{label}\">{text}</td>")
        };
        out.push_str(&format!(
            "<tr><th scope=\"row\">{name}<small>{meaning}</small></th><td data-label=\"measured\"><b>{value}</b>{verdict}</td>"
        ));
        out.push_str(&cell(verdicts.heading, figure.wanted));
        out.push_str(&if compared { cell("to compare", figure.yardstick) } else { String::new() });
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n");
    out
}
