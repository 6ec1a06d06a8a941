//! What `lecture --quick` found, as a page of its own and as tables within the pages that explain it: between two marks, so that prose around
//! them stays. No number that a claim measured is typed by hand.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use scorefield::error::{Error, Result};
use scorefield::lecture::Figure;
use serde_json::Value;

use super::{HEAD, cell};

/// The document of `lecture --quick`, from the folder of the pages.
const CLAIMS: &str = "../claims.json";
/// Folders of pages that may tell of claims, from the folder of the pages.
const TELLING: &[&str] = &["../tutorial", "../why", "../how-to"];
/// A mark, followed by a claim's name and [`MARK_END`].
const MARK: &str = "<!-- claim: ";
const MARK_END: &str = " -->\n";
const END: &str = "<!-- claim end -->\n";

/// `claims.json`.
pub(super) struct Claims {
    path: PathBuf,
    document: Value,
    claims: Vec<Value>,
}

fn list(value: &Value, name: &str) -> Vec<Value> {
    value[name].as_array().cloned().unwrap_or_default()
}

impl Claims {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(CLAIMS);
        let text = std::fs::read_to_string(&path).map_err(|e| Error::read(&path, &e))?;
        let document: Value = serde_json::from_str(&text).map_err(|e| Error::file(&path, format!("not a JSON document: {e}")))?;
        let claims = list(&document, "claims");
        if claims.is_empty() {
            return Err(Error::file(&path, "no claims: expected what `scorefield lecture` writes as claims.json"));
        }
        Ok(Self { path, document, claims })
    }

    /// All of them on one page.
    pub(super) fn page(&self) -> Result<String> {
        let (agreed, seed) = (cell(&self.document["agreed"]), cell(&self.document["seed"]));
        let mut page = format!(
            "{HEAD}# The lecture's claims, measured\n\n`scorefield lecture --quick` puts each to the test and draws the pictures; here is what it \
             found with seed {seed}. {agreed} of {} agree. Without `--quick` there are more points and larger networks.\n\n",
            self.claims.len()
        );
        for claim in &self.claims {
            let [number, sentence, formula, done, source, command] =
                ["number", "claim", "formula", "done", "source", "command"].map(|key| cell(&claim[key]));
            let _ = writeln!(page, "## {number} · {sentence}\n\n`{formula}`\n\n{done}\n");
            page += &self.figures(claim)?;
            for missing in list(claim, "not_measured") {
                let _ = writeln!(page, "\nNot measured: {}", cell(&missing));
            }
            let _ = writeln!(page, "\n{source}. Again, alone: `{command}`.\n");
        }
        Ok(page)
    }

    /// The table of a claim's figures.
    fn figures(&self, claim: &Value) -> Result<String> {
        let mut table = "| figure | measured | expected |\n|---|---|---|\n".to_owned();
        for row in list(claim, "figures") {
            let figure: Figure = serde_json::from_value(row)
                .map_err(|e| Error::file_at(&self.path, format!("claim {}", claim["number"]), format!("not a figure: {e}")))?;
            let verdict = if figure.agrees { "✓" } else { "**disagrees**" };
            let name = cell(&figure.name.as_str().into());
            let _ = writeln!(table, "| {name} | {} {verdict} | {} |", figure.measured_words(), figure.expected_words());
        }
        Ok(table)
    }

    /// The pages that tell of claims, with the tables as they should be.
    pub(super) fn told(&self, folder: &Path) -> Result<Vec<(PathBuf, String)>> {
        let mut pages = Vec::new();
        for folder in TELLING.iter().map(|name| folder.join(name)).filter(|folder| folder.is_dir()) {
            let entries = std::fs::read_dir(&folder).map_err(|e| Error::read(&folder, &e))?;
            let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
            paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
            paths.sort();
            for path in paths {
                let text = std::fs::read_to_string(&path).map_err(|e| Error::read(&path, &e))?;
                if text.contains(MARK) {
                    let filled = self.filled(&text).map_err(|message| Error::file(&path, message))?;
                    pages.push((path, filled));
                }
            }
        }
        Ok(pages)
    }

    /// A page with what stands between its marks made anew.
    fn filled(&self, page: &str) -> std::result::Result<String, String> {
        let (mut done, mut rest) = (String::new(), page);
        while let Some((before, after)) = rest.split_once(MARK) {
            let (name, after) = after.split_once(MARK_END).ok_or("a mark of a claim that does not end its line")?;
            let (_, after) =
                after.split_once(END).ok_or_else(|| format!("claim {name}: no line {}below its mark", END.trim_end()))?;
            let claim = self.claims.iter().find(|claim| claim["name"] == name).ok_or_else(|| format!("no claim {name:?}"))?;
            let table = self.figures(claim).map_err(|e| e.to_string())?;
            let number = cell(&claim["number"]);
            let _ =
                write!(done, "{before}{MARK}{name}{MARK_END}\nClaim {number}, `{}`:\n\n{table}\n{END}", cell(&claim["command"]));
            rest = after;
        }
        Ok(done + rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        let figure = serde_json::to_value(Figure::exact("a figure", 1.0, 1.0, 0.0)).unwrap();
        let claim = serde_json::json!({"number": 3, "name": "made-up", "command": "scorefield lecture", "figures": [figure]});
        Claims { path: "claims.json".into(), document: Value::Null, claims: vec![claim] }
    }

    #[test]
    fn what_stands_between_marks_is_replaced_and_the_rest_stays() {
        let page = format!("# A\n\n{MARK}made-up{MARK_END}old\n{END}\nmore\n");
        let filled = claims().filled(&page).unwrap();
        assert!(
            filled.starts_with("# A\n\n<!-- claim: made-up -->\n") && filled.ends_with(&format!("{END}\nmore\n")),
            "{filled}"
        );
        assert!(filled.contains("| a figure | 1 ✓ | 1 |") && !filled.contains("old"), "{filled}");
        assert_eq!(claims().filled(&filled).unwrap(), filled);
    }

    #[test]
    fn a_page_without_an_end_or_of_an_unknown_claim_is_refused() {
        let refused = |page: String| claims().filled(&page).unwrap_err();
        assert!(refused(format!("{MARK}made-up{MARK_END}")).contains("made-up"));
        assert_eq!(refused(format!("{MARK}nothing{MARK_END}{END}")), "no claim \"nothing\"");
    }
}
