//! How far log p falls between two modes: what a chain has to climb.
//!
//! A score is a gradient, so along any way x(t) from a to b
//!
//! log p(x(t)) − log p(a) = ∫₀ᵗ s(x(u))·x′(u) du,
//!
//! and the difference of two modes' log p, which the score at the modes has forgotten, stands in the valley between them. The barrier from a is
//! the fall from the highest point before the lowest one; a chain crosses about once in e^barrier of the time in which it moves about a mode
//! (Kramers 1940). Along the straight line the barrier is too high where modes are bent; the string method (E, Ren & Vanden-Eijnden 2007)
//! moves a chain of images by the part of the score across it until there is none, which is the way of least barrier nearby.
//!
//! A learned score need not be a gradient, and is least known in the valley: where log p is known, it is taken from there, and the line integral
//! of the score is given beside it.

use crate::density::{Component, Mixture};
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::oracle::Check;
use crate::registry::Entry;
use crate::score::Score;
use serde::Serialize;

/// Which way is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The straight line.
    Straight,
    /// The way of least barrier near it.
    Least,
}

/// A barrier between two points, in nats.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Barrier {
    /// The noise level.
    pub sigma: f64,
    /// Which way.
    pub way: Way,
    /// From a to b.
    pub forward: f64,
    /// From b to a.
    pub backward: f64,
    /// log p(b) − log p(a).
    pub difference: f64,
    /// log p(b) − log p(a) by the line integral of the score.
    pub integral: f64,
    /// How much the integral changes when it is taken half as finely.
    pub integral_error: f64,
    /// Whether log p itself was at hand; if not, all comes from the integral.
    pub from_density: bool,
    /// (share of the length, log p − log p(a)) along the way.
    pub profile: Vec<(f64, f64)>,
}

/// Images of a string; even, for Simpson's rule takes them in twos.
const IMAGES: usize = 128;
/// Moves of the string at most, and how small the last is, in distances between images.
const MOVES: usize = 500;
const STILL: f64 = 1e-3;

/// The barrier of p_σ between `a` and `b`, `[d]`, in the score's own units.
///
/// # Errors
/// Points of another dimension or that are the same; a score that is not finite on the way.
pub fn barrier(score: &dyn Score, a: &[f64], b: &[f64], sigma: f64, way: Way) -> Result<Barrier> {
    let d = score.dim();
    if a.len() != d || b.len() != d || a == b {
        return Err(Error::setting(
            "ends of a barrier",
            format!("two different points of {d} numbers"),
            format!("{} and {}", a.len(), b.len()),
        ));
    }
    let straight: Vec<f64> =
        (0..=IMAGES).flat_map(|i| a.iter().zip(b).map(move |(a, b)| a + (b - a) * i as f64 / IMAGES as f64)).collect();
    let images = match way {
        Way::Straight => straight,
        Way::Least => relaxed(score, straight, sigma),
    };
    let (mut log, mut s) = (vec![0.0; IMAGES + 1], vec![0.0; images.len()]);
    let known = score.log_density_rows(&images, sigma, &mut log, &mut s).is_some();
    // The middles of the pieces, for the integral.
    let middles: Vec<f64> = images[..IMAGES * d].iter().zip(&images[d..]).map(|(x, y)| 0.5 * (x + y)).collect();
    let mut s_middle = vec![0.0; middles.len()];
    score.score_rows(&images, sigma, &mut s);
    score.score_rows(&middles, sigma, &mut s_middle);
    if s.iter().chain(&s_middle).any(|v| !v.is_finite()) {
        return Err(Error::failed(
            "the score's integral between modes",
            format!("the score is not finite on the way, at σ = {sigma}"),
        ));
    }
    let row = |i: usize| &images[i * d..(i + 1) * d];
    let step = |i: usize, j: usize| row(j).iter().zip(row(i)).map(|(y, x)| y - x).collect::<Vec<_>>();
    let dot = |s: &[f64], v: &[f64]| s.iter().zip(v).map(|(a, b)| a * b).sum::<f64>();
    // Simpson's rule on each piece, and on pieces of twice the length from the images alone.
    let mut integral = vec![0.0];
    for i in 0..IMAGES {
        let v = step(i, i + 1);
        let [first, middle, last] = [&s[i * d..(i + 1) * d], &s_middle[i * d..(i + 1) * d], &s[(i + 1) * d..(i + 2) * d]];
        integral.push(integral[i] + (dot(first, &v) + 4.0 * dot(middle, &v) + dot(last, &v)) / 6.0);
    }
    let coarse: f64 = (0..IMAGES / 2)
        .map(|k| {
            let v = step(2 * k, 2 * k + 2);
            let at = |i: usize| &s[i * d..(i + 1) * d];
            (dot(at(2 * k), &v) + 4.0 * dot(at(2 * k + 1), &v) + dot(at(2 * k + 2), &v)) / 6.0
        })
        .sum();
    let values: Vec<f64> = if known { log.iter().map(|l| l - log[0]).collect() } else { integral.clone() };
    let lengths: Vec<f64> = (0..IMAGES).map(|i| dot(&step(i, i + 1), &step(i, i + 1)).sqrt()).collect();
    let total: f64 = lengths.iter().sum();
    let mut gone = 0.0;
    let mut profile = vec![(0.0, values[0])];
    for (length, value) in lengths.iter().zip(&values[1..]) {
        gone += length;
        profile.push((gone / total, *value));
    }
    let lowest = values.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(i, _)| i);
    let highest = |part: &[f64]| part.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Ok(Barrier {
        sigma,
        way,
        forward: highest(&values[..=lowest]) - values[lowest],
        backward: highest(&values[lowest..]) - values[lowest],
        difference: values[IMAGES],
        integral: integral[IMAGES],
        integral_error: (integral[IMAGES] - coarse).abs(),
        from_density: known,
        profile,
    })
}

/// The string method: images move along the part of the score across the string, and are spread evenly again.
fn relaxed(score: &dyn Score, mut x: Vec<f64>, sigma: f64) -> Vec<f64> {
    let d = score.dim();
    let (mut rate, mut before) = (f64::NAN, f64::INFINITY);
    for _ in 0..MOVES {
        let mut s = vec![0.0; x.len()];
        score.score_rows(&x, sigma, &mut s);
        let spacing = length(&x, d) / IMAGES as f64;
        for i in 1..IMAGES {
            // Less the part along the string.
            let tangent: Vec<f64> = (0..d).map(|j| x[(i + 1) * d + j] - x[(i - 1) * d + j]).collect();
            let square = tangent.iter().map(|t| t * t).sum::<f64>().max(f64::MIN_POSITIVE);
            let along = (0..d).map(|j| s[i * d + j] * tangent[j]).sum::<f64>() / square;
            (0..d).for_each(|j| s[i * d + j] -= along * tangent[j]);
        }
        let size = |i: usize| s[i * d..(i + 1) * d].iter().map(|v| v * v).sum::<f64>().sqrt();
        let most = (1..IMAGES).map(size).fold(0.0, f64::max);
        if !(most.is_finite() && most > 0.0) {
            break;
        }
        // The first move is a fifth of a spacing; where the string does not come to rest, moves are shortened.
        rate = if rate.is_nan() {
            0.2 * spacing / most
        } else if most > before {
            0.5 * rate
        } else {
            rate
        };
        before = most;
        for i in 1..IMAGES {
            let scale = rate.min(0.5 * spacing / size(i).max(f64::MIN_POSITIVE));
            (0..d).for_each(|j| x[i * d + j] += scale * s[i * d + j]);
        }
        x = spread(&x, d);
        if rate * most < STILL * spacing {
            break;
        }
    }
    x
}

fn length(x: &[f64], d: usize) -> f64 {
    x.chunks_exact(d).zip(x[d..].chunks_exact(d)).map(|(x, y)| distance(x, y)).sum()
}

fn distance(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
}

/// The same string with images at equal distances along it.
fn spread(x: &[f64], d: usize) -> Vec<f64> {
    let n = x.len() / d - 1;
    let row = |i: usize| &x[i * d..(i + 1) * d];
    let spacing = length(x, d) / n as f64;
    let mut out = row(0).to_vec();
    let (mut piece, mut before) = (0, 0.0);
    for i in 1..n {
        let wanted = spacing * i as f64;
        while piece + 1 < n && before + distance(row(piece), row(piece + 1)) < wanted {
            before += distance(row(piece), row(piece + 1));
            piece += 1;
        }
        let here = distance(row(piece), row(piece + 1)).max(f64::MIN_POSITIVE);
        let t = ((wanted - before) / here).clamp(0.0, 1.0);
        out.extend(row(piece).iter().zip(row(piece + 1)).map(|(a, b)| a + t * (b - a)));
    }
    out.extend_from_slice(row(n));
    out
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "barrier",
    aliases: &[],
    summary: "how far log p falls between two modes, from log p or from the score's line integral",
    formula: "log p(x(t)) − log p(a) = ∫ s·dx",
    source: "E, Ren & Vanden-Eijnden 2007; Kramers 1940",
    value: Diagnostic { verb: "mixing", oracle },
};

/// A score that does not say its log p, as networks do not.
struct Mute(Mixture);

impl Score for Mute {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn device(&self) -> crate::tensor::Device {
        self.0.device()
    }

    fn score(&self, x: crate::tensor::Tensor<2>, sigma: &crate::tensor::Tensor<1>) -> crate::tensor::Tensor<2> {
        self.0.score(x, sigma)
    }

    fn score_rows(&self, x: &[f64], sigma: f64, out: &mut [f64]) {
        self.0.score_rows(x, sigma, out);
    }
}

/// 0.8 N((5, 5), I) + 0.2 N((−5, −5), I) along its axis: log p(b) − log p(a) = ln ¼; the valley at t = −ln 4/(20√2)… from the middle, where both
/// halves are equal: log 2·0.8·exp(−r²/2)/(2π), r = 5√2 + that shift.
fn oracle(_: u64) -> Result<Vec<Check>> {
    let p = Mixture::new(vec![Component::isotropic(0.8, vec![5.0, 5.0], 1.0), Component::isotropic(0.2, vec![-5.0, -5.0], 1.0)])?;
    let found = barrier(&Mute(p.clone()), &[5.0, 5.0], &[-5.0, -5.0], 0.0, Way::Straight)?;
    // Along the line, u from the middle: 0.8 φ(u − m) + 0.2 φ(u + m), m = √50. Its least value lies where the derivative is 0, found by halving.
    let m = 50f64.sqrt();
    let slope = |u: f64| -0.8 * (u - m) * (-0.5 * (u - m).powi(2)).exp() - 0.2 * (u + m) * (-0.5 * (u + m).powi(2)).exp();
    let (mut low, mut high) = (-2.0, 2.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if slope(middle) < 0.0 { low = middle } else { high = middle }
    }
    let log = |u: f64| (0.8 * (-0.5 * (u - m).powi(2)).exp() + 0.2 * (-0.5 * (u + m).powi(2)).exp()).ln();
    // The valley lies between images: they are 0.11 apart, and a cusp of slope m on either side falls by at most m·0.055 = 0.39 between them.
    Ok(vec![
        Check::exact(
            "barrier: log p from one of the lecture's modes to the other, by the score's integral",
            0.25f64.ln(),
            found.integral,
            2e-3,
        ),
        Check::exact("barrier: from the higher mode, nats", log(m) - log(low), found.forward, 0.39),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;

    #[test]
    fn the_integral_is_log_p_and_noise_takes_the_barrier_away() {
        let p = density::mixture("mixture").unwrap();
        let mut forward = Vec::new();
        for sigma in [0.0, 1.0, 3.0, 10.0] {
            let (a, b) = ([5.0, 4.0], [-5.5, -5.0]);
            let known = barrier(&p, &a, &b, sigma, Way::Straight).unwrap();
            let mute = barrier(&Mute(p.clone()), &a, &b, sigma, Way::Straight).unwrap();
            assert!(known.from_density && !mute.from_density);
            for (k, m) in known.profile.iter().zip(&mute.profile) {
                assert!((k.1 - m.1).abs() < 5e-3, "{sigma}: {k:?} and {m:?}");
            }
            assert!((known.integral - known.difference).abs() < 5e-3);
            forward.push(known.forward);
        }
        assert!(forward[0] > 20.0 && forward.windows(2).all(|w| w[1] < w[0]) && forward[3] < 1.0, "{forward:?}");
    }

    #[test]
    fn about_a_ring_the_least_way_goes_along_it() {
        // Twenty-four Gaussians on a circle: along it log p hardly falls, across the middle it does.
        let parts = (0..24).map(|i| {
            let angle = std::f64::consts::TAU * f64::from(i) / 24.0;
            Component::isotropic(1.0, vec![3.0 * angle.cos(), 3.0 * angle.sin()], 0.5)
        });
        let p = Mixture::new(parts.collect()).unwrap();
        // Not quite opposite, so that one side is shorter.
        let (a, b) = ([3.0, 0.0], [3.0 * 2.6f64.cos(), 3.0 * 2.6f64.sin()]);
        let straight = barrier(&p, &a, &b, 0.0, Way::Straight).unwrap();
        let least = barrier(&p, &a, &b, 0.0, Way::Least).unwrap();
        assert!(straight.forward > 5.0 && least.forward < 0.5, "{} and {}", straight.forward, least.forward);
        assert!(barrier(&p, &a, &a, 0.0, Way::Straight).is_err() && barrier(&p, &a, &[0.0], 0.0, Way::Straight).is_err());
    }
}
