//! `doctor`: what this machine offers, measured, and where data are looked for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use scorefield::data::write::AtomicFile;
use scorefield::error::Result;
use scorefield::tensor::devices;
use scorefield_kernels::image::multiplies_bf16;
use scorefield_kernels::machine;
use serde_json::{Value, json};

use crate::output::Answer;
use crate::session::{Session, variable};
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield doctor
  scorefield doctor --json --data-dir ~/datasets";

/// Show what this machine offers, measured: instruction sets, threads, speed, memory, devices, data folders.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Doctor {}

/// Long enough for the processor to reach its speed, short enough not to be waited for.
const MEASURE: Duration = Duration::from_millis(250);
/// What a thread of the bandwidth measurement takes.
const BANDWIDTH_BYTES: u64 = 128 << 20;
/// More threads add nothing to the bandwidth.
const BANDWIDTH_THREADS: usize = 16;

/// The files by which a published set is recognised.
const PUBLISHED: &[(&str, &[&str])] = &[
    ("mnist", &["train-images-idx3-ubyte", "train-images.idx3-ubyte"]),
    ("fashion-mnist", &["train-images-idx3-ubyte", "train-images.idx3-ubyte"]),
    ("cifar10", &["data_batch_1.bin", "cifar-10-batches-bin/data_batch_1.bin"]),
];

/// Does it.
///
/// # Errors
/// None.
pub fn run(_: &Doctor, session: &Session) -> Result<Answer> {
    let features = machine::features();
    let threads = rayon::current_num_threads();
    let memory = machine::memory();
    let peak = [1, threads].map(|n| machine::fma_peak_gflops(n, MEASURE));
    let fits = memory.map_or(1, |m| (m.available / (2 * BANDWIDTH_BYTES)) as usize);
    let bandwidth_threads = threads.min(BANDWIDTH_THREADS).min(fits).max(1);
    let bandwidth = [1, bandwidth_threads].map(machine::copy_bandwidth_gb);
    let roots = roots(session);
    let found: Vec<(&str, Option<PathBuf>)> =
        PUBLISHED.iter().map(|(name, files)| (*name, locate(name, files, &roots))).collect();
    let places = [("temporary folder", std::env::temp_dir()), ("current folder", PathBuf::from("."))];
    let writable: Vec<(&str, PathBuf, bool)> = places.map(|(what, path)| (what, path.clone(), can_write(&path))).to_vec();

    let mut rows = vec![
        row("scorefield", env!("CARGO_PKG_VERSION")),
        row("processor", format!("{}: {} (in use: {})", features.architecture, features.available.join(", "), features.active)),
        row("bf16 products", if multiplies_bf16() { "yes" } else { "no" }.to_owned()),
        row("threads", threads),
        row("multiply-add", format!("{} GFLOP/s on one thread, {} on {threads}", words::rate(peak[0]), words::rate(peak[1]))),
        row(
            "copying",
            format!("{} GB/s on one thread, {} on {bandwidth_threads}", words::number(bandwidth[0]), words::number(bandwidth[1])),
        ),
        row(
            "memory",
            memory.map_or("unknown".to_owned(), |m| format!("{}, {} free", words::bytes(m.total), words::bytes(m.available))),
        ),
        row("devices", devices().join(", ")),
    ];
    for (what, root) in &roots {
        rows.push(row(what, format!("{}{}", root.display(), if root.is_dir() { "" } else { " (not there)" })));
    }
    for (name, place) in &found {
        rows.push(row(name, place.as_ref().map_or("not found".to_owned(), |path| format!("found in {}", path.display()))));
    }
    for (what, path, ok) in &writable {
        rows.push(row(what, format!("{}, {}", path.display(), if *ok { "writable" } else { "cannot be written" })));
    }
    let data: Vec<Value> = found.iter().map(|(name, path)| json!({ "name": name, "folder": path })).collect();
    let folders: Vec<Value> =
        roots.iter().map(|(what, path)| json!({ "what": what, "path": path, "exists": path.is_dir() })).collect();
    let places: Vec<Value> =
        writable.iter().map(|(what, path, ok)| json!({ "what": what, "path": path, "writable": ok })).collect();
    Ok(Answer::new(words::table(&rows))
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("architecture", features.architecture)
        .with("simd_available", &features.available)
        .with("simd_active", features.active)
        .with("bf16_products", multiplies_bf16())
        .with("threads", threads)
        .with("fma_gflops_one_thread", peak[0])
        .with("fma_gflops_all_threads", peak[1])
        .with("copy_gb_per_second_one_thread", bandwidth[0])
        .with("copy_gb_per_second_all_threads", bandwidth[1])
        .with("memory_total", memory.map(|m| m.total))
        .with("memory_available", memory.map(|m| m.available))
        .with("devices", devices())
        .with("data_folders", folders)
        .with("data", data)
        .with("places", places))
}

fn row(what: &str, value: impl ToString) -> Vec<String> {
    vec![what.to_owned(), value.to_string()]
}

/// Where published data sets are looked for, first place first.
fn roots(session: &Session) -> Vec<(&'static str, PathBuf)> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let platform = if cfg!(windows) {
        absolute("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        absolute("HOME").map(|home| home.join("Library/Caches"))
    } else {
        absolute("HOME").map(|home| home.join(".cache"))
    };
    let cache = absolute("XDG_CACHE_HOME").or(platform).map(|cache| cache.join("scorefield"));
    let given = session.globals().data_dir.clone().map(|path| ("--data-dir", path));
    let variable = variable("SCOREFIELD_DATA").map(|path| ("SCOREFIELD_DATA", PathBuf::from(path)));
    given.into_iter().chain(variable).chain(cache.map(|path| ("cache folder", path))).collect()
}

fn locate(name: &str, files: &[&str], roots: &[(&str, PathBuf)]) -> Option<PathBuf> {
    let has = |folder: &Path| files.iter().any(|file| folder.join(file).is_file() || folder.join(format!("{file}.gz")).is_file());
    roots.iter().flat_map(|(_, root)| [root.join(name), root.clone()]).find(|folder| has(folder))
}

fn can_write(folder: &Path) -> bool {
    AtomicFile::create(&folder.join("scorefield-doctor")).is_ok()
}
