//! The grid as Markdown tables, and their place in a document: between two marks, so that prose around them stays.

use super::objectives::{Measured, Row};
use super::picture::{SIGMA, dimensions, plain};
use crate::atomic::atomic_write;
use crate::error::{Error, Result};
use crate::objective::OBJECTIVES;
use crate::words;
use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// Where the tables of M stand: enough dimensions that directions miss most of them.
const MANY: usize = 32;

/// The tables; `machine` says where they were measured, `command` how.
pub fn markdown(measured: &Measured, machine: &str, command: &str) -> String {
    let dimensions = dimensions(measured);
    let mut text = format!(
        "Measured by `{command}` on {machine}: 128 rows, `plain-mlp` of 3 × 128, a correlated Gaussian, `denoising` at σ = {SIGMA}, one \
         direction a point (Rademacher).\n\n"
    );
    let heads = |what: &str| [what.to_owned()].into_iter().chain(dimensions.iter().map(|d| format!("d = {d}"))).collect();
    let by_dimension = |what: &str, show: fn(&Row) -> String| {
        let mut rows: Vec<Vec<String>> = vec![heads(what)];
        for entry in OBJECTIVES {
            let cell = |d: &usize| plain(measured, entry.name, *d).map_or_else(String::new, show);
            rows.push([format!("`{}`", entry.name)].into_iter().chain(dimensions.iter().map(cell)).collect());
        }
        table(&rows)
    };
    text += &by_dimension("ms a step", milliseconds);
    text += "\n";
    text += &by_dimension("gradient noise of batches (of directions and added noise alone)", |r| {
        if r.skipped.is_some() {
            "left out".to_owned()
        } else {
            format!("{} ({})", value(r.gradient_noise_of_batches), value(r.gradient_noise))
        }
    });

    let many = |r: &&Row| r.d == MANY && r.projections.is_some();
    let mut directions: Vec<usize> = measured.rows.iter().filter(many).filter_map(|r| r.projections).collect();
    directions.sort_unstable();
    directions.dedup();
    let of_m =
        |name: &str, m: usize| measured.rows.iter().find(|r| r.objective == name && r.d == MANY && r.projections == Some(m));
    let head = [format!("M directions at d = {MANY}: ms · noise of directions")].into_iter();
    let mut rows: Vec<Vec<String>> = vec![head.chain(directions.iter().map(|m| format!("M = {m}"))).collect()];
    for entry in OBJECTIVES.iter().filter(|e| of_m(e.name, 1).is_some()) {
        let cell = |m: &usize| of_m(entry.name, *m).map_or_else(String::new, |r| both(r, milliseconds));
        rows.push([format!("`{}`", entry.name)].into_iter().chain(directions.iter().map(cell)).collect());
    }
    text += "\n";
    text += &table(&rows);

    let mut sigmas: Vec<f64> = measured.rows.iter().filter(|r| r.control_variate.is_some()).map(|r| r.sigma).collect();
    sigmas.sort_by(f64::total_cmp);
    sigmas.dedup();
    let mut rows: Vec<Vec<String>> = vec![heads("`denoising`: noise without → with control variate")];
    for sigma in sigmas {
        let of = |d: usize, variate: &str| {
            let same = |r: &&Row| r.d == d && r.sigma == sigma && r.control_variate == Some(variate);
            measured.rows.iter().find(same).map_or_else(String::new, |r| value(r.gradient_noise))
        };
        let cell = |d: &usize| format!("{} → {}", of(*d, "off"), of(*d, "on"));
        rows.push([format!("σ = {sigma}")].into_iter().chain(dimensions.iter().map(cell)).collect());
    }
    text += "\n";
    text += &table(&rows);
    let said: String = slopes(measured).into_iter().map(|sentence| format!("{sentence}. ")).collect();
    if !said.is_empty() {
        text += &format!("\n{}\n", said.trim_end());
    }
    for row in measured.rows.iter().filter(|r| r.skipped.is_some()) {
        let reason = row.skipped.as_deref().unwrap_or_default();
        let directions = row.projections.map_or(String::new(), |m| format!(", M = {m}"));
        text += &format!("\nLeft out: `{}` at d = {}{directions}: {reason}.\n", row.objective, row.d);
    }
    text
}

/// What the slopes say, a sentence each, without its full stop.
pub fn slopes(measured: &Measured) -> Vec<String> {
    let (slopes, mut said) = (&measured.slopes, Vec::new());
    if let Some(exponent) = slopes.exact_trace {
        said.push(format!("The exact trace's time grows as d to the power {exponent:.2} from d = 32 on"));
    }
    if let Some(ratio) = slopes.sliced_per_element {
        let d = slopes.largest_d;
        said.push(format!("A number of the batch costs the sliced loss {ratio:.2} times as much at d = {d} as at d = 2"));
    }
    said
}

/// Writes the tables into `path`: between its marks if it has them, as a new file if there is none.
///
/// # Errors
/// A file that is there and has no marks, a place that cannot be read or written.
pub fn write_markdown(path: &Path, tables: &str) -> Result<()> {
    let block = format!("{BEGIN}\n{tables}{END}\n");
    if !path.exists() {
        return atomic_write(path, block.as_bytes());
    }
    let old = fs::read_to_string(path).map_err(|e| Error::read(path, &e))?;
    atomic_write(path, put(&old, &block).ok_or_else(|| no_marks(path))?.as_bytes())
}

/// Refuses a place that [`write_markdown`] would refuse.
///
/// # Errors
/// As there.
pub fn check_markdown(path: &Path) -> Result<()> {
    match fs::read_to_string(path) {
        Ok(old) => put(&old, "").map(drop).ok_or_else(|| no_marks(path)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::read(path, &e)),
    }
}

fn no_marks(path: &Path) -> Error {
    Error::file(path, format!("has no place for tables, a line {BEGIN} and below it a line {END}"))
}

/// `old` with `block` for what is from mark to mark.
fn put(old: &str, block: &str) -> Option<String> {
    let from = old.find(BEGIN)?;
    let end = from + old[from..].find(END)? + END.len();
    let rest = old[end..].strip_prefix('\n').unwrap_or(&old[end..]);
    Some(format!("{}{block}{rest}", &old[..from]))
}

fn table(rows: &[Vec<String>]) -> String {
    let line = |cells: &Vec<String>| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|---{}|\n", "|---:".repeat(rows[0].len().saturating_sub(1)));
    rows.iter().enumerate().map(|(i, cells)| line(cells) + if i == 0 { &rule } else { "" }).collect()
}

fn both(row: &Row, show: fn(&Row) -> String) -> String {
    match row.skipped {
        Some(_) => "left out".to_owned(),
        None => format!("{} · {}", show(row), value(row.gradient_noise)),
    }
}

fn milliseconds(row: &Row) -> String {
    row.seconds_per_step.map_or("left out".to_owned(), |s| three(s * 1e3))
}

fn value(x: Option<f64>) -> String {
    x.map_or("–".to_owned(), three)
}

/// Three significant digits at most.
fn three(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return words::number(x);
    }
    let unit = 10f64.powf(x.abs().log10().floor() - 2.0);
    words::number((x / unit).round() * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_go_between_the_marks_and_prose_stays() {
        let old = format!("# Title\n\n{BEGIN}\nold\n{END}\n\nEnd.\n");
        let block = format!("{BEGIN}\nnew\n{END}\n");
        assert_eq!(put(&old, &block).unwrap(), format!("# Title\n\n{block}\nEnd.\n"));
        assert_eq!(put("# Title\n", &block), None);
    }

    #[test]
    fn a_file_without_marks_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (new, prose) = (folder.path().join("new.md"), folder.path().join("prose.md"));
        check_markdown(&new).unwrap();
        write_markdown(&new, "| a |\n").unwrap();
        write_markdown(&new, "| b |\n").unwrap();
        assert_eq!(fs::read_to_string(&new).unwrap(), format!("{BEGIN}\n| b |\n{END}\n"));
        fs::write(&prose, "# Title\n").unwrap();
        assert!(check_markdown(&prose).is_err() && write_markdown(&prose, "| a |\n").is_err());
        assert_eq!(fs::read_to_string(&prose).unwrap(), "# Title\n");
    }

    #[test]
    fn every_objective_has_a_line_in_the_tables_and_what_was_left_out_is_said() {
        let row = |objective, d, seconds| Row { objective, d, seconds_per_step: seconds, ..Row::default() };
        let mut rows: Vec<Row> = OBJECTIVES.iter().map(|e| row(e.name, 2, Some(0.012345))).collect();
        rows.push(Row { skipped: Some("a step would take 99.0 s".to_owned()), ..row("implicit", 512, None) });
        let text = markdown(&Measured { rows, ..Measured::default() }, "this machine", "scorefield bench");
        assert!(OBJECTIVES.iter().all(|e| text.contains(&format!("| `{}` | 12.3 |", e.name))), "{text}");
        assert!(text.contains("Left out: `implicit` at d = 512: a step would take 99.0 s."), "{text}");
        assert_eq!([0.0, 123.456, 0.000_123_456].map(three), ["0", "123", "0.000123"]);
    }
}
