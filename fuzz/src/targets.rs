//! Every parser and every file that the program reads, as functions of bytes from anybody. None may panic, hang or fill the memory; what
//! they answer is no matter.
//!
//! Shared by libFuzzer (`fuzz_targets/any.rs`) and by the mutation driver of crates/scorefield/tests/hostile.rs.

use std::fs;
use std::io::Write;
use std::path::Path;

use scorefield::data::{self, Options};
use scorefield::key::{Key, Purpose};
use scorefield::recipe::Layers;
use scorefield::run::RunFolder;
use scorefield::tensor::Device;

/// One of them.
pub struct Target {
    /// Its name, and its corpus's folder.
    pub name: &'static str,
    parse: fn(&Path, &[u8]),
}

impl Target {
    /// Gives it the bytes, in a folder of its own.
    pub fn run(&self, bytes: &[u8]) {
        let folder = tempfile::tempdir().expect("a folder for the input");
        (self.parse)(folder.path(), bytes);
    }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "idx",
        parse: |at, bytes| published(at, "mnist", &["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"], bytes),
    },
    Target {
        name: "idx-gz",
        parse: |at, bytes| published(at, "mnist", &["train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"], &gzip(bytes)),
    },
    Target { name: "cifar", parse: |at, bytes| published(at, "cifar10", &["data_batch_1.bin", "test_batch.bin"], bytes) },
    Target { name: "npy", parse: |at, bytes| table(at, "a.npy", bytes) },
    Target { name: "npz", parse: |at, bytes| table(at, "a.npz", bytes) },
    Target { name: "npz-member", parse: |at, bytes| table(at, "a.npz", &zipped("a.npy", bytes)) },
    Target { name: "csv", parse: |at, bytes| table(at, "a.csv", bytes) },
    Target { name: "csv-gz", parse: |at, bytes| table(at, "a.csv.gz", bytes) },
    Target { name: "parquet", parse: |at, bytes| table(at, "a.parquet", bytes) },
    Target { name: "png", parse: |at, bytes| pictures(at, "a.png", bytes) },
    Target { name: "jpeg", parse: |at, bytes| pictures(at, "a.jpg", bytes) },
    Target { name: "recipe", parse: recipe },
    Target { name: "density", parse: density },
    Target { name: "safetensors", parse: safetensors },
    Target { name: "unet-config", parse: |at, bytes| diffusers(at, "config.json", bytes) },
    Target { name: "scheduler-config", parse: |at, bytes| diffusers(at, "scheduler_config.json", bytes) },
    Target { name: "model-index", parse: |at, bytes| diffusers(at, "model_index.json", bytes) },
    Target { name: "state", parse: state },
    Target { name: "metrics", parse: |at, bytes| run_folder(at, "metrics.jsonl", bytes) },
    Target { name: "latest", parse: |at, bytes| run_folder(at, "latest", bytes) },
    Target { name: "record", parse: record },
    Target { name: "picture-record", parse: picture_record },
];

fn put(path: &Path, bytes: &[u8]) {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).expect("a folder");
    }
    fs::write(path, bytes).expect("a file");
}

/// Opens DATA and reads rows of it.
fn read(spec: &str, options: &Options) {
    let Ok(set) = data::open(spec, options) else { return };
    for part in [&set.train, &set.held_out] {
        let n = part.len().unwrap_or(8).min(8);
        let width = part.event().len();
        // What fits into 64 MiB: a row may be as long as the file says.
        if n == 0 || width > 1 << 21 {
            continue;
        }
        let indices: Vec<u64> = (0..n).collect();
        let mut rows = vec![0.0; n as usize * width];
        let _ = part.fill(&indices, Key::new(0, Purpose::Data), &mut rows);
    }
}

fn options(at: &Path) -> Options {
    Options { data_dir: Some(at.to_path_buf()), offline: true, memory_limit: 64 << 20, ..Options::default() }
}

fn table(at: &Path, name: &str, bytes: &[u8]) {
    let path = at.join(name);
    put(&path, bytes);
    read(&path.display().to_string(), &options(at));
}

fn published(at: &Path, name: &str, files: &[&str], bytes: &[u8]) {
    for file in files {
        put(&at.join(file), bytes);
    }
    for file in ["train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"] {
        put(&at.join(file), &[0, 0, 8, 1, 0, 0, 0, 1, 7]);
    }
    for batch in 2..=5 {
        put(&at.join(format!("data_batch_{batch}.bin")), bytes);
    }
    read(name, &options(at));
}

fn pictures(at: &Path, name: &str, bytes: &[u8]) {
    let folder = at.join("pictures");
    put(&folder.join(name), bytes);
    read(&folder.display().to_string(), &options(at));
    read(&folder.display().to_string(), &Options { size: Some(4), ..options(at) });
}

fn recipe(at: &Path, bytes: &[u8]) {
    let path = at.join("recipe.toml");
    put(&path, bytes);
    let Ok(layers) = Layers::new().recipe_file(&path) else { return };
    if let Ok(mut resolved) = layers.build() {
        let _ = resolved.read_net_config();
        let _ = resolved.check();
    }
}

fn density(at: &Path, bytes: &[u8]) {
    let path = at.join("density.toml");
    put(&path, bytes);
    if let Ok(density) = scorefield::density::open(&path.display().to_string())
        && density.dim() <= 64
    {
        let x = vec![0.5; density.dim()];
        let mut s = x.clone();
        density.score_rows(&x, 1.0, &mut s);
    }
}

fn safetensors(at: &Path, bytes: &[u8]) {
    let path = at.join("model.safetensors");
    let _ = scorefield::run::read_tensors(&path, bytes);
    put(&path, bytes);
    if let Ok(mut reader) = scorefield::run::TensorReader::open(&path) {
        let names: Vec<String> = reader.shapes().map(|(name, _)| name.to_owned()).take(8).collect();
        for name in &names {
            let _ = reader.values(name);
        }
    }
}

/// A folder of diffusers whose other files are good.
fn diffusers(at: &Path, name: &str, bytes: &[u8]) {
    let model = at.join("model");
    put(&model.join("config.json"), include_bytes!("../corpus/unet-config/good.json"));
    put(&model.join("scheduler_config.json"), include_bytes!("../corpus/scheduler-config/good.json"));
    put(&model.join("diffusion_pytorch_model.safetensors"), include_bytes!("../corpus/safetensors/good.safetensors"));
    put(&model.join(name), bytes);
    let _ = scorefield::diffusers::import(&model, &at.join("run"), &Device::flex());
}

/// A run folder whose other files are good.
fn run_folder(at: &Path, name: &str, bytes: &[u8]) {
    let run = at.join("run");
    put(&run.join("recipe.toml"), include_bytes!("../corpus/recipe/run.toml"));
    put(&run.join("latest"), b"step-00000002\n");
    let checkpoint = run.join("checkpoints/step-00000002");
    put(&checkpoint.join("state.json"), include_bytes!("../corpus/state/good.json"));
    for file in ["model", "ema", "optimizer"] {
        put(&checkpoint.join(format!("{file}.safetensors")), include_bytes!("../corpus/safetensors/run.safetensors"));
    }
    put(&run.join(name), bytes);
    if let Ok(run) = RunFolder::open(&run) {
        let _ = run.metrics();
        let _ = run.latest();
    }
    let _ = scorefield::run::list_runs(at);
}

fn state(at: &Path, bytes: &[u8]) {
    run_folder(at, "checkpoints/step-00000002/state.json", bytes);
}

fn record(at: &Path, bytes: &[u8]) {
    for name in ["a.npy", "a.csv.json", "a.parquet"] {
        put(&at.join(name), bytes);
    }
    put(&at.join("a.csv"), b"a\n1\n");
    for name in ["a.npy", "a.csv", "a.parquet"] {
        let _ = data::read_record(&at.join(name));
    }
}

fn picture_record(at: &Path, bytes: &[u8]) {
    for name in ["a.png", "a.svg"] {
        let path = at.join(name);
        put(&path, bytes);
        let _ = scorefield::plot::metadata(&path);
        let _ = scorefield::report::Image::open(&path);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let _ = writer.write_all(bytes);
    writer.finish().unwrap_or_default()
}

fn zipped(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let plain = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let _ = zip.start_file(name, plain).map(|()| zip.write_all(bytes));
    zip.finish().map(std::io::Cursor::into_inner).unwrap_or_default()
}
