//! The flow between two levels, block by block, and what lies at its upper end.

use crate::error::{Error, Result};
use crate::observe::{Flow as Answer, Observer};
use crate::sample::solver::{Slope, Tolerance, dormand_prince};
use crate::score::{Evaluation, ScoreJvp};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// N(μ, v·I) at the highest level.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    /// μ, `[d]`.
    pub mean: Vec<f64>,
    /// v = σ_d² + σ₁².
    pub variance: f64,
}

impl Prior {
    /// z = (x − μ)/√v of rows `x`, in place.
    pub fn standardise(&self, x: &mut [f64]) {
        let std = self.variance.sqrt();
        for row in x.chunks_exact_mut(self.mean.len()) {
            row.iter_mut().zip(&self.mean).for_each(|(x, m)| *x = (*x - m) / std);
        }
    }

    /// x = μ + √v·z of rows `z`, in place.
    pub fn place(&self, z: &mut [f64]) {
        let std = self.variance.sqrt();
        for row in z.chunks_exact_mut(self.mean.len()) {
            row.iter_mut().zip(&self.mean).for_each(|(z, m)| *z = m + std * *z);
        }
    }

    /// log N(x; μ, v·I) of the latent z of x, in nats.
    pub fn log_prob(&self, z: &[f64]) -> f64 {
        let d = z.len() as f64;
        -0.5 * (z.iter().map(|z| z * z).sum::<f64>() + d * (std::f64::consts::TAU * self.variance).ln())
    }
}

/// The flow of a score from one level to another.
pub struct Flow<'a> {
    /// The score.
    pub score: &'a dyn ScoreJvp,
    /// σ₀ and σ₁.
    pub span: (f64, f64),
    /// What the points are taken to follow at σ₁.
    pub prior: Prior,
    /// How exactly the ODE is solved.
    pub tolerance: Tolerance,
}

/// A slope of rows of the whole, with the number of a block's first row.
pub(super) type Rows<'f> = dyn Fn(usize, &[usize], &[f64], &[f64], &mut [f64]) + Sync + 'f;

impl Flow<'_> {
    /// The latents z `[n, d]` of points `x` `[n, d]` at σ₀; NaN where the ODE came to no end.
    ///
    /// # Errors
    /// The observer said stop.
    pub fn encode(&self, x: &[f64], observer: &mut dyn Observer) -> Result<Vec<f64>> {
        let mut z = x.to_vec();
        self.carry(&mut z, self.score.dim(), self.span, &|_, _, sigma, x, out| self.slope(sigma, x, out), observer)?;
        self.prior.standardise(&mut z);
        Ok(z)
    }

    /// The points `[n, d]` at σ₀ of latents `z` `[n, d]`; NaN where the ODE came to no end.
    ///
    /// # Errors
    /// The observer said stop.
    pub fn decode(&self, z: &[f64], observer: &mut dyn Observer) -> Result<Vec<f64>> {
        let mut x = z.to_vec();
        self.prior.place(&mut x);
        let down = (self.span.1, self.span.0);
        self.carry(&mut x, self.score.dim(), down, &|_, _, sigma, x, out| self.slope(sigma, x, out), observer)?;
        Ok(x)
    }

    /// dx/dσ at rows `x`, each at its own level.
    fn slope(&self, sigma: &[f64], x: &[f64], out: &mut [f64]) {
        self.score.score_rows_at(x, sigma, out);
        out.chunks_exact_mut(self.score.dim()).zip(sigma).for_each(|(row, sigma)| row.iter_mut().for_each(|s| *s *= -sigma));
    }

    /// Carries rows `y` `[n, width]`, of which the first d numbers are the points, along `slope`: blocks side by side, or
    /// one after the other where an evaluation uses all cores.
    pub(super) fn carry(
        &self,
        y: &mut [f64],
        width: usize,
        span: (f64, f64),
        slope: &Rows<'_>,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let n = y.len() / width;
        let (numbers, least, most) = match self.score.evaluation() {
            Evaluation::Together => (1 << 15, 16, 2048),
            Evaluation::InBlocks => (1 << 13, 16, 128),
            Evaluation::Apart => (1 << 11, 16, 256),
        };
        let rows = (numbers / width).clamp(least, most);
        // How far each block is; the sum is what the onlooker sees.
        let watch = Mutex::new((observer, 0.0));
        let block = |(i, y): (usize, &mut [f64])| {
            let first = i * rows;
            let mut before = 0.0;
            let own = (y.len() / width) as f64;
            let mut f: Box<Slope<'_>> = Box::new(|numbers, t, y, out| slope(first, numbers, t, y, out));
            let tell = &mut |way: f64, _: &[f64]| {
                let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
                watch.1 += (way - before) * own;
                before = way;
                let done = watch.1 as usize;
                match watch.0.measured(done.min(n), n) {
                    Answer::Continue => Ok(()),
                    Answer::Stop => Err(Error::Interrupted { saved: "nothing was written".to_owned() }),
                }
            };
            dormand_prince(&mut *f, y, width, span, self.tolerance, tell).map(drop)
        };
        if self.score.evaluation() == Evaluation::Together {
            y.chunks_mut(rows * width).enumerate().try_for_each(block)
        } else {
            y.par_chunks_mut(rows * width).enumerate().try_for_each(block)
        }
    }
}
