//! Where chains are after given numbers of steps, seen by an observer that passes everything on to another.

use crate::observe::{Flow, Observer, SampleStep, TrainStep};

/// See the head of this file.
pub(super) struct Snapshots<'o> {
    inner: &'o mut dyn Observer,
    steps: Vec<usize>,
    /// For each number of steps the points, `[n, d]`.
    pub points: Vec<Vec<f64>>,
}

impl<'o> Snapshots<'o> {
    /// Of `n` chains in d dimensions after `steps` steps.
    pub fn new(steps: &[usize], n: usize, d: usize, inner: &'o mut dyn Observer) -> Self {
        Self { inner, steps: steps.to_vec(), points: vec![vec![f64::NAN; n * d]; steps.len()] }
    }
}

impl Observer for Snapshots<'_> {
    fn trained(&mut self, step: &TrainStep) -> Flow {
        self.inner.trained(step)
    }

    fn sampled(&mut self, step: &SampleStep<'_>) -> Flow {
        if let Some(k) = self.steps.iter().position(|s| *s == step.step) {
            // A block may hold rows that were not asked for.
            let rows = &mut self.points[k][(step.first_row as usize * step.d).min(step.n * step.d)..];
            let kept = rows.len().min(step.x.len());
            rows[..kept].copy_from_slice(&step.x[..kept]);
        }
        self.inner.sampled(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density::mixture;
    use crate::sample::{Draw, Langevin, Start, draw};

    #[test]
    fn a_snapshot_is_what_a_shorter_run_ends_with() {
        let (p, n) = (mixture("mixture").unwrap(), 300);
        let request = Draw { n, from: 0, seed: 1, start: Start::Uniform { low: -8.0, high: 8.0 }, start_sigma: 0.0 };
        let chain = |steps| Langevin { steps, epsilon: 0.1, sigma: 0.0 };
        let mut nobody = ();
        let mut seen = Snapshots::new(&[3, 7], n, 2, &mut nobody);
        let whole = draw(&p, &chain(7), &request, &mut seen).unwrap().points;
        assert_eq!(seen.points[1], whole);
        assert_eq!(seen.points[0], draw(&p, &chain(3), &request, &mut ()).unwrap().points);
    }
}
