//! Integrals over the line by adaptive Gauss–Legendre quadrature.
//!
//! Each panel is integrated by 8 nodes, exact for polynomials of degree 15, and again by its two halves; where the two differ, the halves
//! are refined (Davis & Rabinowitz 1984, section 6.2). Panels end where the caller says, so that a kink lies at an end and costs nothing.

/// How accurate an integral is to be.
#[derive(Clone, Copy, Debug)]
pub struct Quadrature {
    /// A panel is fine enough when halving it changes it by less than this share of ∫|f|.
    pub relative: f64,
}

/// Nodes and weights on (−1, 1), the positive half (Abramowitz & Stegun, table 25.4).
const NODES: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_5),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_3),
];
/// Halvings of one panel, at most: the smallest is then 10⁻⁹ of it.
const DEEPEST: u32 = 30;

/// ∫f of a panel, and ∫|f|.
#[derive(Clone, Copy)]
struct Panel<const K: usize> {
    value: [f64; K],
    size: [f64; K],
}

impl Quadrature {
    /// ∫ f over `cuts[0]..cuts[last]`, K functions at once; `cuts` ascend, and f is smooth between two of them.
    pub fn integrate<const K: usize>(&self, cuts: &[f64], f: impl Fn(f64) -> [f64; K]) -> [f64; K] {
        let panels: Vec<Panel<K>> = cuts.windows(2).map(|w| panel(w[0], w[1], &f)).collect();
        let mut allowed = [0.0; K];
        for (k, a) in allowed.iter_mut().enumerate() {
            *a = self.relative * panels.iter().map(|p| p.size[k]).sum::<f64>();
        }
        let mut total = [0.0; K];
        for (w, whole) in cuts.windows(2).zip(panels) {
            add(&mut total, refine(w[0], w[1], whole.value, &allowed, DEEPEST, &f));
        }
        total
    }
}

fn refine<const K: usize>(
    a: f64,
    b: f64,
    whole: [f64; K],
    allowed: &[f64; K],
    left: u32,
    f: &impl Fn(f64) -> [f64; K],
) -> [f64; K] {
    let middle = 0.5 * (a + b);
    let (low, high) = (panel(a, middle, f).value, panel(middle, b, f).value);
    let mut both = low;
    add(&mut both, high);
    if left == 0 || (0..K).all(|k| (both[k] - whole[k]).abs() <= allowed[k]) {
        return both;
    }
    let mut total = refine(a, middle, low, allowed, left - 1, f);
    add(&mut total, refine(middle, b, high, allowed, left - 1, f));
    total
}

fn panel<const K: usize>(a: f64, b: f64, f: &impl Fn(f64) -> [f64; K]) -> Panel<K> {
    let (middle, half) = (0.5 * (a + b), 0.5 * (b - a));
    let mut sum = Panel { value: [0.0; K], size: [0.0; K] };
    for (node, weight) in NODES {
        for x in [middle - half * node, middle + half * node] {
            for (k, value) in f(x).into_iter().enumerate() {
                sum.value[k] += half * weight * value;
                sum.size[k] += half * weight * value.abs();
            }
        }
    }
    sum
}

fn add<const K: usize>(total: &mut [f64; K], more: [f64; K]) {
    total.iter_mut().zip(more).for_each(|(t, m)| *t += m);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_of_degree_15_are_exact() {
        for degree in 0..=15 {
            let found = panel(-1.0, 2.0, &|x: f64| [x.powi(degree)]).value[0];
            let m = f64::from(degree) + 1.0;
            let exact = (2f64.powi(degree + 1) - (-1f64).powi(degree + 1)) / m;
            assert!((found - exact).abs() < 1e-13 * exact.abs().max(1.0), "degree {degree}: {found} against {exact}");
        }
    }

    #[test]
    fn a_narrow_peak_a_kink_and_an_oscillation_have_their_known_integrals() {
        let q = Quadrature { relative: 1e-10 };
        let peak = q.integrate(&[-1.0, 0.0, 3.0], |x| [(-0.5 * (x / 0.01).powi(2)).exp(), (-x.abs()).exp()]);
        assert!((peak[0] - 0.01 * std::f64::consts::TAU.sqrt()).abs() < 1e-11);
        assert!((peak[1] - (2.0 - (-1f64).exp() - (-3f64).exp())).abs() < 1e-9);
        let wave = q.integrate(&[0.0, 20.0], |x| [x.sin()])[0];
        assert!((wave - (1.0 - 20f64.cos())).abs() < 1e-8, "{wave}");
    }
}
