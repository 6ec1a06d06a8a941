//! From arguments to exit code: parse, do, print.

use std::ffi::OsString;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use clap::error::ErrorKind;
use scorefield::error::{Error, Result};

use crate::args::Cli;
use crate::output::{self, Complaint, Verdict};
use crate::session::Session;
use crate::verb;

/// Runs the command; `arguments` begins with the program's name.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let begun = Instant::now();
    // Also where the arguments cannot be parsed, the answer is a document if one was asked for.
    let json = arguments.iter().take_while(|a| *a != "--").any(|a| a == "--json");
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(e) => return unparsed(&e, &arguments, json),
    };
    if std::env::var_os("RUST_BACKTRACE").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let done = catch_unwind(AssertUnwindSafe(|| answer(cli, begun, &arguments)));
    let error = match done {
        Ok(Ok(Verdict::Good)) => return ExitCode::SUCCESS,
        Ok(Ok(Verdict::Bad)) => return ExitCode::from(1),
        Ok(Err(error)) => error,
        Err(panic) => {
            let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            Error::failed("internal error", words.unwrap_or("unknown"))
                .with_hint("this is a bug in scorefield; RUST_BACKTRACE=1 shows where it is")
        }
    };
    output::complain(&Complaint::of(&error), json);
    ExitCode::from(error.exit_code())
}

fn answer(cli: Cli, begun: Instant, arguments: &[OsString]) -> Result<Verdict> {
    let session = Session::new(cli.globals, begun, arguments.to_vec())?;
    // On the thread pool from the start: kernels fork many times a step, and a thread from outside waits to be woken at each.
    let answer = rayon::scope(|_| verb::run(&cli.verb, &session))?;
    output::print(&answer, cli.verb.name(), &session)?;
    Ok(answer.verdict)
}

/// Help and version, and arguments that are no use.
fn unparsed(error: &clap::Error, arguments: &[OsString], json: bool) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that has seen enough has closed the pipe: nothing to say.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !json => {
            let _ = error.print();
            let _ = std::io::stderr().flush();
            return ExitCode::from(2);
        }
        _ => {}
    }
    output::complain(&usage(error, arguments), json);
    ExitCode::from(2)
}

/// The parser's several paragraphs as one line and a hint.
fn usage(error: &clap::Error, arguments: &[OsString]) -> Complaint {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let hint = Some("scorefield --help shows them".to_owned());
        return Complaint { kind: "usage", message: "a verb is missing".to_owned(), hint };
    }
    let text = error.render().to_string();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let head: Vec<&str> = lines.iter().take_while(|line| !line.is_empty()).copied().collect();
    let message = head.join(" ").trim_start_matches("error: ").to_owned();
    // "To pass '--x' as a value, use '-- --x'" is hardly ever what was meant.
    let tips = lines.iter().filter_map(|line| line.strip_prefix("tip: "));
    let tip = tips.filter(|tip| !tip.starts_with("to pass ")).map(str::to_owned).next();
    let verb = arguments.get(1).and_then(|a| a.to_str()).filter(|a| verb::NAMES.contains(a));
    let help = format!("scorefield {}--help shows what there is", verb.map_or(String::new(), |v| format!("{v} ")));
    Complaint { kind: "usage", message, hint: Some(tip.unwrap_or(help)) }
}
