//! `list`: what there is to choose from, read from the registries.

use clap::Args;
use scorefield::data::describe;
use scorefield::data::toy::TOYS;
use scorefield::density::DENSITIES;
use scorefield::diagnostic::DIAGNOSTICS;
use scorefield::error::{Error, Result};
use scorefield::lecture::CLAIMS;
use scorefield::metric::METRICS;
use scorefield::net::NETS;
use scorefield::noise::{NOISES, SCHEDULES};
use scorefield::objective::OBJECTIVES;
use scorefield::posterior::OBSERVATIONS;
use scorefield::recipe::{OnResume, RawRecipe, SETTINGS};
use scorefield::registry::{Entry, nearest};
use scorefield::sample::SAMPLERS;
use scorefield::tensor::devices;
use serde_json::{Value, json};

use crate::args::Offered;
use crate::output::Answer;
use crate::session::Session;
use scorefield::words;

/// What can be listed, each with one line.
pub const ROOMS: &[(&str, &str)] = &[
    ("objectives", "losses that training minimises (--objective)"),
    ("samplers", "ways to draw samples from a score (--sampler)"),
    ("schedules", "how noise levels are laid out (--schedule)"),
    ("noises", "kinds of noise that training adds (train --noise)"),
    ("observations", "kinds of noise that data may have already (denoise --noise)"),
    ("nets", "networks (--net)"),
    ("densities", "distributions whose score is known (density:NAME)"),
    ("toys", "endless points in the plane (toy:NAME)"),
    ("data", "what DATA may be"),
    ("settings", "everything a recipe may set, with its flag, variable and default"),
    ("estimators", "estimators of the score-matching loss (fisher --estimator)"),
    ("diagnostics", "what can be wrong with data, a score or a chain, measured (diagnose)"),
    ("claims", "claims of the lecture (lecture --only)"),
    ("metrics", "figures of how near samples are to real points (evaluate)"),
    ("devices", "where this build can compute (--device)"),
];

const EXAMPLES: &str = "\
Examples:
  scorefield list                  what can be listed
  scorefield list samplers
  scorefield list settings --json";

/// List what there is to choose from: objectives, samplers, schedules, densities, data, settings, …
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct List {
    /// What to list
    #[arg(value_name = "WHAT", value_parser = Offered::new(ROOMS.iter().map(|room| room.0)))]
    what: Option<String>,
}

/// Does it.
///
/// # Errors
/// A room that there is not.
pub fn run(args: &List, _: &Session) -> Result<Answer> {
    let Some(what) = &args.what else {
        let rows: Vec<Vec<String>> =
            ROOMS.iter().map(|(name, about)| vec![format!("scorefield list {name}"), (*about).to_owned()]).collect();
        let rooms: Vec<Value> = ROOMS.iter().map(|(name, about)| json!({ "name": name, "summary": about })).collect();
        return Ok(Answer::new(words::table(&rows)).with("rooms", rooms));
    };
    let name = ROOMS.iter().map(|room| room.0).find(|name| name == what || singular(name) == what);
    let Some((text, rows)) = name.and_then(listed) else { return Err(unknown(what)) };
    Ok(Answer::new(text).with("what", name).with("entries", rows))
}

/// A room's rows, as text and for programs; `None` where there is no such room.
pub fn listed(room: &str) -> Option<(String, Vec<Value>)> {
    Some(match room {
        "objectives" => entries(OBJECTIVES),
        "samplers" => entries(SAMPLERS),
        "schedules" => entries(SCHEDULES),
        "noises" => entries(NOISES),
        "observations" => entries(OBSERVATIONS),
        "nets" => entries(NETS),
        "densities" => entries(DENSITIES),
        "toys" => entries(TOYS),
        "data" => data(),
        "settings" => settings(),
        "estimators" => entries(OBJECTIVES),
        "diagnostics" => entries(DIAGNOSTICS),
        "claims" => entries(CLAIMS),
        "metrics" => entries(METRICS),
        "devices" => names(&devices()),
        _ => return None,
    })
}

fn singular(name: &str) -> &str {
    match name {
        "densities" => "density",
        name => name.strip_suffix('s').unwrap_or(name),
    }
}

fn unknown(what: &str) -> Error {
    let names: Vec<&str> = ROOMS.iter().map(|room| room.0).collect();
    let error = Error::setting("list", format!("one of {}", names.join(", ")), format!("{what:?}"));
    match nearest(what, names) {
        Some(near) => error.with_hint(format!("did you mean {near}?")),
        None => error,
    }
}

fn entries<T>(registry: &[Entry<T>]) -> (String, Vec<Value>) {
    let mut text = String::new();
    let mut rows = Vec::new();
    for e in registry {
        let aliases = if e.aliases.is_empty() { String::new() } else { format!(" (also {})", e.aliases.join(", ")) };
        text += &format!("{}{aliases}\n    {}\n    {}\n    {}\n", e.name, e.summary, e.formula, e.source);
        rows.push(json!({
            "name": e.name, "aliases": e.aliases, "summary": e.summary, "formula": e.formula, "source": e.source,
        }));
    }
    (text, rows)
}

fn data() -> (String, Vec<Value>) {
    let mut forms: Vec<(String, String)> = describe().into_iter().map(|f| (f.form, f.meaning)).collect();
    forms.extend(DENSITIES.iter().map(|d| (format!("density:{}", d.name), format!("{}: {}", d.summary, d.formula))));
    forms.push(("density:FILE.toml".to_owned(), "a Gaussian mixture from a file".to_owned()));
    let rows = forms.iter().map(|(form, meaning)| json!({ "name": form, "summary": meaning })).collect();
    (words::table(&forms.into_iter().map(|(form, meaning)| vec![form, meaning]).collect::<Vec<_>>()), rows)
}

fn settings() -> (String, Vec<Value>) {
    let defaults = RawRecipe::default();
    let mut table = vec![["setting", "flag", "default", "about"].map(str::to_owned).to_vec()];
    let mut rows = Vec::new();
    for setting in SETTINGS {
        let flag = if setting.key == "data.source" { "DATA".to_owned() } else { setting.flag() };
        let default = setting.value_in(&defaults).map(|value| value.to_string());
        let shown = default.clone().unwrap_or_else(|| format!("({})", setting.unset));
        table.push(vec![setting.key.to_owned(), flag.clone(), shown, setting.about.to_owned()]);
        rows.push(json!({
            "name": setting.key,
            "flag": flag,
            "variables": setting.variables(),
            "default": default,
            "summary": setting.about,
            "may_change_on_resume": setting.on_resume == OnResume::MayChange,
        }));
    }
    (words::table(&table), rows)
}

fn names(names: &[&str]) -> (String, Vec<Value>) {
    (names.iter().map(|name| format!("{name}\n")).collect(), names.iter().map(|name| json!({ "name": name })).collect())
}
