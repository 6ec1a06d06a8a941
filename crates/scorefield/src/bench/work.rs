//! The arithmetic of a training step: what a perceptron's matrix products cost, forward and backward.
//!
//! A layer of widths a → b costs 2ab operations a row forward, and as many for each of the two products that go back through it; the
//! first layer has one of these, since nobody wants the gradient by the points. A row is a value or a derivative: n points with M directions of
//! a jet of order k are n(1 + kM) rows. Activations, noise and the optimiser are not counted.

/// Widths from the input to the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Perceptron(Vec<usize>);

impl Perceptron {
    /// `depth` hidden layers of `width`.
    pub fn new(inputs: usize, width: usize, depth: usize, outputs: usize) -> Self {
        Self([vec![inputs], vec![width; depth], vec![outputs]].concat())
    }

    /// Multiply-adds of one row.
    fn multiply_adds(&self) -> f64 {
        self.0.windows(2).map(|w| (w[0] * w[1]) as f64).sum()
    }

    /// Operations of `rows` rows forward.
    pub fn forward_flops(&self, rows: usize) -> f64 {
        2.0 * rows as f64 * self.multiply_adds()
    }

    /// Operations of `rows` rows backward, to the parameters.
    pub fn backward_flops(&self, rows: usize) -> f64 {
        2.0 * rows as f64 * (2.0 * self.multiply_adds() - (self.0[0] * self.0[1]) as f64)
    }
}

/// Operations of one training step with the exact trace on `points` points: along `axes` unit directions the first and the last layer need no
/// product, so only the hidden ones see the derivatives.
pub fn trace_step_flops(net: &Perceptron, points: usize, axes: usize) -> f64 {
    let hidden = match net.0.len() {
        0..=3 => 0.0,
        layers => net.0[1..layers - 1].windows(2).map(|w| (w[0] * w[1]) as f64).sum(),
    };
    step_flops(net, points) + 6.0 * (points * axes) as f64 * hidden
}

/// Operations of one training step that evaluates a perceptron on `rows` rows.
pub fn step_flops(net: &Perceptron, rows: usize) -> f64 {
    net.forward_flops(rows) + net.backward_flops(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_that_of_the_products_written_out() {
        // 2 → 3 → 1 on 5 rows: forward 2·5·(6 + 3), backward 2·5·(3 + 3) for the last layer and 2·5·6 for the first.
        let net = Perceptron::new(2, 3, 1, 1);
        assert_eq!((net.forward_flops(5), net.backward_flops(5)), (90.0, 120.0));
        assert_eq!(step_flops(&net, 5), 210.0);
        // One hidden product, 3 → 4, on 5 points and 2 axes: 6·10·12 beside the step of the values.
        let deeper = Perceptron(vec![2, 3, 4, 2]);
        assert_eq!(trace_step_flops(&deeper, 5, 2) - step_flops(&deeper, 5), 720.0);
    }
}
