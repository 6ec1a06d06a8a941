//! The demo's report: what was done, how good it is, and the commands to do it oneself.

use super::{DemoFigure, LEVELS, SAMPLES, SIGMA};
use crate::error::Result;
use crate::recipe::{Trained, TrainedModel};
use crate::report::{Figure, Image, Report, Verdicts};
use crate::words::count;
use std::path::{Path, PathBuf};

pub(super) struct Page<'a> {
    pub spec: &'a str,
    pub trained: &'a Trained,
    pub model: &'a TrainedModel,
    pub figures: &'a [DemoFigure],
    pub pictures: &'a [PathBuf],
    pub seconds: f64,
    pub evaluations: u64,
}

impl Page<'_> {
    pub fn save(&self, path: &Path) -> Result<()> {
        let [samples, denoised, trajectory, loss] = self.pictures else { unreachable!("the demo makes four pictures") };
        let recipe = &self.model.recipe;
        let mut page = Report::new("Learning the score of handwritten digits");
        page.lead(&format!(
            "A network of {} numbers looked at {} small pictures of handwritten digits with noise added, learned which way is less \
             noise, and now draws digits of its own. This took {:.0} seconds.",
            count(self.trained.parameters as u64),
            "1,437",
            self.seconds
        ));
        page.section("New digits");
        page.text(&format!(
            "Each began as pure noise and followed the learned score to σ = 0 in {LEVELS} steps ({} evaluations of the network). \
             None of them was in the data.",
            self.evaluations
        ));
        page.figure(
            &Image::open(samples)?,
            "A grid of 100 generated digits",
            "100 of the 1,000 samples that were judged, as they came.",
        );
        page.figure(&Image::open(trajectory)?, "Five rows of images, noise on the left and digits on the right", "");

        page.section("How good are they?");
        let figures: Vec<Figure<'_>> = self
            .figures
            .iter()
            .map(|f| Figure {
                name: &f.name,
                value: &f.value,
                wanted: &f.wanted,
                yardstick: &f.yardstick,
                meaning: &f.meaning,
                ok: f.ok,
            })
            .collect();
        page.figures(&figures, Verdicts::WANTED);
        page.text(&format!(
            "{} samples were judged. 360 of the 1,797 digits were held out: neither the network nor the classifier saw them.",
            count(SAMPLES as u64)
        ));

        page.section("Removing noise");
        page.text(&format!(
            "The score points from a noisy picture towards more probable ones. One step of length σ² along it, x + σ²·s(x, σ), is the \
             best guess of the clean picture (Tweedie's formula). Here σ = {SIGMA}, a third of the range from black to white."
        ));
        page.figure(&Image::open(denoised)?, "Rows of clean, noisy and denoised digits", "");

        page.section("How it was learned");
        page.text(&format!(
            "Denoising score matching over all noise levels: {} steps of {} digits. The network is `{}` with {} blocks of {} features. \
             Every setting is in `run/recipe.toml`; the same recipe and seed give the same weights to the bit.",
            count(recipe.train.steps),
            recipe.train.batch,
            recipe.net.name,
            recipe.net.depth,
            recipe.net.width
        ));
        page.figure(&Image::open(loss)?, "Loss against step", "");

        page.section("Do it yourself");
        let run = self.spec;
        page.command("Train (stop it with Ctrl-C and go on with `--resume`):", &format!("scorefield train digits --out {run}"));
        page.command(
            "Draw a thousand digits:",
            &format!("scorefield sample {run} -n 1000 --sampler heun --steps {LEVELS} -o samples.png"),
        );
        page.command("The same as numbers, 1,000 × 1 × 8 × 8:", &format!("scorefield sample {run} -n 1000 -o samples.npy"));
        page.command(
            "Clean noisy pictures of your own:",
            &format!("scorefield denoise {run} noisy.npy --sigma {SIGMA} -o clean.npy"),
        );
        page.command("Learn from your own table, array or folder of pictures:", "scorefield train table.csv --out my-run");
        page.details("The data", |page| {
            page.text(
                "1,797 handwritten digits of 8×8 pixels from 13 writers: the test part of the UCI set “Optical Recognition of \
                 Handwritten Digits” (Alpaydin & Kaynak 1998, CC BY 4.0), shipped inside the program.",
            );
        });
        page.save(path)
    }
}
