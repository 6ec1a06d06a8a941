//! The order of the rooms of `crates/scorefield/src`: a room uses only rooms above it.
//!
//! The compiler would let any module use any other; this order is what keeps the data flowing one way. Other rooms are named by
//! `crate::room`, never by a chain of `super`, so that the arrows can be read off the text. Tests are free: a test may hold its room
//! against any other.

use super::files::{SourceFile, Text};
use super::finding::Finding;
use super::scrub::{before_tests, is_word};

/// The rooms, top first; rooms of one floor may use each other.
///
/// `jet` and `net` are one floor: a jet says what a layer does to a derivative, a network is written over jets.
pub const FLOORS: &[&[&str]] = &[
    &["error"],
    &["atomic"],
    &["words"],
    &["key"],
    &["registry"],
    &["levels"],
    &["tensor"],
    &["observe"],
    &["score"],
    &["oracle"],
    &["data"],
    &["density"],
    &["noise"],
    &["posterior"],
    &["jet", "net"],
    &["model"],
    &["objective"],
    &["train"],
    &["sample"],
    &["likelihood"],
    &["metric"],
    &["diagnostic"],
    &["plot"],
    &["report"],
    &["run"],
    &["recipe"],
    &["diffusers"],
    &["verify"],
    &["bench"],
    &["demo"],
    &["lecture"],
];

/// Rooms above one's own that one nevertheless does without: what deals in numbers knows no tensors, what deals in scores no networks.
const APART: &[(&str, &[&str])] = &[
    ("data", &["tensor"]),
    ("noise", &["tensor"]),
    ("posterior", &["data", "density", "noise"]),
    ("plot", &["tensor", "score", "data", "model"]),
    ("report", &["tensor", "score", "data", "model"]),
    ("run", &["tensor", "model", "net", "train"]),
    ("density", &["net", "jet", "model"]),
    ("objective", &["net", "model"]),
    ("sample", &["net", "jet", "model", "train"]),
    ("likelihood", &["net", "jet", "model", "train"]),
];

/// Where the rooms are.
pub const LIBRARY: &str = "crates/scorefield/src/";
const MAP: &str = "ARCHITECTURE.md";

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

/// Uses that point upwards, rooms that are not in the list, rooms in the list that are not there.
pub fn check(sources: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = Vec::new();
    for source in sources {
        let Some(place) = source.path.strip_prefix(LIBRARY) else { continue };
        let room = place.split('/').next().unwrap_or(place).trim_end_matches(".rs");
        if room == "lib" {
            continue;
        }
        let Some(own) = floor(room) else {
            findings.push(Finding::new(
                &source.path,
                1,
                format!("room `{room}` is not in the list of rooms (xtask/src/tidy/rooms.rs)"),
            ));
            continue;
        };
        seen.push(room);
        if source.is_test() {
            continue;
        }
        for (line, used) in uses(before_tests(&source.scrubbed.code), depth(place)) {
            let problem = match used {
                Use::Above => "reaches another room by `super`: name it by `crate::`".to_owned(),
                Use::Room(name) => match floor(&name) {
                    None => format!("`crate::{name}` is not in the list of rooms (xtask/src/tidy/rooms.rs)"),
                    Some(its) if its > own => format!("`{room}` uses `{name}`, which is below it in the list of rooms"),
                    Some(_) if APART.iter().any(|(from, kept)| *from == room && kept.contains(&name.as_str())) => {
                        format!("`{room}` does without `{name}` (xtask/src/tidy/rooms.rs)")
                    }
                    Some(_) => continue,
                },
            };
            findings.push(Finding::new(&source.path, line, problem));
        }
    }
    let empty = FLOORS.iter().flat_map(|floor| floor.iter()).filter(|room| !seen.contains(room));
    findings.extend(empty.map(|room| Finding::new(LIBRARY, 1, format!("room `{room}` is in the list of rooms and not there"))));
    findings
}

/// The table of rooms in ARCHITECTURE.md names the same rooms in the same order.
pub fn check_map(texts: &[Text]) -> Vec<Finding> {
    let Some(map) = texts.iter().find(|t| t.path == MAP) else {
        return vec![Finding::new(MAP, 1, "is missing")];
    };
    let listed: Vec<(usize, &str)> = map
        .content
        .lines()
        .enumerate()
        .filter_map(|(i, line)| Some((i + 1, line.strip_prefix("| `")?.split('`').next()?)))
        .filter(|(_, name)| name.chars().all(is_word))
        .collect();
    let wanted: Vec<&str> = FLOORS.iter().flat_map(|floor| floor.iter().copied()).collect();
    for (i, room) in wanted.iter().enumerate() {
        match listed.get(i) {
            Some((_, name)) if name == room => {}
            Some((line, name)) => {
                return vec![Finding::new(MAP, *line, format!("the table of rooms has `{name}` where `{room}` is next"))];
            }
            None => return vec![Finding::new(MAP, 1, format!("the table of rooms lacks `{room}`"))],
        }
    }
    let more = &listed[wanted.len()..];
    more.iter().map(|(line, name)| Finding::new(MAP, *line, format!("`{name}` is no room"))).collect()
}

/// How many modules lie between a file and the root: 1 for `key.rs` and `data/mod.rs`, 2 for `data/csv.rs`.
fn depth(place: &str) -> usize {
    let parts = place.split('/').count();
    if place.ends_with("/mod.rs") { parts - 1 } else { parts }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Use {
    Room(String),
    Above,
}

/// The rooms that code names, with their lines: `crate::room`, the heads of `crate::{a, b::c}`, and chains of `super` that leave the
/// file's own room.
fn uses(code: &str, depth: usize) -> Vec<(usize, Use)> {
    let tokens = tokens(code);
    let word = |i: usize| tokens.get(i).map_or("", |(_, t)| t.as_str());
    // For every open brace, whether it is an inline module's: those deepen what `super` climbs from.
    let mut braces: Vec<bool> = Vec::new();
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let line = tokens[i].0;
        match word(i) {
            "{" => braces.push(i >= 2 && word(i - 2) == "mod"),
            "}" => drop(braces.pop()),
            "crate" if word(i + 1) == "::" && word(i + 2) == "{" => {
                let (mut level, mut j) = (1, i + 3);
                while level > 0 && j < tokens.len() {
                    match word(j) {
                        "{" => level += 1,
                        "}" => level -= 1,
                        name if level == 1 && matches!(word(j - 1), "{" | ",") && name.starts_with(is_word) => {
                            found.push((tokens[j].0, Use::Room(name.to_owned())));
                        }
                        _ => {}
                    }
                    j += 1;
                }
                i = j;
                continue;
            }
            "crate" if word(i + 1) == "::" => found.push((line, Use::Room(word(i + 2).to_owned()))),
            "super" if i < 2 || word(i - 2) != "super" => {
                let mut climbed = 1;
                while word(i + 2 * climbed - 1) == "::" && word(i + 2 * climbed) == "super" {
                    climbed += 1;
                }
                let inline = braces.iter().filter(|module| **module).count();
                // `pub(super)` and `pub(in super::super)` give sight, they do not use.
                if climbed >= depth + inline && !(i >= 1 && matches!(word(i - 1), "(" | "in")) {
                    found.push((line, Use::Above));
                }
            }
            _ => {}
        }
        i += 1;
    }
    found
}

/// Identifiers, `::` and single other characters, each with its line.
fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    for (n, line) in code.lines().enumerate() {
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            let mut token = c.to_string();
            if is_word(c) {
                while let Some(next) = chars.next_if(|c| is_word(*c)) {
                    token.push(next);
                }
            } else if c == ':' && chars.next_if_eq(&':').is_some() {
                token.push(':');
            } else if c.is_whitespace() {
                continue;
            }
            all.push((n + 1, token));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(place: &str, text: &str) -> Vec<String> {
        let file = SourceFile::new(&format!("{LIBRARY}{place}"), text);
        let about_file = |f: &Finding| f.file != LIBRARY;
        check(&[file]).into_iter().filter(about_file).map(|f| format!("{}: {}", f.line, f.message)).collect()
    }

    #[test]
    fn a_use_of_a_lower_room_is_found_in_every_spelling() {
        for text in [
            "\nuse crate::train::train;",
            "\nlet x = crate::train::train();",
            "\nuse crate::{error::Error, train};",
            "\nuse crate::{error::{Error, Result}, train::{Task, train}};",
            "\npub(in crate::train) fn f() {}",
        ] {
            let all = found("data/csv.rs", text);
            assert!(all.len() == 1 && all[0].starts_with("2: `data` uses `train`"), "{text}: {all:?}");
        }
    }

    #[test]
    fn upper_rooms_ones_own_and_the_neighbours_of_a_floor_are_free() {
        assert!(found("train/fit.rs", "use crate::data::Source; use super::state::X; use crate::train::y;").is_empty());
        assert!(
            found("jet/dual.rs", "use crate::net::Linear;").is_empty()
                && found("net/mlp.rs", "use crate::jet::Value;").is_empty()
        );
        assert!(found("data/csv.rs", "// see crate::train\nlet s = \"crate::train\";").is_empty());
    }

    #[test]
    fn rooms_that_are_kept_apart_stay_apart() {
        assert_eq!(
            found("sample/heun.rs", "use crate::{model::Model, score::Score};"),
            ["1: `sample` does without `model` (xtask/src/tidy/rooms.rs)"]
        );
        assert_eq!(found("plot/curve.rs", "use crate::tensor::Tensor;").len(), 1);
    }

    #[test]
    fn super_may_not_leave_the_room() {
        assert_eq!(found("key.rs", "use super::train::x;").len(), 1);
        assert_eq!(found("data/csv.rs", "use super::super::train::x;").len(), 1);
        assert!(
            found("data/csv.rs", "use super::x; pub(super) fn f() {} mod tests { use super::super::x; fn g() { a::b() } }")
                .is_empty()
        );
        assert_eq!(found("data/csv.rs", "mod tests { use super::super::super::train; }").len(), 1);
        assert!(found("key.rs", "pub(super) fn f() {} mod tests { use super::*; }").is_empty());
    }

    #[test]
    fn tests_are_free() {
        assert!(found("train/fit.rs", "#[cfg(test)]\nmod tests { use crate::sample::draw; }").is_empty());
        assert!(found("train/fit/tests.rs", "use crate::sample::draw;").is_empty());
        assert_eq!(found("train/fit.rs", "#[cfg(test)]\nuse crate::sample::draw;").len(), 1);
    }

    #[test]
    fn unknown_rooms_are_found() {
        assert!(found("attic/mod.rs", "//! x")[0].contains("`attic` is not in the list"));
        assert!(found("train/fit.rs", "use crate::attic::x;")[0].contains("`crate::attic` is not"));
        assert!(check(&[]).iter().any(|f| f.message.contains("`error` is in the list")));
    }

    #[test]
    fn the_map_must_agree() {
        let rows: Vec<String> = FLOORS.iter().flat_map(|f| f.iter()).map(|r| format!("| `{r}` | what |")).collect();
        let map = |rows: &[String]| check_map(&[Text { path: MAP.to_owned(), content: rows.join("\n") }]);
        assert!(map(&rows).is_empty());
        assert_eq!(map(&rows[1..])[0].message, "the table of rooms has `atomic` where `error` is next");
        assert!(map(&rows[..3])[0].message.starts_with("the table of rooms lacks"));
    }
}
