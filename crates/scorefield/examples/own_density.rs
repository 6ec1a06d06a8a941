//! Samples a density written in Rust: a banana, log p(x, y) = −½x² − ½(y − x²)²/0.25.
//!
//! `cargo run --release -p scorefield --example own_density`

use scorefield::density::{Exact, PointDensity, Unsmoothed};
use scorefield::error::Result;
use scorefield::sample::{Draw, Langevin, Start, draw};

struct Banana;

impl PointDensity for Banana {
    fn dim(&self) -> usize {
        2
    }

    fn log_density(&self, x: &[f64], score: &mut [f64]) -> f64 {
        let off = x[1] - x[0] * x[0];
        score[0] = -x[0] + 8.0 * x[0] * off;
        score[1] = -4.0 * off;
        -0.5 * x[0] * x[0] - 2.0 * off * off
    }
}

fn main() -> Result<()> {
    let target = Unsmoothed(Banana);
    let (mean, variance) = target.moments();
    let start = Start::Normal { mean: mean.iter().map(|m| *m as f32).collect(), sigma_data: variance.sqrt() as f32 };
    let request = Draw { n: 5_000, from: 0, seed: 1, start, start_sigma: 0.0 };
    let chain = Langevin { steps: 8_000, epsilon: 0.005, sigma: 0.0 };
    let drawn = draw(&target, &chain, &request, &mut ())?;

    // x ~ N(0, 1) and y − x² ~ N(0, ¼), so E[y] = 1 and Var[y] = Var[x²] + ¼ = 2.25.
    let finite: Vec<&[f64]> = drawn.points.chunks_exact(2).filter(|p| p.iter().all(|v| v.is_finite())).collect();
    let n = finite.len() as f64;
    let mean = |f: &dyn Fn(&[f64]) -> f64| finite.iter().map(|p| f(p)).sum::<f64>() / n;
    let of_y = mean(&|p| p[1]);
    let variance = mean(&|p| (p[1] - of_y).powi(2));
    println!("{} of {} points are finite", finite.len(), request.n);
    println!("mean of y {of_y:.3} (1), variance of y {variance:.3} (2.25), up to the step's own bias");
    Ok(())
}
