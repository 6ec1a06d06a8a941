//! The grid: which objective, in how many dimensions, along how many directions, at which noise.

use super::work::{Perceptron, step_flops, trace_step_flops};
use crate::objective::{Method, Needs, OBJECTIVES, Variate};
use crate::registry::Entry;

/// Rows of a batch.
pub(super) const ROWS: usize = 128;
/// The network: its features and its hidden layers.
pub(super) const WIDTH: usize = 128;
pub(super) const DEPTH: usize = 3;

const DIMENSIONS: [usize; 5] = [2, 8, 32, 128, 512];
const DIRECTIONS: [usize; 4] = [1, 2, 4, 8];
const SIGMAS: [f64; 3] = [0.05, 0.2, 1.0];

/// How much of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Up to 512 dimensions.
    Whole,
    /// Up to 32.
    Quick,
}

impl Extent {
    /// The dimensions, ascending.
    pub fn dimensions(self) -> &'static [usize] {
        match self {
            Self::Whole => &DIMENSIONS,
            Self::Quick => &DIMENSIONS[..3],
        }
    }
}

/// One objective in one setting.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub entry: &'static Entry<Method>,
    pub d: usize,
    /// M, of objectives that draw directions.
    pub directions: Option<usize>,
    /// 0 for objectives that need no noise.
    pub sigma: f64,
    /// Of `denoising`.
    pub variate: Option<Variate>,
}

impl Cell {
    /// Rows that go through the network in a step, derivatives along directions included.
    pub fn network_rows(&self) -> usize {
        let (m, d) = (self.directions.unwrap_or(1), self.d);
        let a_point = match (self.entry.name, self.entry.value.needs) {
            // Its directions are the d unit vectors.
            ("implicit", _) => 1 + d,
            // x + hv and x − hv.
            ("finite-difference", _) => 2 * m,
            (_, Needs::Derivatives) => 1 + m,
            (_, Needs::Noise) if self.variate == Some(Variate::On) => 2,
            (_, Needs::Noise | Needs::Exact) => 1,
        };
        a_point * ROWS
    }

    /// Operations of a step.
    pub fn flops(&self) -> f64 {
        let net = Perceptron::new(self.d, WIDTH, DEPTH, self.d);
        match self.entry.name {
            "implicit" => trace_step_flops(&net, ROWS, self.d),
            _ => step_flops(&net, self.network_rows()),
        }
    }
}

impl Cell {
    /// An objective as it is usual: one direction where directions are drawn, a middling σ where noise is needed, no control variate.
    pub fn usual(entry: &'static Entry<Method>, d: usize) -> Self {
        let noisy = entry.value.needs == Needs::Noise;
        let draws = entry.value.needs == Needs::Derivatives && entry.name != "implicit";
        Self {
            entry,
            d,
            directions: draws.then_some(1),
            sigma: if noisy { SIGMAS[1] } else { 0.0 },
            variate: noisy.then_some(Variate::Off),
        }
    }
}

/// All cells: objective by objective, so that each is measured where it is cheap before it is where it is dear.
pub(super) fn cells(extent: Extent) -> Vec<Cell> {
    let mut all = Vec::new();
    for entry in OBJECTIVES {
        for &d in extent.dimensions() {
            let plain = Cell { entry, d, directions: None, sigma: 0.0, variate: None };
            match entry.value.needs {
                Needs::Noise => all.extend(SIGMAS.into_iter().flat_map(|sigma| {
                    [Variate::Off, Variate::On].map(|variate| Cell { sigma, variate: Some(variate), ..plain })
                })),
                Needs::Derivatives if entry.name != "implicit" => {
                    all.extend(DIRECTIONS.into_iter().map(|m| Cell { directions: Some(m), ..plain }));
                }
                Needs::Derivatives | Needs::Exact => all.push(plain),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_objective_is_in_the_grid_at_every_dimension() {
        for extent in [Extent::Whole, Extent::Quick] {
            let all = cells(extent);
            for entry in OBJECTIVES {
                for d in extent.dimensions() {
                    assert!(all.iter().any(|c| c.entry.name == entry.name && c.d == *d), "{} {d}", entry.name);
                }
            }
        }
    }

    #[test]
    fn the_exact_trace_costs_d_directions_and_the_others_what_they_draw() {
        let rows = |name: &str, m: Option<usize>| {
            let all = cells(Extent::Quick);
            let cell = all.iter().find(|c| c.entry.name == name && c.d == 32 && c.directions == m).unwrap();
            cell.network_rows() / ROWS
        };
        assert_eq!((rows("implicit", None), rows("sliced", Some(4)), rows("finite-difference", Some(4))), (33, 5, 8));
        assert_eq!((rows("denoising", None), rows("explicit", None)), (1, 1));
    }
}
