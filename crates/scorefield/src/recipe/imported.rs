//! A run folder for a model that was not trained here: recipe, one checkpoint at step 0, model card.

use super::Layers;
use super::assemble::IMPORTED;
use super::raw::RawRecipe;
use super::weights::About;
use crate::error::Result;
use crate::run::{Array, Card, CheckpointFiles, RunFolder, RunWriter, State, Tensors};
use crate::train::Named;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is written.
pub(crate) struct Foreign {
    /// Where it is from, as a word.
    pub name: String,
    /// Its network and its levels; the rest is as in any recipe.
    pub recipe: RawRecipe,
    pub about: About,
    pub weights: Vec<Named>,
    /// Smallest and largest level.
    pub sigma: (f64, f64),
    /// Further lines of the model card.
    pub notes: Vec<String>,
}

/// Whether an import into this folder was cut off after its recipe and before its checkpoint had its name. There is nothing to go on with but the import.
fn begun(path: &Path) -> bool {
    let Ok(folder) = RunFolder::open(path) else { return false };
    let imported = Layers::new().recipe_file(folder.recipe_path()).and_then(Layers::build);
    let imported = imported.is_ok_and(|resolved| resolved.recipe.data.source.starts_with(IMPORTED));
    imported && !folder.names_checkpoint()
}

/// Writes a run folder.
///
/// # Errors
/// Settings out of range, a folder that is there or cannot be written; nothing is left behind then.
pub(crate) fn write_foreign(foreign: Foreign, path: &Path) -> Result<PathBuf> {
    let Foreign { name, mut recipe, about, weights, sigma, notes } = foreign;
    recipe.data.source = format!("{IMPORTED}{name}");
    recipe.data.held_out = 0.0;
    recipe.train.steps = 1;
    recipe.check()?;
    let (mut words, arrays) = about.words()?;
    words.insert("step".to_owned(), "0".to_owned());
    let parameters = weights.iter().map(|(_, _, values)| values.len() as u64).sum();
    let weights = weights.iter().map(|(name, shape, values)| Array { name: name.into(), shape, values });
    let model = Tensors::new(weights.chain(arrays.iter().map(Array::from)), &words)?;
    let optimizer = Tensors::new([], &BTreeMap::new())?;
    let card = Card {
        run: path.display().to_string(),
        data: recipe.data.source.clone(),
        points: None,
        shape: about.event.dims(),
        objective: "not known here".to_owned(),
        net: recipe.net.name.clone(),
        parameters,
        schedule: recipe.schedule.name.clone(),
        sigma,
        step: 0,
        steps: 0,
        loss: None,
        seconds: 0.0,
        seed: recipe.seed,
        scorefield: env!("CARGO_PKG_VERSION").to_owned(),
        notes,
    };
    let recipe_text = recipe.to_toml();
    let writer = match begun(path) {
        false => RunWriter::create(path, &recipe_text)?,
        true => {
            let writer = RunWriter::resume(path)?.writer;
            writer.write_recipe(&recipe_text)?;
            writer
        }
    };
    let state = State::start(recipe.seed, &recipe.data.source);
    // The weights are their own average.
    let files = CheckpointFiles { model: &model, ema: &model, optimizer: &optimizer };
    let written = writer.write_card(&card.to_markdown()).and_then(|()| writer.write_checkpoint(&state, files, 1));
    match written {
        Ok(_) => Ok(writer.folder().path().to_path_buf()),
        Err(e) => {
            writer.abandon();
            Err(e)
        }
    }
}
