//! A ladder of L levels with a constant ratio, each visited equally often in training (Song & Ermon 2019: NCSN).

use super::schedule::{Build, Schedule, ScheduleSettings, ends};
use crate::error::{Error, Result};
use crate::levels::Levels;
use crate::registry::Entry;

/// σ_max = σ_L·ratio^(L−1) … σ_min, a finite set of levels.
#[derive(Debug)]
pub struct Geometric {
    levels: Levels,
}

impl Schedule for Geometric {
    fn sigma(&self, t: f64) -> f64 {
        let (low, high) = self.range();
        low * (high / low).powf(t)
    }

    fn range(&self) -> (f64, f64) {
        (self.levels.last(), self.levels.first())
    }

    fn quantile(&self, u: f64) -> f64 {
        let s = self.levels.as_slice();
        s[((u * s.len() as f64) as usize).min(s.len() - 1)]
    }

    fn levels(&self, n: usize) -> Result<Levels> {
        Levels::geometric(self.levels.first(), self.levels.last(), n)
    }
}

fn build(settings: &mut ScheduleSettings, sigma_data: f64) -> Result<Box<dyn Schedule>> {
    let (low, high) = ends(settings, 0.02 * sigma_data, 20.0 * sigma_data)?;
    let n = *settings.levels.get_or_insert(20);
    if n < 2 {
        return Err(Error::setting("schedule.levels", "at least 2", n));
    }
    Ok(Box::new(Geometric { levels: Levels::geometric(high, low, n)? }))
}

/// The registry's row.
pub(super) const ENTRY: Entry<Build> = Entry {
    name: "geometric",
    aliases: &["ladder", "ncsn"],
    summary: "a finite ladder of levels with a constant ratio, each as likely as the others",
    formula: "σ_i = σ_max·(σ_min/σ_max)^((i−1)/(L−1)), λ = σ²",
    source: "Song & Ermon 2019, section 4",
    value: build,
};
