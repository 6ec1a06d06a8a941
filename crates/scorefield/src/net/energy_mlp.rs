//! A scalar network G_θ(x, c), from which a model makes an energy E = −log p + constant with score s = −∇E.
//!
//! The score is a gradient by construction, and the unnormalised log-density comes with it (Hyvärinen 2005; Song & Ermon 2019; Salimans &
//! Ho 2021). Its derivatives in training are jets of second order: vᵀ(∇ₓs)v = −vᵀ(∇²E)v. The full gradient is one pass forward and one
//! backward, whatever d is ([`Stack::gradient`]).

use super::{Build, Forward, NetSettings, Network, Output, Parameter, Parameters, Stack};
use crate::data::EventShape;
use crate::error::Result;
use crate::jet::{Jet, Value};
use crate::key::Key;
use crate::registry::Entry;
use crate::tensor::{Device, Tensor};

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct EnergyMlp(Stack);

impl Forward for EnergyMlp {
    fn forward<V: Value>(&self, x: V, c: &Tensor<1>) -> V {
        self.0.forward(x, c)
    }

    fn value(&self, x: Tensor<2>, c: &Tensor<1>) -> Tensor<2> {
        self.0.value(x, c)
    }

    fn jet(&self, x: Jet, c: &Tensor<1>) -> Jet {
        self.0.jet(x, c)
    }

    fn output(&self) -> Output {
        Output::Energy
    }

    fn gradient(&self, x: Tensor<2>, c: &Tensor<1>) -> Tensor<2> {
        self.0.gradient(x, c)
    }
}

impl Parameters for EnergyMlp {
    fn visit(&self, f: &mut dyn FnMut(&str, &Parameter)) {
        self.0.visit(f);
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, &mut Parameter)) {
        self.0.visit_mut(f);
    }
}

fn build(settings: &NetSettings, event: &EventShape, key: Key, device: &Device) -> Result<Box<dyn Network>> {
    Ok(Box::new(EnergyMlp(Stack::new(event.len(), 1, settings, key, device)?)))
}

/// The registry's row.
pub(super) const ENTRY: Entry<Build> = Entry {
    name: "energy-mlp",
    aliases: &["energy"],
    summary: "plain perceptron with one output, an energy: the score is its gradient, and log p up to a constant comes with it",
    formula: "s = −∇E, E = ½‖z‖²/(σ² + σ_d²) + (σ_d/σ)·G_θ(z/√(σ² + σ_d²), σ)",
    source: "Hyvärinen 2005; Song & Ermon 2019",
    value: build,
};
