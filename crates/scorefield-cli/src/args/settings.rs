//! A flag for every setting of a recipe, made from the table of settings: nothing here knows any of them by name.

use clap::builder::ValueParser;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use scorefield::net::NETS;
use scorefield::noise::{NOISES, SCHEDULES};
use scorefield::objective::OBJECTIVES;
use scorefield::recipe::{Kind, RawRecipe, SECTIONS, SETTINGS, Setting};

use super::Offered;

/// A setting given by its flag.
#[derive(Clone, Debug)]
pub struct Given {
    pub setting: &'static Setting,
    pub value: String,
}

/// The settings given by flags.
#[derive(Clone, Debug, Default)]
pub struct Settings(pub Vec<Given>);

/// Settings that are given in another way: as DATA, and by global flags.
const ELSEWHERE: [&str; 3] = ["data.source", "seed", "data.data_dir"];

fn offered() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| !ELSEWHERE.contains(&setting.key))
}

impl Args for Settings {
    fn augment_args(mut command: Command) -> Command {
        let defaults = RawRecipe::default();
        for (order, setting) in offered().enumerate() {
            command = command.arg(flag(setting, &defaults).display_order(100 + order));
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |setting: &'static Setting| {
            let value = matches.get_one::<String>(setting.key)?.clone();
            Some(Given { setting, value })
        };
        Ok(Self(offered().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn flag(setting: &'static Setting, defaults: &RawRecipe) -> Arg {
    let (value_name, parser): (_, ValueParser) = match (setting.key, setting.kind) {
        ("net.name", _) => ("NAME", Offered::of(NETS).into()),
        ("noise.name", _) => ("NAME", Offered::of(NOISES).into()),
        ("schedule.name", _) => ("NAME", Offered::of(SCHEDULES).into()),
        ("objective.name", _) => ("NAME", Offered::of(OBJECTIVES).into()),
        (_, Kind::Word(words)) => ("WORD", Offered::new(words.iter().copied()).into()),
        (_, Kind::Count(..)) => ("N", ValueParser::string()),
        (_, Kind::Number(_)) => ("X", ValueParser::string()),
        (_, Kind::Numbers(_)) => ("X[,X…]", ValueParser::string()),
        (_, Kind::Text) => ("TEXT", ValueParser::string()),
    };
    let default = match setting.value_in(defaults) {
        Some(value) => format!("[default: {value}]"),
        None => format!("[{}]", setting.unset),
    };
    Arg::new(setting.key)
        .long(setting.flag().trim_start_matches('-').to_owned())
        .value_name(value_name)
        .value_parser(parser)
        .allow_negative_numbers(matches!(setting.kind, Kind::Count(..) | Kind::Number(_) | Kind::Numbers(_)))
        .help(format!("{} {default}", capital(setting.about)))
        .help_heading(heading(setting.section()))
}

fn heading(section: &str) -> String {
    let about = SECTIONS.iter().find(|(name, _)| *name == section).map_or("", |(_, about)| about);
    let first = about.split(';').next().unwrap_or(about);
    format!("Settings [{section}]: {first}")
}

fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}
