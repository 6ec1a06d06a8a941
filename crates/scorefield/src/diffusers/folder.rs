//! Where the files of a model are: side by side in a folder, or in the folders of a pipeline.

use crate::error::{Error, Result};
use crate::recipe::read_text;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

pub(super) const INDEX: &str = "model_index.json";
pub(super) const CONFIG: &str = "config.json";
pub(super) const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";
pub(super) const SCHEDULER: &str = "scheduler_config.json";

/// The files of one model.
#[derive(Debug)]
pub(super) struct Files {
    /// The folder's own name.
    pub name: String,
    pub config: PathBuf,
    pub weights: PathBuf,
    /// None where there is no such file.
    pub scheduler: Option<PathBuf>,
}

impl Files {
    /// Finds the files; opens none but the pipeline's list of parts.
    pub(super) fn find(dir: &Path) -> Result<Self> {
        if !dir.is_dir() {
            let problem = if dir.exists() { "a file, not a folder of diffusers" } else { "no such folder" };
            return Err(Error::file(dir, problem).with_hint(format!("a folder with {CONFIG}, {WEIGHTS} and {SCHEDULER}")));
        }
        let index = dir.join(INDEX);
        if index.is_file() {
            check_index(&index)?;
        }
        let part = |name: &str| Some(dir.join(name)).filter(|path| path.is_dir());
        let unet = part("unet").unwrap_or_else(|| dir.to_path_buf());
        let scheduler = part("scheduler").unwrap_or_else(|| dir.to_path_buf()).join(SCHEDULER);
        let config = unet.join(CONFIG);
        if !config.is_file() {
            return Err(
                Error::file(&config, "missing: no model of diffusers").with_hint(format!("DIR holds {CONFIG}, or unet/{CONFIG}"))
            );
        }
        let whole = std::fs::canonicalize(dir).map_err(|e| Error::read(dir, &e))?;
        let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, config, weights: weights(&unet)?, scheduler: Some(scheduler).filter(|path| path.is_file()) })
    }
}

fn weights(unet: &Path) -> Result<PathBuf> {
    let path = unet.join(WEIGHTS);
    if path.is_file() {
        return Ok(path);
    }
    let half = unet.join("diffusion_pytorch_model.fp16.safetensors");
    if half.is_file() {
        return Ok(half);
    }
    let hint = "in Python: UNet2DModel.from_pretrained(DIR).save_pretrained(NEW, safe_serialization=True)";
    for name in
        ["diffusion_pytorch_model.bin", "diffusion_model.pt", "diffusion_pytorch_model.pth", "pytorch_model.bin", "model.pth"]
    {
        if unet.join(name).exists() {
            let problem = "a pickle, which can run any program when it is read; only safetensors files are read";
            return Err(Error::file(unet.join(name), problem).with_hint(hint));
        }
    }
    if unet.join(format!("{WEIGHTS}.index.json")).exists() {
        return Err(Error::file(&path, "missing: weights in several files are not read").with_hint(hint));
    }
    Err(Error::file(&path, "missing: no weights").with_hint(hint))
}

/// Refuses pipelines of other networks, and those whose network sees something other than pictures.
fn check_index(path: &Path) -> Result<()> {
    let parts = read_object(path)?;
    for (name, part) in &parts {
        let class = part.get(1).and_then(Value::as_str);
        match (name.as_str(), class) {
            ("unet", Some("UNet2DModel")) | ("scheduler", _) | (_, None) => {}
            ("unet", Some(other)) => {
                return Err(Error::file_at(path, "unet", format!("{other} is not supported; UNet2DModel is")));
            }
            (_, Some(other)) => {
                let problem = format!("a pipeline with {other} is not supported: only a unet and a scheduler are");
                return Err(Error::file_at(path, name.clone(), problem));
            }
        }
    }
    Ok(())
}

/// A JSON object from a small file.
pub(super) fn read_object(path: &Path) -> Result<Map<String, Value>> {
    match serde_json::from_str(&read_text(path)?) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Error::file(path, "expected a JSON object")),
        Err(e) => Err(Error::file_at(path, format!("line {}, column {}", e.line(), e.column()), format!("not JSON: {e}"))),
    }
}
