//! `reproduce`: makes a file again from what is written in it, and compares every byte.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, value_parser};
use scorefield::data::{read_record, sidecar};
use scorefield::error::{Error, Result};
use scorefield::plot::metadata;

use crate::args::{Cli, Verb};
use crate::guide::Guide;
use crate::output::{Answer, Verdict};
use crate::record::SELF;
use crate::session::Session;
use crate::sink::{check_place, is_picture};
use crate::target::{self, Which};
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield sample runs/moons -n 2000 -o moons.png
  scorefield reproduce moons.png                        makes it again and compares
  scorefield reproduce moons.png -o again.png           and keeps the copy

Files that sample, score, denoise, likelihood, encode and decode write carry the verb, its arguments, the model's hash and the seed. Paths in them mean what they
meant where the file was made: run reproduce in the same folder.";

/// Verbs that write such files.
const VERBS: &[&str] = &["sample", "score", "denoise", "likelihood", "encode", "decode"];
/// What is a path and is only read.
const READ: &[&str] = &["data_dir"];

/// Make a picture or an array again from what is written in it: arguments, model and seed.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Reproduce {
    /// A file that sample, score, denoise, likelihood, encode or decode wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Keep the copy under this name
    #[arg(short, long, value_name = "OUT")]
    out: Option<PathBuf>,
}

/// Does it.
///
/// # Errors
/// A file without such a record, a model that is missing or another by now, points that are, a place that cannot be written.
pub fn run(args: &Reproduce, session: &Session) -> Result<Answer> {
    let file = &args.file;
    let record = Written::read(file)?;
    if let Some(out) = &args.out {
        check_out(file, out)?;
    }
    // The copy keeps the file's name, of which the extension decides the format.
    let place = args.out.as_deref().map(|out| out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")));
    let folder = match place {
        Some(place) => tempfile::Builder::new().prefix(".reproduce-").tempdir_in(place),
        None => tempfile::tempdir(),
    };
    let folder = folder.map_err(|e| Error::write(place.unwrap_or(&std::env::temp_dir()), e))?;
    let copy = folder.path().join(args.out.as_ref().unwrap_or(file).file_name().unwrap_or_default());

    let cli = record.command(&copy, session)?;
    let inner = Session::new(cli.globals, Instant::now(), record.typed(&copy, session))?.without_warnings();
    record.check_model(&inner)?;
    super::run(&cli.verb, &inner)?;

    let again = Written::read(&copy)?;
    if record.get("points") != again.get("points") {
        return Err(Error::file(file, "the points that it was made from are others by now"));
    }
    let differs = first_difference(file, &copy)?;
    let bytes = std::fs::metadata(file).map_err(|e| Error::read(file, &e))?.len();
    if let Some(out) = &args.out {
        for (from, to) in [(copy.clone(), out.clone()), (sidecar(&copy), sidecar(out))] {
            if from.exists() {
                std::fs::rename(&from, &to).map_err(|e| Error::write(&to, e))?;
            }
        }
    }
    let name = file.display();
    let mut text = match differs {
        None => format!("{name} made again: equal in all of its {}\n", words::bytes(bytes)),
        Some(at) => format!("{name} made again: it differs, first at byte {at}\n{}", record.why(&again)),
    };
    if let Some(out) = &args.out {
        text += &format!("written to {}\n", out.display());
    }
    let verdict = if differs.is_none() { Verdict::Good } else { Verdict::Bad };
    let answer = Answer { verdict, seed: Some(inner.seed()), ..Answer::new(text) };
    Ok(answer
        .with("file", file)
        .with("equal", differs.is_none())
        .with("first_difference", differs)
        .with("bytes", bytes)
        .with("target", record.get("target"))
        .with("model", record.get("model"))
        .with("arguments", &record.arguments)
        .with("out", &args.out))
}

fn damaged(file: &Path, problem: &str) -> Error {
    Error::file(file, format!("the record of how it was made is damaged: {problem}"))
}

/// What is written in a file.
struct Written {
    file: PathBuf,
    pairs: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Written {
    fn read(file: &Path) -> Result<Self> {
        let pairs = if is_picture(file) {
            metadata(file)?
        } else {
            let read = read_record(file);
            read.map_err(|e| match e {
                Error::Setting { .. } => {
                    Error::setting("FILE", "a name that ends in .npy, .csv, .parquet, .png or .svg", file.display())
                }
                other => other,
            })?
            .unwrap_or_default()
        };
        let Some((_, listed)) = pairs.iter().find(|pair| pair.0 == "arguments") else {
            let hint = match file.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")) {
                true => format!("that of a table is in the file beside it: {}", sidecar(file).display()),
                false => format!("files that {} write carry one", VERBS.join(", ")),
            };
            return Err(Error::file(file, "it has no record of how it was made").with_hint(hint));
        };
        let arguments = serde_json::from_str(listed).map_err(|_| damaged(file, "its arguments are no list of words"))?;
        Ok(Self { file: file.to_path_buf(), pairs, arguments })
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|pair| pair.0 == key).map(|pair| pair.1.as_str())
    }

    /// The command line that writes to `copy`.
    fn typed(&self, copy: &Path, session: &Session) -> Vec<std::ffi::OsString> {
        let named = |word: &String| if word == SELF { copy.as_os_str().to_owned() } else { word.into() };
        let mut words: Vec<std::ffi::OsString> = vec!["scorefield".into()];
        words.extend(self.arguments.iter().map(named));
        let globals = session.globals();
        words.extend(globals.quiet.then(|| "--quiet".into()));
        if let Some(device) = &globals.device {
            words.extend(["--device".into(), device.into()]);
        }
        if let Some(folder) = &globals.data_dir {
            words.extend(["--data-dir".into(), folder.into()]);
        }
        words
    }

    fn command(&self, copy: &Path, session: &Session) -> Result<Cli> {
        let damaged = |problem: &str| damaged(&self.file, problem);
        if !self.arguments.first().is_some_and(|verb| VERBS.contains(&verb.as_str())) {
            return Err(damaged(&format!("it names none of {}", VERBS.join(", "))));
        }
        if self.arguments.iter().filter(|word| *word == SELF).count() != 1 {
            return Err(damaged("it names no file"));
        }
        let refused = |e: clap::Error| {
            let said = e.to_string();
            damaged(said.lines().next().unwrap_or_default().trim_start_matches("error: "))
        };
        let matches = Cli::command().try_get_matches_from(self.typed(copy, session)).map_err(refused)?;
        // A file from elsewhere could name any place to be written over.
        if written_to(&matches) != [copy.as_os_str()] {
            return Err(damaged("it writes to another place than the file's own"));
        }
        let cli = Cli::from_arg_matches(&matches).map_err(refused)?;
        match cli.verb {
            Verb::Sample(_) | Verb::Score(_) | Verb::Denoise(_) | Verb::Likelihood(_) | Verb::Encode(_) | Verb::Decode(_) => {
                Ok(cli)
            }
            _ => Err(damaged("it is of another verb")),
        }
    }

    /// Refuses another model than the one that the file is by.
    fn check_model(&self, session: &Session) -> Result<()> {
        let (Some(spec), Some(hash)) = (self.get("target"), self.get("model")) else {
            return Err(damaged(&self.file, "it names no model"));
        };
        let half_life = self.arguments.iter().position(|a| a == "--ema").and_then(|i| self.arguments.get(i + 1)?.parse().ok());
        let missing = |e: Error| {
            let hint = format!("{} was made from {spec}: run reproduce where that is to be found", self.file.display());
            e.with_hint(hint)
        };
        let found = target::open(spec, Which { ema: half_life, class: None }, session).map_err(missing)?.hash();
        self.check_hash("model", spec, hash, &found)?;
        let named = self.arguments.iter().position(|a| a == "--guide").and_then(|i| self.arguments.get(i + 1));
        if let Some(hash) = self.get("guide") {
            let found = Guide::target(named.map(String::as_str), spec, session).map_err(missing)?.hash();
            self.check_hash("guide", named.map_or(spec, String::as_str), hash, &found)?;
        }
        Ok(())
    }

    fn check_hash(&self, what: &str, spec: &str, hash: &str, found: &str) -> Result<()> {
        if found == hash {
            return Ok(());
        }
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        let (was, is) = (short(hash), short(found));
        Err(Error::file(&self.file, format!("it was made by another {what}: {spec} was {was}… then and is {is}… now")))
    }

    /// What may be the reason of a difference.
    fn why(&self, again: &Self) -> String {
        for (key, what) in [("scorefield", "scorefield's version"), ("device", "the device")] {
            if let (Some(was), Some(is)) = (self.get(key), again.get(key))
                && was != is
            {
                return format!("{what} was {was} then and is {is} now\n");
            }
        }
        "model, arguments and seed are the same: the file was changed, or this machine computes with other instructions\n"
            .to_owned()
    }
}

/// Every place that a command line writes to. Of these verbs an argument that is a path, and not a word like DATA, is one.
fn written_to(matches: &ArgMatches) -> Vec<&OsStr> {
    let Some((name, verb)) = matches.subcommand() else { return Vec::new() };
    let path = value_parser!(PathBuf).type_id();
    let command = Cli::command();
    let arguments = command.find_subcommand(name).into_iter().flat_map(clap::Command::get_arguments);
    let places = arguments.filter(|argument| argument.get_value_parser().type_id() == path);
    let places = places.map(|argument| argument.get_id().as_str()).filter(|id| !READ.contains(id));
    places.flat_map(|id| verb.try_get_raw(id).ok().flatten().into_iter().flatten()).collect()
}

/// Refuses a name that would replace the original, or be of another format.
fn check_out(file: &Path, out: &Path) -> Result<()> {
    let extension = |path: &Path| path.extension().map(|e| e.to_ascii_lowercase());
    if extension(file) != extension(out) {
        let wanted = extension(file).unwrap_or_default();
        return Err(Error::setting("-o", format!("a name that ends in .{}", wanted.display()), out.display()));
    }
    let same = |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if same(file, out) {
        return Err(Error::setting("-o", "another name than the file's own", out.display()));
    }
    check_place(out)
}

/// The first byte at which two files differ.
fn first_difference(a: &Path, b: &Path) -> Result<Option<u64>> {
    let open = |path: &Path| File::open(path).map(|f| BufReader::with_capacity(1 << 20, f)).map_err(|e| Error::read(path, &e));
    let (mut left, mut right) = (open(a)?.bytes(), open(b)?.bytes());
    let mut at = 0;
    loop {
        match (left.next().transpose(), right.next().transpose()) {
            (Ok(None), Ok(None)) => return Ok(None),
            (Ok(x), Ok(y)) if x == y => at += 1,
            (Ok(_), Ok(_)) => return Ok(Some(at)),
            (Err(e), _) => return Err(Error::read(a, &e)),
            (_, Err(e)) => return Err(Error::read(b, &e)),
        }
    }
}
