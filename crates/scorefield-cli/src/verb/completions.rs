//! `completions`: what a shell needs to complete the command.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use scorefield::error::Result;

use crate::args::Cli;
use crate::output::Answer;

const EXAMPLES: &str = "\
Examples:
  scorefield completions bash > ~/.local/share/bash-completion/completions/scorefield
  scorefield completions zsh > ~/.zfunc/_scorefield
  scorefield completions fish > ~/.config/fish/completions/scorefield.fish";

/// Print a shell's completion script.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Does it.
///
/// # Errors
/// None.
pub fn run(args: &Completions) -> Result<Answer> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "scorefield", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Ok(Answer::new(script.clone()).with("shell", args.shell.to_string()).with("script", script))
}
