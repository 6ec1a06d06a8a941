//! Products of matrices of f32 in registers: what the networks' kernels are made of.
//!
//! They fuse multiply and add where the processor can, and so differ in the last bits from one instruction set to another; on one set, a
//! number of a product is one sum in an order that the shapes fix.

pub(crate) mod dots;
pub(crate) mod lanes;
pub(crate) mod outer;
pub(crate) mod pack;
pub(crate) mod pairs;
pub(crate) mod product;
pub(crate) mod rows;
pub(crate) mod scratch;

#[cfg(test)]
pub(crate) mod tests {
    /// The largest difference of two arrays in units of the last place of their typical size: the root of `twin`'s mean square, but at least
    /// one. Sums of many terms keep the rounding of their largest ones, also where they cancel.
    pub(crate) fn units_apart(got: &[f32], twin: &[f32]) -> f64 {
        assert_eq!(got.len(), twin.len());
        let typical = (twin.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / twin.len().max(1) as f64).sqrt().max(1.0);
        let apart = got.iter().zip(twin).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).fold(0.0, f64::max);
        apart / (f64::from(f32::EPSILON) * typical)
    }
}
