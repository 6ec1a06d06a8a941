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

/// The figures as a table; nothing for none. On a narrow screen each row becomes a block (style.css).
pub(super) fn table(figures: &[Figure]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "<table class=\"figures\">\n<thead><tr><th scope=\"col\">figure</th><th scope=\"col\">measured</th>\
         <th scope=\"col\">wanted</th><th scope=\"col\">to compare</th></tr></thead>\n<tbody>\n",
    );
    for figure in figures {
        // The verdict is a word beside the sign, so that it does not hang on colour.
        let verdict = match figure.ok {
            Some(true) => " <span class=\"good\">✓ good</span>",
            Some(false) => " <span class=\"missed\">✗ missed</span>",
            None => "",
        };
        let [name, meaning, value] = [figure.name, figure.meaning, figure.value].map(inline);
        let [wanted, yardstick] =
            [figure.wanted, figure.yardstick].map(|text| if text.is_empty() { "–".to_owned() } else { inline(text) });
        out.push_str(&format!(
            "<tr><th scope=\"row\">{name}<small>{meaning}</small></th><td data-label=\"measured\"><b>{value}</b>{verdict}</td>\
             <td data-label=\"wanted\">{wanted}</td><td data-label=\"to compare\">{yardstick}</td></tr>\n"
        ));
    }
    out.push_str("</tbody>\n</table>\n");
    out
}
