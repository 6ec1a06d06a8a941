//! A plain multilayer perceptron: F = W_L SiLU(… SiLU(W₁ x + b₁ + W_e e(σ)) …) + b_L.
//!
//! Without norms and residual paths it is the network that trains fastest here, and what smooth scores in few dimensions need. The last
//! layer begins at 0, so the preconditioned score begins as that of a Gaussian.

use super::{Build, Forward, NetSettings, Network, Parameter, Parameters, Stack};
use crate::data::EventShape;
use crate::error::Result;
use crate::jet::{Jet, Value};
use crate::key::Key;
use crate::registry::Entry;
use crate::tensor::{Device, Tensor};

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct PlainMlp(Stack);

impl Forward for PlainMlp {
    fn forward<V: Value>(&self, x: V, c: &Tensor<1>) -> V {
        self.0.forward(x, c)
    }

    fn value(&self, x: Tensor<2>, c: &Tensor<1>) -> Tensor<2> {
        self.0.value(x, c)
    }

    fn jet(&self, x: Jet, c: &Tensor<1>) -> Jet {
        self.0.jet(x, c)
    }

    fn diagonal(&self, x: Tensor<2>, c: &Tensor<1>) -> Option<(Tensor<2>, Tensor<2>)> {
        self.0.diagonal(x, c)
    }
}

impl Parameters for PlainMlp {
    fn visit(&self, f: &mut dyn FnMut(&str, &Parameter)) {
        self.0.visit(f);
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, &mut Parameter)) {
        self.0.visit_mut(f);
    }
}

fn build(settings: &NetSettings, event: &EventShape, key: Key, device: &Device) -> Result<Box<dyn Network>> {
    Ok(Box::new(PlainMlp(Stack::new(event.len(), event.len(), settings, key, device)?)))
}

/// The registry's row.
pub(super) const ENTRY: Entry<Build> = Entry {
    name: "plain-mlp",
    aliases: &["perceptron"],
    summary: "plain multilayer perceptron, depth hidden layers of one width: fast, for smooth scores in few dimensions",
    formula: "h ← SiLU(W h + b), F = W_L h + b_L",
    source: "Rumelhart, Hinton & Williams 1986; SiLU: Elfwing, Uchibe & Doya 2018",
    value: build,
};
