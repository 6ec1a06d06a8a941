//! An exact density as data: endless, drawn fresh, row i by the key and i alone.

use super::Exact;
use crate::data::{EventShape, Source};
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use std::sync::Arc;

/// How far away the rows are that training does not see.
pub(super) const HELD_OUT_ROW: u64 = 1 << 40;

/// See the head of this file.
pub struct Fresh {
    density: Arc<dyn Exact>,
    event: EventShape,
    first_row: u64,
}

impl Fresh {
    /// The draws of `density`, and other ones that training never sees.
    ///
    /// # Errors
    /// A density that cannot be drawn from, which `name` names.
    pub fn new(density: &Arc<dyn Exact>, name: &str) -> Result<(Self, Self)> {
        if density.draws(Key::new(0, Purpose::Data), 0, 1, 0.0).is_none() {
            let expected = "a density that can be drawn from, as a mixture can";
            return Err(Error::setting("DATA", expected, format!("{name}, of which log p alone is known")).with_hint(format!(
                "sample it into a file and learn from that: scorefield sample {name} -n 10000 -o points.npy"
            )));
        }
        let from = |first_row| Self { density: density.clone(), event: EventShape::Vector(density.dim()), first_row };
        Ok((from(0), from(HELD_OUT_ROW)))
    }
}

impl Source for Fresh {
    fn len(&self) -> Option<u64> {
        None
    }

    fn event(&self) -> &EventShape {
        &self.event
    }

    fn fill(&self, indices: &[u64], key: Key, out: &mut [f32]) -> Result<()> {
        let key = key.for_purpose(Purpose::Data);
        fill(indices, self.event.len(), out, |first, n| {
            let none = || Error::failed("drawing from a density", "it cannot be drawn from");
            self.density.draws(key, self.first_row + first, n, 0.0).ok_or_else(none)
        })
    }
}

/// Fills `out` `[indices.len(), d]`: runs of consecutive rows are drawn together, by `draw(first, n)`.
pub(super) fn fill(
    indices: &[u64],
    d: usize,
    out: &mut [f32],
    mut draw: impl FnMut(u64, usize) -> Result<Vec<f32>>,
) -> Result<()> {
    let mut start = 0;
    while start < indices.len() {
        let run = indices[start..].windows(2).take_while(|w| w[1] == w[0] + 1).count() + 1;
        out[start * d..(start + run) * d].copy_from_slice(&draw(indices[start], run)?);
        start += run;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_rows_are_the_densitys_draws_wherever_the_batch_begins() {
        let density = super::super::open("mixture").unwrap();
        let (train, held_out) = Fresh::new(&density, "density:mixture").unwrap();
        let key = Key::new(5, Purpose::Data);
        let mut rows = [0.0; 8];
        train.fill(&[3, 4, 9, 2], key, &mut rows).unwrap();
        let all = density.draws(key, 0, 10, 0.0).unwrap();
        assert_eq!(rows, [&all[6..10], &all[18..20], &all[4..6]].concat()[..]);
        let mut other = [0.0; 8];
        held_out.fill(&[3, 4, 9, 2], key, &mut other).unwrap();
        assert!(rows.iter().zip(&other).all(|(a, b)| a != b));
    }
}
