//! The command as tests call it: in a folder of its own, untouched by the variables of whoever runs them.
#![allow(dead_code, reason = "each file of tests is a program of its own and uses what it needs")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The command with its arguments, not yet run.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scorefield"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SCOREFIELD_")) {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(folder);
    command
}

/// What a command that succeeds leaves.
pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    let output = command(folder, arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Its document.
pub fn document(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_slice(&run(folder, &[arguments, &["--json"]].concat()).stdout).unwrap()
}
