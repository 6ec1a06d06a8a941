//! Rows of equal length in a [`Store`], with the scaling and dequantisation of those that are levels of grey or colour.
//!
//! A level ℓ in 0..=L is x = ℓ / L as it stands, or x = (ℓ + u) / (L + 1) with u uniform in [0, 1), which turns a distribution on
//! L + 1 atoms into one that has a density and hence a score (Theis, van den Oord & Bethge 2016, section 3.1). u of row i comes
//! from the key's `Dequantise` stream at row i, so another step of the key is another u; ⌊(L + 1) x⌋ is ℓ again, exactly.

use rayon::prelude::*;

use super::element::Element;
use super::shape::EventShape;
use super::source::{self, Source};
use super::store::Store;
use crate::error::Result;
use crate::key::{Key, Purpose};

/// What the integers in a source of levels mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels {
    /// L, the highest level: 255 for bytes.
    pub top: u8,
    /// Whether uniform noise fills the gap between levels.
    pub dequantise: bool,
}

impl Levels {
    /// Turns levels into data units in place.
    pub fn scale(self, row: &mut [f32], index: u64, key: Key) {
        if !self.dequantise {
            let top = f32::from(self.top);
            row.iter_mut().for_each(|x| *x /= top);
            return;
        }
        let count = f32::from(self.top) + 1.0;
        let mut u = vec![0.0; row.len()];
        key.for_purpose(Purpose::Dequantise).fill_uniform(index, row.len(), &mut u);
        for (x, u) in row.iter_mut().zip(u) {
            // In f32, 255 + u rounds up to 256 for the largest u: that would be the next level.
            *x = (*x + u).min((*x + 1.0).next_down()) / count;
        }
    }

    /// The sentence for the model card.
    pub fn note(self) -> String {
        let (top, count) = (self.top, u16::from(self.top) + 1);
        if self.dequantise {
            format!(
                "Levels 0 to {top} became x = (level + u) / {count} in [0, 1), u uniform and drawn afresh each epoch (dequantisation)."
            )
        } else {
            format!("Levels 0 to {top} became x = level / {top} in [0, 1], without dequantisation.")
        }
    }
}

/// A finite source: `n` rows of `element`s, row-major, in memory or on disk.
pub(super) struct Rows {
    pub store: Store,
    pub element: Element,
    pub event: EventShape,
    pub levels: Option<Levels>,
    pub labels: Option<Vec<u8>>,
    n: u64,
}

impl Rows {
    /// As many rows as the store holds in full.
    pub fn new(store: Store, element: Element, event: EventShape) -> Self {
        let n = store.len() / (event.len() * element.size()) as u64;
        Self { store, element, event, levels: None, labels: None, n }
    }
}

impl Source for Rows {
    fn len(&self) -> Option<u64> {
        Some(self.n)
    }

    fn event(&self) -> &EventShape {
        &self.event
    }

    fn fill(&self, indices: &[u64], key: Key, out: &mut [f32]) -> Result<()> {
        source::check(self, indices, out)?;
        let d = self.event.len();
        let bytes = d * self.element.size();
        let row = |scratch: &mut Vec<u8>, (&index, out): (&u64, &mut [f32])| {
            self.element.decode(self.store.read(index * bytes as u64, bytes, scratch)?, out);
            if let Some(levels) = self.levels {
                levels.scale(out, index, key);
            }
            Ok(())
        };
        // A thread is worth waking for some ten thousand numbers.
        let least = 16_384usize.div_ceil(d);
        indices.par_iter().zip(out.par_chunks_exact_mut(d)).with_min_len(least).try_for_each_init(Vec::new, row)
    }

    fn labels(&self) -> Option<&[u8]> {
        self.labels.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(dequantise: bool) -> Rows {
        let mut rows = Rows::new(Store::Memory((0..=255).collect()), Element::U8, EventShape::Vector(4));
        rows.levels = Some(Levels { top: 255, dequantise });
        rows
    }

    #[test]
    fn dequantised_levels_keep_their_level_and_have_mean_one_half_above_it() {
        let rows = grey(true);
        let indices: Vec<u64> = (0..64).collect();
        let mut sum = 0.0;
        let steps = 200;
        for step in 0..steps {
            let mut out = vec![0.0; 256];
            rows.fill(&indices, Key::new(3, Purpose::Data).at(step), &mut out).unwrap();
            for (level, x) in out.iter().enumerate() {
                assert_eq!((x * 256.0).floor() as usize, level);
                assert!((0.0..1.0).contains(x));
                sum += f64::from(x * 256.0) - level as f64;
            }
        }
        let n = f64::from(steps) * 256.0;
        assert!((sum / n - 0.5).abs() < 4.0 / (12.0 * n).sqrt(), "{}", sum / n);
    }

    #[test]
    fn a_row_does_not_depend_on_its_batch_but_does_on_the_step() {
        let rows = grey(true);
        let key = Key::new(1, Purpose::Data);
        let (mut pair, mut one, mut later) = ([0.0; 8], [0.0; 4], [0.0; 4]);
        rows.fill(&[9, 5], key, &mut pair).unwrap();
        rows.fill(&[5], key, &mut one).unwrap();
        rows.fill(&[5], key.at(1), &mut later).unwrap();
        assert_eq!(pair[4..], one);
        assert_ne!(one, later);
    }

    #[test]
    fn plain_levels_reach_both_ends_of_the_unit_interval() {
        let mut out = [0.0; 8];
        grey(false).fill(&[0, 63], Key::new(1, Purpose::Data), &mut out).unwrap();
        assert_eq!((out[0], out[7]), (0.0, 1.0));
    }

    #[test]
    fn rows_beyond_the_end_and_room_of_the_wrong_size_are_errors() {
        let key = Key::new(1, Purpose::Data);
        assert!(grey(false).fill(&[64], key, &mut [0.0; 4]).unwrap_err().to_string().contains("below 64"));
        assert!(grey(false).fill(&[0], key, &mut [0.0; 5]).is_err());
    }
}
