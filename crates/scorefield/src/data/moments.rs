//! The mean of a source and its overall scale σ_data, which the preconditioning of a network needs (Karras et al. 2022, section 5).

use super::source::{Source, visit};
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};

/// Mean per feature and overall standard deviation of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Mean of each feature, `[d]`, data units.
    pub mean: Vec<f32>,
    /// √(mean over features of the variance), data units.
    pub sigma_data: f32,
    /// The features that never change, by number.
    pub constant: Vec<usize>,
    /// How many rows were seen.
    pub rows: u64,
}

impl Moments {
    /// Measures the first `max_rows` rows (all of them if there are fewer) in one pass.
    ///
    /// # Errors
    /// No rows at all; whatever reading them raises.
    pub fn fit(source: &dyn Source, max_rows: usize) -> Result<Self> {
        let columns = Columns::fit(source, max_rows)?;
        let variance = columns.variance.iter().sum::<f64>() / columns.variance.len() as f64;
        let mean = columns.mean.iter().map(|m| *m as f32).collect();
        let constant = (0..columns.mean.len()).filter(|i| columns.is_constant(*i)).collect();
        Ok(Self { mean, sigma_data: variance.sqrt() as f32, constant, rows: columns.rows })
    }
}

/// Mean and (biased) variance of each column.
pub(super) struct Columns {
    pub mean: Vec<f64>,
    pub variance: Vec<f64>,
    pub rows: u64,
}

impl Columns {
    /// Whether a column's spread is below the resolution of f32 at its mean, or below what f32 can hold.
    pub fn is_constant(&self, column: usize) -> bool {
        let std = self.variance[column].sqrt();
        std <= f64::from(f32::EPSILON) * 1e-3 * self.mean[column].abs() || (std as f32) < f32::MIN_POSITIVE
    }

    pub fn fit(source: &dyn Source, max_rows: usize) -> Result<Self> {
        let d = source.event().len();
        // Sums are taken about the first row: a column far from zero then loses no digits.
        let (mut origin, mut sum, mut squares) = (Vec::new(), vec![0.0; d], vec![0.0; d]);
        // What a source draws is a matter of chance; seed 0 makes the measurement a function of the source.
        let rows = visit(source, max_rows as u64, Key::new(0, Purpose::Data), |chunk| {
            for row in chunk.chunks_exact(d) {
                if origin.is_empty() {
                    origin.extend(row.iter().map(|x| f64::from(*x)));
                }
                for ((x, origin), (sum, squares)) in row.iter().zip(&origin).zip(sum.iter_mut().zip(&mut squares)) {
                    let x = f64::from(*x) - origin;
                    *sum += x;
                    *squares += x * x;
                }
            }
            Ok(())
        })?;
        if rows == 0 {
            return Err(Error::setting("data", "at least one row to measure", "none"));
        }
        let n = rows as f64;
        let variance = sum.iter().zip(&squares).map(|(s, q)| (q / n - (s / n).powi(2)).max(0.0)).collect();
        let mean = sum.iter().zip(&origin).map(|(s, o)| s / n + o).collect();
        Ok(Self { mean, variance, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::super::element::Element;
    use super::super::rows::Rows;
    use super::super::shape::EventShape;
    use super::super::store::Store;
    use super::*;

    pub(super) fn table(rows: &[[f32; 2]]) -> Rows {
        let bytes = rows.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
        Rows::new(Store::Memory(bytes), Element::NATIVE, EventShape::Vector(2))
    }

    #[test]
    fn sigma_data_is_the_root_of_the_mean_variance() {
        let moments = Moments::fit(&table(&[[1.0, 1e6], [3.0, 1e6 + 4.0]]), 100).unwrap();
        assert_eq!(moments, Moments { mean: vec![2.0, 1e6 + 2.0], sigma_data: 2.5f32.sqrt(), constant: vec![], rows: 2 });
    }

    #[test]
    fn only_the_rows_asked_for_are_seen_and_none_is_an_error() {
        assert_eq!(Moments::fit(&table(&[[1.0, 2.0], [3.0, 4.0]]), 1).unwrap().mean, [1.0, 2.0]);
        assert!(Moments::fit(&table(&[]), 1).is_err());
    }
}
