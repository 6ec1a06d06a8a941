//! A scalar network G_θ(x, c), from which a model makes an energy E = −log p + constant with score s = −∇E.
//!
//! The score is a gradient by construction, and the unnormalised log-density comes with it (Hyvärinen 2005; Song & Ermon 2019; Salimans &
//! Ho 2021). Its derivatives in training are jets of second order: vᵀ(∇ₓs)v = −vᵀ(∇²E)v. The full gradient is one pass forward and one
//! backward, whatever d is ([`Forward::gradient`](super::Forward::gradient)).

use super::{Family, NetSettings, Network, Output, Stack, Takes};
use crate::data::EventShape;
use crate::error::Result;
use crate::key::Key;
use crate::registry::Entry;
use crate::tensor::Device;

fn build(settings: &NetSettings, event: &EventShape, key: Key, device: &Device) -> Result<Box<dyn Network>> {
    Ok(Box::new(Stack::new(event.len(), Output::Energy, settings, key, device)?))
}

/// The registry's row.
pub(super) const ENTRY: Entry<Family> = Entry {
    name: "energy-mlp",
    aliases: &["energy"],
    summary: "plain perceptron with one output, an energy: the score is its gradient, and log p up to a constant comes with it",
    formula: "s = −∇E, E = ½‖z‖²/(σ² + σ_d²) + (σ_d/σ)·G_θ(z/√(σ² + σ_d²), σ)",
    source: "Hyvärinen 2005; Song & Ermon 2019",
    value: Family { build, takes: Takes::Rows, least: Stack::least },
};
