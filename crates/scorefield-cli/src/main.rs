//! The `scorefield` command.

mod args;
mod command;
mod interrupt;
mod level;
mod output;
mod plane;
mod points;
mod progress;
mod session;
mod sink;
mod statistics;
mod target;
mod verb;

use std::process::ExitCode;

/// Training makes and drops many tensors of the same few sizes; mimalloc keeps them at hand (a fifth faster than the system's).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    command::run(std::env::args_os().collect())
}
