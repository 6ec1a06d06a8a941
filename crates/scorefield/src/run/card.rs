//! The model card: what a run learned from what, how well, and how to use it. `README.md` of the run folder.

use crate::words::{count, number};
use std::fmt::Write;

/// What the card says.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// The run folder as the commands on the card name it.
    pub run: String,
    /// The data source, as the user wrote it.
    pub data: String,
    /// How many points it was trained on; `None` for an endless source.
    pub points: Option<u64>,
    /// The event shape: `[d]`, or `[c, h, w]` for images.
    pub shape: Vec<usize>,
    /// The objective's registry name.
    pub objective: String,
    /// The network's registry name.
    pub net: String,
    /// How many parameters it has.
    pub parameters: u64,
    /// The schedule's registry name.
    pub schedule: String,
    /// The smallest and the largest noise level, in data units.
    pub sigma: (f64, f64),
    /// Optimiser steps done.
    pub step: u64,
    /// Optimiser steps asked for.
    pub steps: u64,
    /// The first and the last logged loss.
    pub loss: Option<(f64, f64)>,
    /// Seconds of training.
    pub seconds: f64,
    /// The seed.
    pub seed: u64,
    /// The version of scorefield that trained.
    pub scorefield: String,
    /// Further lines for the reader: the licence of the data, what the model should not be used for.
    pub notes: Vec<String>,
}

impl Card {
    /// The card as Markdown, with the header that model hubs read.
    pub fn to_markdown(&self) -> String {
        let mut text = String::from("---\nlibrary_name: scorefield\ntags: [score-matching, diffusion]\n---\n");
        // Writing into a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let shape: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        let image = self.shape.len() == 3;
        writeln!(text, "\n# The score of {}\n", self.data)?;
        writeln!(
            text,
            "A network that gives the score ∇ log p_σ(x) of `{}` at any noise level σ it was trained on.\n",
            self.data
        )?;
        writeln!(text, "| | |\n|---|---|")?;
        let imported = self.data.starts_with("imported:");
        let points = self.points.map_or_else(
            || if imported { "not known here" } else { "drawn fresh" }.to_owned(),
            |n| format!("{} points", count(n)),
        );
        writeln!(text, "| data | `{}`, {points}, each {} |", self.data, shape.join(" × "))?;
        writeln!(text, "| objective | {} |", self.objective)?;
        writeln!(text, "| network | {}, {} parameters |", self.net, count(self.parameters))?;
        writeln!(text, "| noise levels | {}, σ from {} to {} |", self.schedule, number(self.sigma.0), number(self.sigma.1))?;
        if !imported {
            writeln!(text, "| steps | {} of {}, {:.0} s |", count(self.step), count(self.steps), self.seconds)?;
        }
        if let Some((first, last)) = self.loss {
            writeln!(text, "| loss | {first:.4} at first, {last:.4} at last |")?;
        }
        let made = if imported { "imported by" } else { "made by" };
        writeln!(text, "| {made} | scorefield {}, seed {} |", self.scorefield, self.seed)?;
        let run = shell_word(&self.run);
        let file = if image { "samples.png" } else { "samples.npy" };
        writeln!(text, "\n## How to use it\n\n```sh")?;
        writeln!(text, "scorefield sample {run} -n 64 -o {file}          # draw new points")?;
        writeln!(text, "scorefield denoise {run} noisy.npy --sigma {} -o clean.npy", middle(self.sigma))?;
        writeln!(text, "scorefield score {run} points.npy --sigma {} -o scores.npy", middle(self.sigma))?;
        if imported {
            writeln!(text, "scorefield export {run} --format diffusers DIR")?;
        } else {
            writeln!(
                text,
                "scorefield train {} --recipe {} --out AGAIN     # repeat this run exactly",
                shell_word(&self.data),
                shell_word(&format!("{}/recipe.toml", self.run))
            )?;
        }
        writeln!(text, "```")?;
        if !self.notes.is_empty() {
            writeln!(text, "\n## Notes\n")?;
            for note in &self.notes {
                writeln!(text, "- {note}")?;
            }
        }
        Ok(())
    }
}

/// A level inside the range, for an example: the geometric mean, to two digits.
fn middle((low, high): (f64, f64)) -> String {
    let middle = (low * high).sqrt();
    let rounded: f64 = format!("{middle:.1e}").parse().unwrap_or(middle);
    rounded.to_string()
}

/// A word that a shell takes as one.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,+@".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_names_data_figures_and_commands() {
        let card = Card {
            run: "my runs/one".into(),
            data: "digits".into(),
            points: Some(1437),
            shape: vec![1, 8, 8],
            objective: "denoising".into(),
            net: "mlp".into(),
            parameters: 1_234_567,
            schedule: "edm".into(),
            sigma: (0.002, 80.0),
            step: 8000,
            steps: 8000,
            loss: Some((1.5, 0.25)),
            seconds: 61.4,
            seed: 3,
            scorefield: "0.1.0".into(),
            notes: vec!["the data are public".into()],
        };
        let text = card.to_markdown();
        for part in [
            "| data | `digits`, 1,437 points, each 1 × 8 × 8 |",
            "| network | mlp, 1,234,567 parameters |",
            "| noise levels | edm, σ from 0.002 to 80 |",
            "| loss | 1.5000 at first, 0.2500 at last |",
            "scorefield sample 'my runs/one' -n 64 -o samples.png",
            "--sigma 0.4 -o clean.npy",
            "--recipe 'my runs/one/recipe.toml'",
            "- the data are public",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
