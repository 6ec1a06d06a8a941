//! What a Fréchet distance sees of a point.

use super::classifier::{Classifier, ClassifierConfig};
use crate::data::Source;
use crate::error::{Error, Result};
use nalgebra::{DMatrix, SymmetricEigen};

/// Which features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Features {
    /// The coordinates.
    Raw,
    /// The coordinates along the real points' principal axes, the first 64 at most.
    Pca,
    /// What the last layer of a classifier sees that is trained on the real points' labels.
    Classifier,
}

/// Principal axes at most.
const AXES: usize = 64;

impl Features {
    /// As they are typed.
    pub const WORDS: [&str; 3] = ["raw", "pca", "classifier"];

    /// Of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().position(|w| *w == word).map(|i| [Self::Raw, Self::Pca, Self::Classifier][i])
    }

    /// Features of the rows of both sets, with how many numbers a row has; `source` is where the real points' labels are.
    ///
    /// # Errors
    /// Classifier's features of points without labels.
    pub fn of(self, real: &[f32], samples: &[f32], d: usize, source: &dyn Source, seed: u64) -> Result<[Vec<f64>; 2]> {
        let wide = |points: &[f32]| points.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        match self {
            Self::Raw => Ok([wide(real), wide(samples)]),
            Self::Pca => {
                let axes = principal_axes(&wide(real), d);
                Ok([real, samples].map(|points| {
                    let x = DMatrix::from_row_slice(points.len() / d, d, &wide(points));
                    (x * &axes).transpose().as_slice().to_vec()
                }))
            }
            Self::Classifier => {
                let classifier = Classifier::train(source, &ClassifierConfig { seed, ..Default::default() })
                    .map_err(|_| Error::setting("--features", "raw or pca for data without labels", "classifier"))?;
                Ok([real, samples].map(|points| wide(&classifier.features(points))))
            }
        }
    }

    /// The word.
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }
}

/// `[d, k]`: the axes of the largest variances.
fn principal_axes(points: &[f64], d: usize) -> DMatrix<f64> {
    let n = points.len() / d;
    let x = DMatrix::from_row_slice(n, d, points);
    let mean = x.row_mean();
    let centred = DMatrix::from_fn(n, d, |i, j| x[(i, j)] - mean[j]);
    let eigen = SymmetricEigen::new(centred.tr_mul(&centred));
    let mut order: Vec<usize> = (0..d).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let columns: Vec<_> = order.iter().take(AXES).map(|k| eigen.eigenvectors.column(*k)).collect();
    DMatrix::from_columns(&columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_axis_is_the_one_of_most_variance() {
        let points: Vec<f64> = (0..50).flat_map(|i| [f64::from(i), 2.0 * f64::from(i) + f64::from(i % 3)]).collect();
        let axes = principal_axes(&points, 2);
        let ratio = axes[(1, 0)] / axes[(0, 0)];
        assert!((ratio - 2.0).abs() < 0.05, "{ratio}");
    }
}
