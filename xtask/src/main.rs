//! Chores of the workspace: `cargo run -p xtask -- tidy` checks the rules of the house that no compiler sees, `-- api` lists what is public.

mod api;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tidy"] => tidy::run(),
        ["api"] => api::run(api::Wish::Write),
        ["api", "--check"] => api::run(api::Wish::Check),
        _ => {
            eprintln!("usage: cargo run -p xtask -- tidy | api [--check]");
            ExitCode::from(2)
        }
    }
}
