//! A set of samples as its parts come: into a file, to a picture, or only into statistics.

use scorefield::data::write::ArrayWriter;
use scorefield::error::Result;
use scorefield::recipe::Target;
use scorefield::sample::Drawn;

use crate::sink::Sink;
use crate::statistics::{ModeCounts, Moments};

/// Numbers of diverged samples that are remembered.
const MOST_NAMED: usize = 100;

/// What becomes of the points as they come.
pub enum Kept {
    /// They are counted and let go.
    Nothing,
    /// They wait for a picture.
    Points(Vec<f32>),
    /// They are in a file that is not finished.
    File(Box<ArrayWriter>),
}

/// The set so far.
pub struct Gathered {
    pub kept: Kept,
    pub moments: Moments,
    /// From the first part on, which says at what noise level the points are.
    pub modes: Option<ModeCounts>,
    /// Samples that are not finite, and the numbers of the first of them.
    pub diverged: u64,
    pub first_diverged: Vec<u64>,
    /// Whether what is drawn is the target's own distribution.
    own: bool,
}

impl Gathered {
    /// Begins a set of `n` samples that goes to `sink`.
    ///
    /// # Errors
    /// A place that cannot be written.
    pub fn new(target: &Target, sink: Option<&Sink>, n: usize) -> Result<Self> {
        let kept = match sink {
            None => Kept::Nothing,
            Some(sink) if sink.is_picture() => Kept::Points(Vec::new()),
            Some(sink) => Kept::File(Box::new(sink.begin(&target.event(), target.columns(), n)?)),
        };
        let moments = Moments::new(target.event().len());
        Ok(Self { kept, moments, modes: None, diverged: 0, first_diverged: Vec::new(), own: true })
    }

    /// Of another distribution than the target's: nothing is compared with its density.
    pub fn of_another(mut self, another: bool) -> Self {
        self.own = !another;
        self
    }

    /// Takes a part in, whose first sample has the number `first`.
    ///
    /// # Errors
    /// A full disk.
    pub fn take(&mut self, target: &Target, part: &Drawn, first: u64) -> Result<()> {
        let mut points = part.single();
        if let Some(map) = target.standardise() {
            map.invert(&mut points);
        }
        // Finite in standard units and double precision need not be finite in data units and single.
        for (row, i) in points.chunks_exact(target.event().len()).zip(first..) {
            if row.iter().any(|v| !v.is_finite()) {
                self.diverged += 1;
                if self.first_diverged.len() < MOST_NAMED {
                    self.first_diverged.push(i);
                }
            }
        }
        self.moments.add(&points);
        if self.modes.is_none() && self.own {
            self.modes = target.exact(part.sigma).and_then(|density| ModeCounts::new(density, part.sigma));
        }
        if let Some(modes) = &mut self.modes {
            modes.add(&points);
        }
        match &mut self.kept {
            Kept::Nothing => Ok(()),
            Kept::Points(all) => {
                all.extend_from_slice(&points);
                Ok(())
            }
            Kept::File(writer) => writer.push(&points),
        }
    }
}
