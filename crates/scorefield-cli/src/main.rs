//! The `scorefield` command.

mod args;
mod chains;
mod command;
mod gathered;
mod guide;
mod interrupt;
mod level;
mod output;
mod plane;
mod points;
mod progress;
mod record;
mod session;
mod sink;
mod statistics;
mod target;
mod verb;

use mimalloc::MiMalloc;
use scorefield_kernels::machine;
use scorefield_kernels::memory::Reuse;
use std::process::ExitCode;

/// Training makes and drops many tensors of the same few sizes. mimalloc keeps them at hand (a fifth faster than the system's), but gives large
/// ones back once they have been free for a moment, and a step that takes a few hundred milliseconds faults their pages in again: those are kept.
#[global_allocator]
static ALLOCATOR: Reuse<MiMalloc> = Reuse::new(MiMalloc);

/// Of the machine's memory, what freed blocks may hold: enough for the activations of a step, little enough to leave room for other programs.
const KEPT_SHARE: u64 = 8;

fn main() -> ExitCode {
    if let Some(memory) = machine::memory() {
        ALLOCATOR.keep_at_most(usize::try_from(memory.total / KEPT_SHARE).unwrap_or(usize::MAX));
    }
    command::run(std::env::args_os().collect())
}
