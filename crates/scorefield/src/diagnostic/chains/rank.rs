//! Ranks over all chains, and the normal scores made from them, which make R̂ and ESS work for tails of any weight.

use super::Variable;
use statrs::distribution::{ContinuousCDF, Normal};

/// The rank of each draw among all, from 1; draws that are equal share the mean of their ranks.
pub fn ranks(variable: &Variable) -> Vec<f64> {
    let values = &variable.values;
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]).scan(0, |before, equal| {
        *before += equal.len();
        Some((equal, *before))
    }) {
        let (equal, up_to) = equal;
        let shared = up_to as f64 - (equal.len() as f64 - 1.0) / 2.0;
        equal.iter().for_each(|i| ranks[*i] = shared);
    }
    ranks
}

/// z = Φ⁻¹((r − 3/8)/(S + 1/4)) of the ranks r among S draws (Blom 1958; Vehtari et al. 2021, eq. 14).
pub fn normal_scores(variable: &Variable) -> Variable {
    let normal = Normal::standard();
    let size = variable.values.len() as f64;
    let values = ranks(variable).into_iter().map(|r| normal.inverse_cdf((r - 0.375) / (size + 0.25))).collect();
    Variable { values, ..*variable }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_draws_share_the_mean_of_their_ranks() {
        let v = Variable::new(vec![2.0, 1.0, 2.0, 0.0, -0.0, 9.0], 2, 3).unwrap();
        assert_eq!(ranks(&v), [4.5, 3.0, 4.5, 1.5, 1.5, 6.0]);
    }
}
