//! `reference`: the reference pages of the documentation, written from the registries and the command line itself, so that nothing is typed twice.

mod claims;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use scorefield::error::{Error, Result};
use serde_json::Value;

use super::list::{ROOMS, listed};
use crate::args::Cli;
use crate::output::{Answer, Verdict};

/// Width of a help text on a page.
const WIDTH: usize = 110;
/// Rooms that depend on the build.
const OF_THE_BUILD: &[&str] = &["devices", "estimators"];
/// Above the pages, for whoever opens one to change it.
const HEAD: &str = "<!-- Written by `scorefield reference docs/reference`: change the registry or the help text instead. -->\n\n";

/// Write the reference pages of the documentation, and what was measured into the other pages.
#[derive(Args, Debug)]
pub struct Reference {
    /// Folder of the pages
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Write nothing; compare the pages that are there, and end with 1 if one is out of date
    #[arg(long)]
    check: bool,
}

/// Does it.
///
/// # Errors
/// A folder that cannot be read or written.
pub fn run(args: &Reference) -> Result<Answer> {
    let claims = claims::Claims::read(&args.folder)?;
    let page = |name: &str, text: String| (args.folder.join(name), text);
    let mut pages = vec![
        page("command.md", command()?),
        page("methods.md", methods()?),
        page("settings.md", settings()?),
        page("claims.md", claims.page()?),
    ];
    pages.extend(claims.told(&args.folder)?);
    let mut stale = Vec::new();
    for (path, page) in &pages {
        if args.check {
            let there = std::fs::read_to_string(path).map_err(|e| Error::read(path, &e))?;
            stale.extend((there != *page).then(|| path.display().to_string()));
        } else {
            write(path, page)?;
        }
    }
    let text = match (args.check, stale.as_slice()) {
        (false, _) => format!("{} pages in and beside {}\n", pages.len(), args.folder.display()),
        (true, []) => format!("{} pages are current\n", pages.len()),
        (true, stale) => format!("out of date: {}\n", stale.join(", ")),
    };
    let verdict = if stale.is_empty() { Verdict::Good } else { Verdict::Bad };
    Ok(Answer { verdict, ..Answer::new(text) }.with("stale", &stale))
}

fn write(path: &Path, page: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| Error::write(folder, e))?;
    std::fs::write(path, page).map_err(|e| Error::write(path, e))
}

/// Every verb with its help.
fn command() -> Result<String> {
    let mut page = format!("{HEAD}# The command\n\n");
    let mut cli = Cli::command().term_width(WIDTH);
    cli.build();
    page += &help("scorefield", &mut cli);
    Ok(page)
}

/// The help of a command and of what stands under it.
fn help(name: &str, command: &mut clap::Command) -> String {
    let text = command.render_long_help().to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut section = format!("## {name}\n\n```text\n{}\n```\n\n", lines.join("\n").trim());
    for verb in command.get_subcommands_mut().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
        let name = format!("{name} {}", verb.get_name());
        section += &help(&name, verb);
    }
    section
}

/// Every method that a user may name, with its formula and its source.
fn methods() -> Result<String> {
    let mut page = format!("{HEAD}# Methods by name\n\nThe same as `scorefield list WHAT`.\n\n");
    for (room, about) in ROOMS.iter().filter(|(room, _)| *room != "settings" && !OF_THE_BUILD.contains(room)) {
        let _ = writeln!(page, "## {room}\n\n{about}\n");
        let Some((_, rows)) = listed(room) else { continue };
        let with_formula = rows.iter().any(|row| row["formula"].is_string());
        page +=
            if with_formula { "| name | what | formula | source |\n|---|---|---|---|\n" } else { "| name | what |\n|---|---|\n" };
        for row in &rows {
            let mut name = format!("`{}`", cell(&row["name"]));
            for alias in row["aliases"].as_array().into_iter().flatten() {
                let _ = write!(name, ", `{}`", cell(alias));
            }
            let keys: &[&str] = if with_formula { &["summary", "formula", "source"] } else { &["summary"] };
            let cells: Vec<String> = keys.iter().map(|key| cell(&row[*key])).collect();
            let _ = writeln!(page, "| {name} | {} |", cells.join(" | "));
        }
        page.push('\n');
    }
    Ok(page)
}

/// Every setting of a recipe.
fn settings() -> Result<String> {
    let mut page = format!(
        "{HEAD}# Settings\n\nA setting is a flag, a variable or a line of a recipe, in this order of precedence; then comes what is recommended for the \
         source, then the default. `train --explain-config` shows where each came from.\n\n| setting | flag | variable | default | about |\n|---|---|---|---|---|\n"
    );
    for row in listed("settings").map(|(_, rows)| rows).unwrap_or_default() {
        let variables: Vec<String> =
            row["variables"].as_array().into_iter().flatten().map(|v| format!("`{}`", cell(v))).collect();
        let default = if row["default"].is_null() { "–".to_owned() } else { format!("`{}`", cell(&row["default"])) };
        let [name, flag, about] = ["name", "flag", "summary"].map(|key| cell(&row[key]));
        let _ = writeln!(page, "| `{name}` | `{flag}` | {} | {default} | {about} |", variables.join(", "));
    }
    Ok(page)
}

/// A text as a cell of a table holds it.
fn cell(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned).replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}
