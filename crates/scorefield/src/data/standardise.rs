//! A per-column affine map to zero mean and unit variance, for tables whose columns have different units.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::moments::Columns;
use super::shape::EventShape;
use super::source::Source;
use crate::error::Result;
use crate::key::Key;

/// z = (x − mean) / std, column by column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standardise {
    /// Mean of each column, `[d]`, data units.
    pub mean: Vec<f32>,
    /// Standard deviation of each column, `[d]`, data units; 1 where the column is constant.
    pub std: Vec<f32>,
    /// The columns that never change: they are centred and left unscaled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constant: Vec<usize>,
}

impl Standardise {
    /// Measures the first `rows` rows (all of them if there are fewer) in one pass, in f64.
    ///
    /// # Errors
    /// No rows at all; whatever reading them raises.
    pub fn fit(source: &dyn Source, rows: usize) -> Result<Self> {
        let columns = Columns::fit(source, rows)?;
        let constant: Vec<usize> = (0..columns.mean.len()).filter(|i| columns.is_constant(*i)).collect();
        let mut std: Vec<f32> = columns.variance.iter().map(|variance| variance.sqrt() as f32).collect();
        constant.iter().for_each(|i| std[*i] = 1.0);
        Ok(Self { mean: columns.mean.iter().map(|m| *m as f32).collect(), std, constant })
    }

    /// Data units to standard units, in place; `rows` is `[n, d]` row-major.
    pub fn apply(&self, rows: &mut [f32]) {
        self.each(rows, |x, mean, std| (x - mean) / std);
    }

    /// Standard units to data units, in place; `rows` is `[n, d]` row-major.
    pub fn invert(&self, rows: &mut [f32]) {
        self.each(rows, |z, mean, std| z * std + mean);
    }

    /// Sentences for the model card; `names` are the columns' names, where they have some.
    pub fn notes(&self, names: Option<&[String]>) -> Vec<String> {
        let name = |i: &usize| names.and_then(|n| n.get(*i)).cloned().unwrap_or_else(|| format!("number {i}"));
        let mut notes =
            vec!["Columns were standardised to mean 0 and variance 1; samples are given in the original units.".to_string()];
        if !self.constant.is_empty() {
            let list: Vec<String> = self.constant.iter().map(name).collect();
            notes.push(format!("Constant columns, centred but not scaled: {}.", list.join(", ")));
        }
        notes
    }

    fn each(&self, rows: &mut [f32], f: impl Fn(f32, f32, f32) -> f32) {
        if self.mean.is_empty() {
            return;
        }
        for row in rows.chunks_mut(self.mean.len()) {
            for (x, (mean, std)) in row.iter_mut().zip(self.mean.iter().zip(&self.std)) {
                *x = f(*x, *mean, *std);
            }
        }
    }
}

/// A source seen through a [`Standardise`]: its rows in standard units.
pub struct Standardised {
    source: Arc<dyn Source>,
    map: Standardise,
}

impl Standardised {
    /// `source` in the standard units of `map`.
    pub fn new(source: Arc<dyn Source>, map: Standardise) -> Self {
        Self { source, map }
    }
}

impl Source for Standardised {
    fn len(&self) -> Option<u64> {
        self.source.len()
    }

    fn event(&self) -> &EventShape {
        self.source.event()
    }

    fn fill(&self, indices: &[u64], key: Key, out: &mut [f32]) -> Result<()> {
        self.source.fill(indices, key, out)?;
        self.map.apply(out);
        Ok(())
    }

    fn labels(&self) -> Option<&[u8]> {
        self.source.labels()
    }
}

#[cfg(test)]
mod tests {
    use super::super::element::Element;
    use super::super::rows::Rows;
    use super::super::shape::EventShape;
    use super::super::store::Store;
    use super::*;

    #[test]
    fn columns_become_mean_zero_variance_one_and_come_back() {
        let data = [10.0f32, 5.0, -1e-3, 14.0, 5.0, 1e-3];
        let bytes = data.iter().flat_map(|x| x.to_le_bytes()).collect();
        let map = Standardise::fit(&Rows::new(Store::Memory(bytes), Element::NATIVE, EventShape::Vector(3)), 10).unwrap();
        assert_eq!((&map.mean[..2], &map.std[..2], &map.constant[..]), (&[12.0, 5.0][..], &[2.0, 1.0][..], &[1][..]));
        let mut rows = data;
        map.apply(&mut rows);
        for (got, expected) in rows.iter().zip([-1.0, 0.0, -1.0, 1.0, 0.0, 1.0]) {
            assert!((got - expected).abs() < 1e-6);
        }
        map.invert(&mut rows);
        assert!(rows.iter().zip(data).all(|(a, b)| (a - b).abs() < 1e-6));
        assert!(map.notes(None)[1].contains("number 1"));
    }
}
