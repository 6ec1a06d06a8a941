//! Rows to learn from and rows held out: a pseudo-random part of a finite source, a far range of an endless one.
//!
//! A finite source of n rows is visited in the order of the permutation named by `Key::new(split_seed, Purpose::Shuffle)`; the first
//! n − ⌈n · fraction⌉ positions are for training, the rest are held out. At least one row stays for training, so a source of one
//! row has an empty held-out part.

use std::sync::Arc;

use super::shape::EventShape;
use super::source::{self, Source};
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};

/// Where the held-out rows of an endless source begin: no training run draws 2⁴⁰ points.
const FAR: u64 = 1 << 40;

/// The two parts of a source, and the sentence for the model card.
pub(super) struct Split {
    pub train: Arc<dyn Source>,
    pub held_out: Arc<dyn Source>,
    pub note: String,
}

/// Splits a source; `fraction` of it is held out.
pub(super) fn split(source: Arc<dyn Source>, fraction: f64, seed: u64) -> Result<Split> {
    check(fraction)?;
    let Some(n) = source.len() else {
        let held_out = Arc::new(Offset { inner: source.clone(), offset: FAR });
        let note = "Points are drawn afresh; held-out points come from a range of rows that training never reaches.".to_string();
        return Ok(Split { train: source, held_out, note });
    };
    // The small number keeps 0.1 of 30 at 3: the product may come out a rounding above a whole number.
    let held = ((n as f64 * fraction - 1e-9).ceil().max(0.0) as u64).min(n.saturating_sub(1));
    let kept = n - held;
    let part = |start, len| Arc::new(Part::new(source.clone(), Key::new(seed, Purpose::Shuffle), start, len));
    let note = match held {
        0 => format!("All {n} rows are for training; none are held out."),
        _ => format!("Of {n} rows, {kept} are for training and {held}, chosen by split seed {seed}, are held out."),
    };
    Ok(Split { train: part(0, kept), held_out: part(kept, held), note })
}

/// Refuses a held-out fraction outside [0, 1).
pub(super) fn check(fraction: f64) -> Result<()> {
    if (0.0..1.0).contains(&fraction) {
        Ok(())
    } else {
        Err(Error::setting("held-out fraction", "a number from 0 to below 1", fraction))
    }
}

/// Positions `start..start + len` of a permutation of a finite source.
struct Part {
    inner: Arc<dyn Source>,
    order: Key,
    start: u64,
    len: u64,
    total: u64,
    labels: Option<Vec<u8>>,
}

impl Part {
    fn new(inner: Arc<dyn Source>, order: Key, start: u64, len: u64) -> Self {
        let total = start + len;
        let total = inner.len().unwrap_or(total).max(total);
        let mut part = Self { inner, order, start, len, total, labels: None };
        part.labels =
            part.inner.labels().map(|labels| (0..len).filter_map(|i| labels.get(part.row(i) as usize).copied()).collect());
        part
    }

    fn row(&self, index: u64) -> u64 {
        self.order.permute(self.start + index, self.total)
    }
}

impl Source for Part {
    fn len(&self) -> Option<u64> {
        Some(self.len)
    }

    fn event(&self) -> &EventShape {
        self.inner.event()
    }

    fn fill(&self, indices: &[u64], key: Key, out: &mut [f32]) -> Result<()> {
        source::check(self, indices, out)?;
        let rows: Vec<u64> = indices.iter().map(|i| self.row(*i)).collect();
        self.inner.fill(&rows, key, out)
    }

    fn labels(&self) -> Option<&[u8]> {
        self.labels.as_deref()
    }
}

/// The rows of an endless source from `offset` on.
struct Offset {
    inner: Arc<dyn Source>,
    offset: u64,
}

impl Source for Offset {
    fn len(&self) -> Option<u64> {
        None
    }

    fn event(&self) -> &EventShape {
        self.inner.event()
    }

    fn fill(&self, indices: &[u64], key: Key, out: &mut [f32]) -> Result<()> {
        let rows: Vec<u64> = indices.iter().map(|i| i.wrapping_add(self.offset)).collect();
        self.inner.fill(&rows, key, out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::element::Element;
    use super::super::rows::Rows;
    use super::super::store::Store;
    use super::*;

    fn bytes(n: u8) -> Arc<dyn Source> {
        let mut rows = Rows::new(Store::Memory((0..n).collect()), Element::U8, EventShape::Vector(1));
        rows.labels = Some((0..n).collect());
        Arc::new(rows)
    }

    #[test]
    fn every_row_lands_in_exactly_one_part_with_its_label() {
        let Split { train, held_out: held, .. } = split(bytes(100), 0.2, 7).unwrap();
        assert_eq!((train.len(), held.len()), (Some(80), Some(20)));
        let key = Key::new(0, Purpose::Data);
        let mut rows = source::all(&*train, 100, key).unwrap();
        assert!(rows.iter().zip(train.labels().unwrap()).all(|(x, label)| *x == f32::from(*label)));
        rows.extend(source::all(&*held, 100, key).unwrap());
        assert_ne!(rows[..10], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        rows.sort_by(f32::total_cmp);
        assert!(rows.iter().enumerate().all(|(i, x)| *x == i as f32));
    }

    #[test]
    fn small_sources_and_extreme_fractions_keep_a_row_for_training() {
        for (n, fraction, held) in [(1, 0.2, 0), (2, 0.2, 1), (3, 0.999, 2), (30, 0.1, 3), (5, 0.0, 0)] {
            let Split { train, held_out: rest, .. } = split(bytes(n), fraction, 0).unwrap();
            assert_eq!((train.len(), rest.len()), (Some(u64::from(n) - held), Some(held)), "{n} rows, {fraction}");
        }
        for fraction in [1.0, -0.1, f64::NAN] {
            assert!(split(bytes(5), fraction, 0).is_err());
        }
    }
}
