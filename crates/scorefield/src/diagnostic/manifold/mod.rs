//! How many dimensions the data fill, and what the score does where there are none.
//!
//! The manifold hypothesis: data of d numbers lie near a surface of k < d dimensions, off which log p has no gradient (Song & Ermon 2019,
//! section 3.2.1). From points alone: principal components ([`pca()`], a flat surface) and nearest neighbours ([`intrinsic_dimension`], any
//! surface). From a score: the space that scores about a point span ([`normal_space`]), how fast log p_σ falls with σ ([`flipd`]), and the
//! score's length as σ goes to 0 ([`score_norms`]).

mod flipd;
mod levina_bickel;
mod nearest;
mod normal_space;
mod pca;
mod score_norms;
mod two_nn;

pub use flipd::{Flipd, flipd};
pub use nearest::{Dimension, FEWEST, Intrinsic, Scale, intrinsic_dimension};
pub use normal_space::{NormalSpace, normal_space};
pub use pca::{Pca, Rank, pca};
pub use score_norms::{ScoreNorm, growth, score_norms};

pub(super) use flipd::ENTRY as FLIPD;
pub(super) use levina_bickel::ENTRY as LEVINA_BICKEL;
pub(super) use normal_space::ENTRY as NORMAL_SPACE;
pub(super) use pca::ENTRY as PCA;
pub(super) use score_norms::ENTRY as SCORE_NORM;
pub(super) use two_nn::ENTRY as TWO_NN;
