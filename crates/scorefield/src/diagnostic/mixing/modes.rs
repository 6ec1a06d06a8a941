//! The modes of some points: peaks of their density that a valley parts (ToMATo; Chazal, Guibas, Oudot & Skraba 2013).
//!
//! At each point log p is taken from the distance r to its k-th neighbour, ln p̂ = −m ln r with m the dimension of the data, known to about
//! 1/√k. From the densest point down each point joins the densest of its neighbours; where two peaks meet, the lower one's prominence is what
//! log p falls from it to there. Peaks of prominence above τ nats are modes, the others belong to the mode they meet. Shapes do not matter:
//! a ring is one mode. The number is chosen by τ = max(1, 4√(2/k)), four errors of a difference and at least the one nat below which nothing
//! parts, or τ by the number.

use crate::density;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::manifold::{FEWEST, intrinsic_dimension};
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::metric::{Neighbours, nearest};
use crate::oracle::{Check, Estimate};
use crate::registry::Entry;
use serde::Serialize;

/// The least number of points.
pub const LEAST: usize = FEWEST;
/// Neighbours that a point may join.
const JOINED: usize = 12;
/// A mode has at least this share of the points, and this many.
const SMALLEST: (f64, usize) = (0.003, 8);
/// A point is at no mode when it is farther from all known points than so many times what only one in two hundred of them is from another.
const REACH: f64 = 3.0;
const COMMON: f64 = 0.995;

/// How many modes there are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MostModes {
    /// As many as stand out.
    Chosen,
    /// So many, the most prominent.
    Given(usize),
}

/// Modes, as they were found in some points.
#[derive(Clone, Debug, Serialize)]
pub struct Modes {
    /// Points that they were found in.
    pub n: usize,
    /// τ, nats.
    pub threshold: f64,
    /// Of each mode what log p falls from its peak to where it meets a higher one, nats; of the highest, which meets none, infinite.
    pub prominences: Vec<f64>,
    /// The most prominent peak that is no mode.
    pub next_prominence: f64,
    /// The mean of each mode's points, `[modes][d]`.
    pub means: Vec<Vec<f64>>,
    #[serde(skip)]
    points: Vec<f32>,
    #[serde(skip)]
    d: usize,
    /// The mode of each point, and whether it is among the denser half of its mode.
    #[serde(skip)]
    labels: Vec<Option<usize>>,
    #[serde(skip)]
    core: Vec<bool>,
    #[serde(skip)]
    peaks: Vec<usize>,
    #[serde(skip)]
    reach: f64,
}

/// Finds the modes of `points` `[n, d]`, the largest first. n²d operations.
///
/// # Errors
/// Fewer than [`LEAST`] different points, a point that is not finite, more modes asked for than there are peaks.
pub fn modes(points: &[f32], d: usize, most: MostModes) -> Result<Modes> {
    let m = intrinsic_dimension(points, d, Key::new(0, Purpose::Metric))?.levina_bickel.uncorrected;
    let n = points.len() / d;
    let k = (n as f64).sqrt().round().clamp(10.0, 100.0) as usize;
    let near = Neighbours::within(points, d, k);
    // Of points that repeat each other the k-th neighbour may be at distance 0.
    let log_density: Vec<f64> =
        (0..n).map(|i| -m * near.of(i).last().map_or(f64::INFINITY, |(_, r)| r).max(f64::from(f32::MIN_POSITIVE)).ln()).collect();
    let mut forest = Forest::grow(&near, &log_density);
    let smallest = SMALLEST.1.max((SMALLEST.0 * n as f64) as usize);
    // A few points far from all others are a peak, but no mode.
    let sizes = forest.sizes();
    let few: Vec<usize> =
        forest.peaks.iter().filter(|p| p.prominence.is_infinite() && sizes[p.at] < smallest).map(|p| p.at).collect();
    forest.bridge(points, d, m, &log_density);
    let mut prominences: Vec<f64> = forest.peaks.iter().filter(|p| !few.contains(&p.at)).map(|p| p.prominence).collect();
    prominences.sort_by(|a, b| b.total_cmp(a));
    let threshold = match most {
        MostModes::Chosen => (4.0 * (2.0 / k as f64).sqrt()).max(1.0),
        MostModes::Given(count) if count >= 1 && count <= prominences.len() => {
            prominences.get(count).map_or(0.0, |next| 0.5 * (next + prominences[count - 1].min(next + 1.0)))
        }
        MostModes::Given(count) => {
            return Err(Error::setting(
                "--modes",
                format!("from 1 to {}, the peaks that these points have", prominences.len()),
                count,
            ));
        }
    };
    let roots = forest.roots(threshold);
    let mut counts: Vec<(usize, usize)> = forest.peaks.iter().filter(|p| roots[p.at] == p.at).map(|p| (p.at, 0)).collect();
    for root in &roots {
        if let Some(count) = counts.iter_mut().find(|c| c.0 == *root) {
            count.1 += 1;
        }
    }
    let least = if most == MostModes::Chosen { smallest } else { 1 };
    counts.retain(|c| c.1 >= least && !few.contains(&c.0));
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let peaks: Vec<usize> = counts.iter().map(|c| c.0).collect();
    let labels: Vec<Option<usize>> = roots.iter().map(|root| peaks.iter().position(|p| p == root)).collect();
    let mut core = vec![false; n];
    let mut means = Vec::new();
    for mode in 0..peaks.len() {
        let mut own: Vec<usize> = (0..n).filter(|i| labels[*i] == Some(mode)).collect();
        own.sort_by(|a, b| log_density[*b].total_cmp(&log_density[*a]));
        own[..own.len().div_ceil(2)].iter().for_each(|i| core[*i] = true);
        let mean = |j: usize| own.iter().map(|i| f64::from(points[i * d + j])).sum::<f64>() / own.len() as f64;
        means.push((0..d).map(mean).collect());
    }
    let mut first: Vec<f64> = (0..n).filter_map(|i| near.of(i).next()).map(|(_, r)| r).collect();
    first.sort_by(f64::total_cmp);
    let prominence = |at: &usize| forest.peaks.iter().find(|p| p.at == *at).map_or(f64::NAN, |p| p.prominence);
    let others = forest.peaks.iter().filter(|p| !peaks.contains(&p.at) && p.prominence.is_finite());
    Ok(Modes {
        n,
        threshold,
        prominences: peaks.iter().map(prominence).collect(),
        next_prominence: others.map(|p| p.prominence).fold(0.0, f64::max),
        means,
        points: points.to_vec(),
        d,
        labels,
        core,
        peaks,
        reach: REACH * first[((n - 1) as f64 * COMMON) as usize],
    })
}

impl Modes {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.peaks.len()
    }

    /// The densest of the points of a mode, `[d]`.
    ///
    /// # Panics
    /// If there is no such mode.
    pub fn peak(&self, mode: usize) -> Vec<f64> {
        let at = self.peaks[mode] * self.d;
        self.points[at..at + self.d].iter().map(|v| f64::from(*v)).collect()
    }

    /// The mode of each of the points they were found in; `None` for points far from all modes.
    pub fn labels(&self) -> &[Option<usize>] {
        &self.labels
    }

    /// The mode of each row of `x` `[·, d]`: that of the nearest known point; `None` far from all of them, and for rows that are not finite.
    pub fn assign(&self, x: &[f32]) -> Vec<Option<usize>> {
        self.look(x).into_iter().map(|found| found.and_then(|i| self.labels[i])).collect()
    }

    /// As [`Modes::assign`], but only where the nearest known point is among the denser half of its mode: a chain that has come there has
    /// arrived.
    pub fn cores(&self, x: &[f32]) -> Vec<Option<usize>> {
        self.look(x).into_iter().map(|found| found.filter(|i| self.core[*i]).and_then(|i| self.labels[i])).collect()
    }

    fn look(&self, x: &[f32]) -> Vec<Option<usize>> {
        // The distance of a row that is not finite is none, or infinite.
        nearest(x, &self.points, self.d).into_iter().map(|(i, r)| (r <= self.reach).then_some(i)).collect()
    }
}

/// A peak of the estimated density.
struct Peak {
    at: usize,
    prominence: f64,
}

/// Points joined to denser neighbours, and peaks to higher ones.
struct Forest {
    peaks: Vec<Peak>,
    /// What each point is joined to: a denser neighbour, or, of a peak, the higher peak it meets; itself where there is none.
    parent: Vec<usize>,
    /// At which fall of log p it is joined: 0 for a point, its prominence for a peak.
    fall: Vec<f64>,
    order: Vec<usize>,
}

impl Forest {
    fn grow(near: &Neighbours, log_density: &[f64]) -> Self {
        let n = log_density.len();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| log_density[*b].total_cmp(&log_density[*a]).then(a.cmp(b)));
        let mut rank = vec![0; n];
        order.iter().enumerate().for_each(|(r, i)| rank[*i] = r);
        // Neighbours both ways: a point far away has neighbours, but is nobody's.
        let mut edges: Vec<Vec<usize>> = vec![Vec::new(); n];
        for i in 0..n {
            for (j, _) in near.of(i).take(JOINED) {
                edges[i].push(j);
                edges[j].push(i);
            }
        }
        let (mut parent, mut fall) = ((0..n).collect::<Vec<_>>(), vec![0.0; n]);
        // The highest peak of what has been joined so far, found through all joints.
        let mut top: Vec<usize> = (0..n).collect();
        let mut peaks = Vec::new();
        for &i in &order {
            let denser = edges[i].iter().copied().filter(|j| rank[*j] < rank[i]);
            let Some(best) = denser.clone().min_by_key(|j| rank[*j]) else {
                peaks.push(Peak { at: i, prominence: f64::INFINITY });
                continue;
            };
            parent[i] = best;
            top[i] = find(&mut top, best);
            for j in denser {
                let (a, b) = (find(&mut top, j), find(&mut top, i));
                if a != b {
                    let (low, high) = if rank[a] > rank[b] { (a, b) } else { (b, a) };
                    top[low] = high;
                    parent[low] = high;
                    fall[low] = log_density[low] - log_density[i];
                    if let Some(peak) = peaks.iter_mut().find(|p| p.at == low) {
                        peak.prominence = fall[low];
                    }
                }
            }
        }
        Self { peaks, parent, fall, order }
    }

    /// Lets peaks that meet no higher one, because nobody's neighbours are on the other side, meet where the gap is least: the density in its
    /// middle is at most that of a k-th neighbour at half its width.
    fn bridge(&mut self, points: &[f32], d: usize, m: f64, log_density: &[f64]) {
        let mut alone: Vec<usize> = self.peaks.iter().filter(|p| p.prominence.is_infinite()).map(|p| p.at).collect();
        alone.sort_by(|a, b| log_density[*a].total_cmp(&log_density[*b]));
        let row = |i: usize| &points[i * d..(i + 1) * d];
        let mut joined: Vec<(usize, f64)> = Vec::new();
        for low in alone.iter().copied().take(alone.len().saturating_sub(1)) {
            let roots = self.roots(f64::INFINITY);
            let (own, others): (Vec<usize>, Vec<usize>) = (0..roots.len()).partition(|i| roots[*i] == low);
            let gather = |rows: &[usize]| rows.iter().flat_map(|i| row(*i)).copied().collect::<Vec<f32>>();
            let found = nearest(&gather(&own), &gather(&others), d);
            let closest = found.iter().enumerate().min_by(|a, b| a.1.1.total_cmp(&b.1.1));
            let Some((i, (j, gap))) = closest.map(|(i, (j, gap))| (own[i], (others[*j], *gap))) else { continue };
            let valley = log_density[i].min(log_density[j]).min(-m * (0.5 * gap).ln());
            joined.push((low, log_density[low] - valley));
            (self.parent[low], self.fall[low]) = (roots[j], log_density[low] - valley);
        }
        for (low, prominence) in joined {
            if let Some(peak) = self.peaks.iter_mut().find(|p| p.at == low) {
                peak.prominence = prominence;
            }
        }
    }

    /// The peak of prominence above τ that each point comes to.
    fn roots(&self, threshold: f64) -> Vec<usize> {
        let mut roots: Vec<usize> = (0..self.parent.len()).collect();
        // Parents are denser, so they come first in this order.
        for &i in &self.order {
            if self.parent[i] != i && self.fall[i] <= threshold {
                roots[i] = roots[self.parent[i]];
            }
        }
        roots
    }

    /// How many points come to each peak that meets no higher one.
    fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.parent.len()];
        self.roots(f64::INFINITY).into_iter().for_each(|root| sizes[root] += 1);
        sizes
    }
}

/// The top of i's tree, with the way to it made short.
fn find(top: &mut [usize], i: usize) -> usize {
    let mut root = i;
    while top[root] != root {
        root = top[root];
    }
    let mut at = i;
    while top[at] != root {
        at = std::mem::replace(&mut top[at], root);
    }
    root
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "modes",
    aliases: &["clusters"],
    summary: "peaks of the density of the data that a valley parts, of any shape",
    formula: "ln p̂ = −m ln r_k; a mode falls by more than τ nats before it meets a higher one",
    source: "Chazal, Guibas, Oudot & Skraba 2013",
    value: Diagnostic { verb: "mixing", oracle },
};

/// The lecture's two modes, by number and share.
fn oracle(seed: u64) -> Result<Vec<Check>> {
    let n = 2000;
    let x = density::mixture("mixture")?.sample(Key::new(seed, Purpose::Data), 0, n, 0.0);
    let found = modes(&x, 2, MostModes::Chosen)?;
    let first: Vec<f64> = found.labels().iter().map(|l| f64::from(u8::from(*l == Some(0)))).collect();
    Ok(vec![
        Check::exact("modes: how many the lecture's mixture has", 2.0, found.count() as f64, 0.0),
        Check::statistical("modes: share of the first", 0.8, Estimate::mean(&first), 0.2),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Options, all, open};

    fn toy(name: &str, n: usize) -> Vec<f32> {
        all(&*open(name, &Options::default()).unwrap().train, n, Key::new(1, Purpose::Data)).unwrap()
    }

    #[test]
    fn the_registered_closed_form_holds_for_several_seeds() {
        for seed in 0..5 {
            for check in oracle(seed).unwrap() {
                assert!(check.pass, "{seed}: {check:?}");
            }
        }
    }

    #[test]
    fn one_gaussian_is_one_mode_eight_are_eight_and_moons_are_two_whatever_their_shape() {
        for seed in 0..5 {
            for d in [2, 10] {
                let x = Key::new(seed, Purpose::Data).normal(0, 1500, d);
                let found = modes(&x, d, MostModes::Chosen).unwrap();
                assert_eq!(found.count(), 1, "{seed}, {d}: {:?}", found.prominences);
            }
        }
        assert_eq!(modes(&toy("toy:eight-gaussians", 2000), 2, MostModes::Chosen).unwrap().count(), 8);
        assert_eq!(modes(&toy("toy:two-moons", 2000), 2, MostModes::Chosen).unwrap().count(), 2);
    }

    #[test]
    fn a_given_number_is_kept_and_too_many_are_refused() {
        let x = toy("toy:eight-gaussians", 2000);
        for count in [1, 2, 8] {
            assert_eq!(modes(&x, 2, MostModes::Given(count)).unwrap().count(), count, "{count}");
        }
        for count in [0, 1500] {
            assert!(modes(&x, 2, MostModes::Given(count)).is_err());
        }
    }

    #[test]
    fn new_points_belong_to_the_nearest_mode_and_far_ones_to_none() {
        let x = density::mixture("mixture").unwrap().sample(Key::new(3, Purpose::Data), 0, 2000, 0.0);
        let found = modes(&x, 2, MostModes::Chosen).unwrap();
        assert!(found.means[0].iter().all(|m| (m - 5.0).abs() < 0.2) && found.peak(1)[0] < -3.5);
        let asked = [5.0, 5.0, -5.0, -4.5, 0.0, 0.0, f32::NAN, 1.0, 1e9, 0.0];
        assert_eq!(found.assign(&asked), [Some(0), Some(1), None, None, None]);
        // The denser half of a Gaussian in the plane lies within 1.18 standard deviations; estimates blur its edge.
        assert_eq!(found.cores(&[5.0, 5.0, 5.0, 7.2]), [Some(0), None]);
    }
}
