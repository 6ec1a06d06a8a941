//! The law that a chain draws from, p_σ(x)^β: its score, and log p(x') − log p(x) for the Metropolis test.
//!
//! Where the score has a density, the difference of its logarithms. Where it has none (a network that gives the score itself), the line
//! integral ∫₀¹ s(x + t(x' − x))·(x' − x) dt by the Gauss–Lobatto rule of four nodes: two evaluations beside those at the ends. It is
//! exact where the score is a polynomial of degree 5 along the line, and approximate elsewhere; and where a network's field is not quite a
//! gradient, which no network's is, there is no density of which the chain would be exact.

use crate::sample::Walk;

/// The inner nodes (1 ∓ 1/√5)/2, and the weights of ends and inner nodes.
const NODES: [f64; 2] = [0.276_393_202_250_021, 0.723_606_797_749_979];
const WEIGHTS: [f64; 2] = [1.0 / 12.0, 5.0 / 12.0];

/// Points of one block with their scores and, where there is a density, its logarithm up to a constant, both of one [`Law`].
#[derive(Clone, Debug)]
pub struct Place {
    /// `[rows, d]`.
    pub x: Vec<f64>,
    /// `[rows, d]`.
    pub score: Vec<f64>,
    /// `[rows]`.
    pub log_p: Vec<f64>,
}

impl Place {
    /// Room for a block's points.
    pub fn room(walk: &Walk<'_, '_>) -> Self {
        Self { x: walk.room(), score: walk.room(), log_p: vec![0.0; walk.rows()] }
    }

    /// Row i becomes that of `other` where it was `accepted`.
    pub fn take(&mut self, other: &Self, accepted: &[bool], d: usize) {
        take(&mut self.x, &other.x, accepted, d);
        take(&mut self.score, &other.score, accepted, d);
        take(&mut self.log_p, &other.log_p, accepted, 1);
    }
}

/// Row i of `x` becomes row i of `other` where it was accepted; `cols` numbers a row.
fn take(x: &mut [f64], other: &[f64], accepted: &[bool], cols: usize) {
    for ((x, other), accepted) in x.chunks_exact_mut(cols).zip(other.chunks_exact(cols)).zip(accepted) {
        if *accepted {
            x.copy_from_slice(other);
        }
    }
}

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct Law {
    sigma: f64,
    beta: f64,
    known: bool,
    middle: Vec<f64>,
    score: Vec<f64>,
}

impl Law {
    /// p_σ^β, evaluated at the place where a block begins, which shows whether there is a density. A chain that begins where the density is
    /// 0 or its score has no value could never leave: it is not a number from then on, and counts as diverged.
    pub fn begin(walk: &Walk<'_, '_>, sigma: f64, beta: f64, place: &mut Place) -> Self {
        let known = walk.log_density(&place.x, sigma, &mut place.log_p, &mut place.score).is_some();
        let room = || if known { Vec::new() } else { walk.room() };
        let law = Self { sigma, beta, known, middle: room(), score: room() };
        if !known {
            law.evaluate(walk, place);
        } else {
            law.temper(place);
        }
        let d = walk.dim();
        let Place { x, score, log_p } = place;
        for ((x, score), log_p) in x.chunks_exact_mut(d).zip(score.chunks_exact(d)).zip(log_p) {
            if !log_p.is_finite() || score.iter().any(|s| !s.is_finite()) {
                x.fill(f64::NAN);
                *log_p = f64::NAN;
            }
        }
        law
    }

    /// σ.
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// Whether there is a density; otherwise `log_p` of a place is not set.
    pub fn has_density(&self) -> bool {
        self.known
    }

    /// The scores alone, at points `x`.
    pub fn score(&self, walk: &Walk<'_, '_>, x: &[f64], score: &mut [f64]) {
        walk.score(x, self.sigma, score);
        if self.beta != 1.0 {
            score.iter_mut().for_each(|s| *s *= self.beta);
        }
    }

    /// Evaluates a place.
    pub fn evaluate(&self, walk: &Walk<'_, '_>, place: &mut Place) {
        let Place { x, score, log_p } = place;
        if self.known && walk.log_density(x, self.sigma, log_p, score).is_some() {
            self.temper(place);
        } else {
            self.score(walk, x, score);
        }
    }

    fn temper(&self, place: &mut Place) {
        if self.beta != 1.0 {
            place.score.iter_mut().chain(&mut place.log_p).for_each(|v| *v *= self.beta);
        }
    }

    /// β(log p(to) − log p(from)), added to `rise` `[rows]`; both places are evaluated.
    pub fn add_rise(&mut self, walk: &Walk<'_, '_>, from: &Place, to: &Place, rise: &mut [f64]) {
        if self.known {
            rise.iter_mut().zip(&to.log_p).zip(&from.log_p).for_each(|((r, to), from)| *r += to - from);
            return;
        }
        let d = walk.dim();
        let add = |score: &[f64], weight: f64, rise: &mut [f64]| {
            let rows = score.chunks_exact(d).zip(to.x.chunks_exact(d)).zip(from.x.chunks_exact(d));
            for (((s, to), from), rise) in rows.zip(rise) {
                *rise += weight * s.iter().zip(to).zip(from).map(|((s, to), from)| s * (to - from)).sum::<f64>();
            }
        };
        add(&from.score, WEIGHTS[0], rise);
        add(&to.score, WEIGHTS[0], rise);
        for t in NODES {
            self.middle.iter_mut().zip(&from.x).zip(&to.x).for_each(|((m, a), b)| *m = a + t * (b - a));
            walk.score(&self.middle, self.sigma, &mut self.score);
            add(&self.score, WEIGHTS[1] * self.beta, rise);
        }
    }
}
