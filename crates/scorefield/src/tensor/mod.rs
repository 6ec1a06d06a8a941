//! The tensor names we use, re-exported once, and the few moves between tensors and plain numbers.
//!
//! `use burn` stands only here, in `jet/`, `net/` and `train/`: Burn breaks with each minor release, and this is where it may.

mod accelerator;
mod adamw;
mod attention;
mod beside;
mod device;
mod directions;
mod fused;
mod gradient;
mod image;
mod image_layer;
mod image_norm;
mod layers;
mod muon;
mod perceptron;
mod rows;

pub use adamw::{AdamStep, Gradient, adam_step, average, sum_of_squares};
pub use attention::attention;
pub use beside::beside;
pub use burn::tensor::{DType, Device, Tensor, TensorData};
pub use device::{device, device_name, devices, is_cpu};
pub use directions::{by_point, for_each_direction, row_dots, times_rows, unit_vectors};
pub(crate) use fused::EPSILON;
pub use fused::{Activation, activation, add_silu, layer_norm};
pub use gradient::{gradients, leaf};
pub use image::{Image, Window, correlate};
pub use image_layer::{LayerPlan, NormPlan, Precision, SizePlan, Weights, image_layer};
pub use image_norm::{ImageNormPlan, image_norm};
pub use layers::Layers;
pub use muon::{MuonMatrix, MuonStep, muon_step};
pub use perceptron::{Rows, perceptron, perceptron_diagonal};
pub use rows::{blend, weighted_squares};

/// An `[n, d]` tensor from row-major numbers.
///
/// # Panics
/// If `values.len() != n * d`.
pub fn matrix(values: Vec<f32>, n: usize, d: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, [n, d]), device)
}

/// A one-dimensional tensor.
pub fn vector(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}

/// `n` copies of one number.
pub fn repeated(value: f32, n: usize, device: &Device) -> Tensor<1> {
    Tensor::full([n], value, device)
}

/// A tensor's numbers, row-major.
pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec::<f32>().expect("scorefield's tensors hold f32")
}

/// An `[n]` tensor as a column `[n, 1]`.
pub fn column(t: &Tensor<1>) -> Tensor<2> {
    let [n] = t.dims();
    t.clone().reshape([n, 1])
}
