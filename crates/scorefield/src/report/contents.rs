//! What a long page holds: a list of links to its sections, each with a verdict.

use super::html::{anchor, inline};
use super::result::Verdicts;

/// A link to a section.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// The section's title.
    pub title: &'a str,
    /// Whether what it tells is as it should be; `None` where nothing is asked.
    pub ok: Option<bool>,
}

/// The list; nothing for no link.
pub(super) fn list(links: &[Link]) -> String {
    if links.is_empty() {
        return String::new();
    }
    let item = |link: &Link| {
        let verdict = link.ok.map_or(String::new(), |ok| format!(" {}", Verdicts::EXPECTED.of(ok)));
        format!("<li><a href=\"#{}\">{}</a>{verdict}</li>\n", anchor(link.title), inline(link.title))
    };
    format!("<nav>\n<ul>\n{}</ul>\n</nav>\n", links.iter().map(item).collect::<String>())
}
