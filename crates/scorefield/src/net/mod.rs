//! Score networks: what they compute before preconditioning, F_θ(x, c_noise).
//!
//! A network is written once as [`Forward::forward`], generic over [`Value`]; the blanket implementation makes it a [`Network`],
//! which is the object the rest of the library holds. Adding one is a file here and a row in [`NETS`].

mod embedding;
mod energy_mlp;
mod linear;
mod mlp;
mod parameter;
mod plain_mlp;
mod stack;
pub mod unet;

pub use embedding::LevelEmbedding;
pub use linear::{Init, Linear};
pub use mlp::{Mlp, MlpConfig};
pub use parameter::{Parameter, Parameters, flatten, parameter_count, unflatten};
pub use stack::Stack;

use crate::data::EventShape;
use crate::error::Result;
use crate::jet::{Jet, Order, Value};
use crate::key::Key;
use crate::registry::Entry;
use crate::tensor::{Device, Layers, Tensor, by_point, unit_vectors};

/// What a network's output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// `[n, d]`: the variable part of a score.
    Score,
    /// `[n, 1]`: the variable part of an energy, whose negative gradient is the score.
    Energy,
}

/// A network's own formula and its parameters.
pub trait Forward: Parameters + Clone + Send + Sync + 'static {
    /// F_θ(x, c): `x` is `[n, d]`, already scaled to about unit variance; `c` `[n]` is the noise level on the network's own scale.
    fn forward<V: Value>(&self, x: V, c: &Tensor<1>) -> V;

    /// What the output is.
    fn output(&self) -> Output {
        Output::Score
    }

    /// [`Forward::forward`] on plain tensors; a network that has a faster way to the same numbers takes it here.
    fn value(&self, x: Tensor<2>, c: &Tensor<1>) -> Tensor<2> {
        self.forward(x, c)
    }

    /// [`Forward::forward`] on jets; a network that has a faster way to the same numbers takes it here.
    fn jet(&self, x: Jet, c: &Tensor<1>) -> Jet {
        self.forward(x, c)
    }

    /// Of a score: F and its derivatives ∂F_j/∂x_j, `[n, d]` each, differentiable by the parameters; `None` where the network knows no
    /// shorter way to them than jets along the d unit directions.
    fn diagonal(&self, _x: Tensor<2>, _c: &Tensor<1>) -> Option<(Tensor<2>, Tensor<2>)> {
        None
    }

    /// The layers in one piece, where that is all that the network is but for what [`Forward::level`] adds to the first of them.
    fn layers(&self) -> Option<Layers> {
        None
    }

    /// What the noise levels `c` `[n]` add to the first layer, `[n, width]`; `None` for nothing. Of networks with [`Forward::layers`].
    fn level(&self, _c: &Tensor<1>) -> Option<Tensor<2>> {
        None
    }

    /// Of an energy: ∂F/∂x, `[n, d]`, differentiable by the parameters. By jets along the d unit directions unless the network knows a
    /// shorter way.
    fn gradient(&self, x: Tensor<2>, c: &Tensor<1>) -> Tensor<2> {
        let [n, d] = x.dims();
        let unit = unit_vectors(n, d, 0, d, &x.device()).cast(x.dtype());
        let (_, first, _) = self.forward(Jet::line(x, unit, Order::First), c).into_parts();
        by_point(first, n).reshape([n, d])
    }

    /// How many classes it knows, if it knows any.
    fn classes(&self) -> Option<u32> {
        None
    }

    /// Chooses the class whose score it gives, less than [`Forward::classes`]; 0 if nothing is said.
    fn set_class(&mut self, _class: u32) {}
}

/// A [`Forward`] whose type is forgotten.
pub trait Network: Parameters + Send + Sync {
    /// F_θ(x, c), `[n, d]` or `[n, 1]`.
    fn value(&self, x: Tensor<2>, c: &Tensor<1>) -> Tensor<2>;
    /// F_θ with its derivatives along the directions that `x` carries.
    fn jet(&self, x: Jet, c: &Tensor<1>) -> Jet;
    /// Of a score: F and its derivatives ∂F_j/∂x_j, `[n, d]` each, if there is a short way to them.
    fn diagonal(&self, x: Tensor<2>, c: &Tensor<1>) -> Option<(Tensor<2>, Tensor<2>)>;
    /// The layers in one piece, where that is all that the network is but for what [`Network::level`] adds to the first of them.
    fn layers(&self) -> Option<Layers>;
    /// What the noise levels `c` `[n]` add to the first layer, `[n, width]`; `None` for nothing. Of networks with [`Network::layers`].
    fn level(&self, c: &Tensor<1>) -> Option<Tensor<2>>;
    /// Of an energy: ∂F/∂x, `[n, d]`.
    fn gradient(&self, x: Tensor<2>, c: &Tensor<1>) -> Tensor<2>;
    /// What the output is.
    fn output(&self) -> Output;
    /// How many classes it knows, if it knows any.
    fn classes(&self) -> Option<u32>;
    /// Chooses the class whose score it gives, less than [`Network::classes`]; 0 if nothing is said.
    fn set_class(&mut self, class: u32);
    /// A copy that shares nothing that can change.
    fn boxed_clone(&self) -> Box<dyn Network>;
}

impl<N: Forward> Network for N {
    fn value(&self, x: Tensor<2>, c: &Tensor<1>) -> Tensor<2> {
        Forward::value(self, x, c)
    }

    fn jet(&self, x: Jet, c: &Tensor<1>) -> Jet {
        Forward::jet(self, x, c)
    }

    fn diagonal(&self, x: Tensor<2>, c: &Tensor<1>) -> Option<(Tensor<2>, Tensor<2>)> {
        Forward::diagonal(self, x, c)
    }

    fn layers(&self) -> Option<Layers> {
        Forward::layers(self)
    }

    fn level(&self, c: &Tensor<1>) -> Option<Tensor<2>> {
        Forward::level(self, c)
    }

    fn gradient(&self, x: Tensor<2>, c: &Tensor<1>) -> Tensor<2> {
        Forward::gradient(self, x, c)
    }

    fn output(&self) -> Output {
        Forward::output(self)
    }

    fn classes(&self) -> Option<u32> {
        Forward::classes(self)
    }

    fn set_class(&mut self, class: u32) {
        Forward::set_class(self, class);
    }

    fn boxed_clone(&self) -> Box<dyn Network> {
        Box::new(self.clone())
    }
}

/// How many noise levels a network must tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LevelCount {
    /// One, or no noise at all.
    One,
    /// Many: the level is an input.
    Many,
}

pub use crate::tensor::Precision;

/// Sizes a user may choose; each network reads the ones it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetSettings {
    /// Features of a hidden layer.
    pub width: usize,
    /// Residual blocks, or hidden layers.
    pub depth: usize,
    /// Features of the noise-level embedding.
    pub embedding: usize,
    /// What convolutions multiply.
    pub precision: Precision,
    /// Whether there is more than one noise level.
    pub levels: LevelCount,
}

/// Makes a network for one event shape with fresh parameters drawn from a key.
pub type Build = fn(&NetSettings, &EventShape, Key, &Device) -> Result<Box<dyn Network>>;

/// What a network can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Rows of any shape, as so many numbers.
    Rows,
    /// Images only, and moved ones as well: it treats all pixels alike, so they share one centre.
    Images,
}

/// What a registry's row stands for.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Makes one.
    pub build: Build,
    /// What it can be given.
    pub takes: Takes,
    /// What it takes at least, known before it is made.
    pub least: fn(&NetSettings, &EventShape) -> Least,
}

/// A lower bound of what a network takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Least {
    /// Its parameters.
    pub parameters: u64,
    /// Numbers that a row leaves between the layers for the way back.
    pub row: u64,
}

/// The networks a user may name.
pub static NETS: &[Entry<Family>] = &[mlp::ENTRY, plain_mlp::ENTRY, energy_mlp::ENTRY, unet::ENTRY];
