//! Score networks: what they compute before preconditioning, F_θ(x, c_noise).
//!
//! A network is written once as [`Forward::forward`], generic over [`Value`]; the blanket implementation makes it a [`Network`],
//! which is the object the rest of the library holds. Adding one is a file here and a row in [`NETS`].

mod embedding;
mod linear;
mod mlp;
mod parameter;

pub use embedding::LevelEmbedding;
pub use linear::{Init, Linear};
pub use mlp::{Mlp, MlpConfig};
pub use parameter::{Parameter, Parameters, flatten, parameter_count, unflatten};

use crate::data::EventShape;
use crate::error::Result;
use crate::jet::{Dual, Value};
use crate::key::Key;
use crate::registry::Entry;
use crate::tensor::{Device, Tensor};

/// A network's own formula and its parameters.
pub trait Forward: Parameters + Clone + Send + Sync + 'static {
    /// F_θ(x, c): `x` is `[n, d]`, already scaled to about unit variance; `c` `[n]` is the noise level on the network's own scale.
    fn forward<V: Value>(&self, x: V, c: &Tensor<1>) -> V;
}

/// A [`Forward`] whose type is forgotten.
pub trait Network: Parameters + Send + Sync {
    /// F_θ(x, c), `[n, d]`.
    fn value(&self, x: Tensor<2>, c: &Tensor<1>) -> Tensor<2>;
    /// F_θ and its derivative in the direction that `x` carries.
    fn dual(&self, x: Dual, c: &Tensor<1>) -> Dual;
    /// A copy that shares nothing that can change.
    fn boxed_clone(&self) -> Box<dyn Network>;
}

impl<N: Forward> Network for N {
    fn value(&self, x: Tensor<2>, c: &Tensor<1>) -> Tensor<2> {
        self.forward(x, c)
    }

    fn dual(&self, x: Dual, c: &Tensor<1>) -> Dual {
        self.forward(x, c)
    }

    fn boxed_clone(&self) -> Box<dyn Network> {
        Box::new(self.clone())
    }
}

/// Sizes a user may choose; each network reads the ones it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetSettings {
    /// Features of a hidden layer.
    pub width: usize,
    /// Residual blocks.
    pub depth: usize,
    /// Features of the noise-level embedding.
    pub embedding: usize,
}

/// Makes a network for one event shape with fresh parameters drawn from a key.
pub type Build = fn(&NetSettings, &EventShape, Key, &Device) -> Result<Box<dyn Network>>;

/// The networks a user may name.
pub static NETS: &[Entry<Build>] = &[mlp::ENTRY];
