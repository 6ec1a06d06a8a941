//! A plain multilayer perceptron: F = W_L SiLU(… SiLU(W₁ x + b₁ + W_e e(σ)) …) + b_L.
//!
//! Without norms and residual paths it is the network that trains fastest here, and what smooth scores in few dimensions need. The last
//! layer begins at 0, so the preconditioned score begins as that of a Gaussian.

use super::{Family, NetSettings, Network, Output, Stack, Takes};
use crate::data::EventShape;
use crate::error::Result;
use crate::key::Key;
use crate::registry::Entry;
use crate::tensor::Device;

fn build(settings: &NetSettings, event: &EventShape, key: Key, device: &Device) -> Result<Box<dyn Network>> {
    Ok(Box::new(Stack::new(event.len(), Output::Score, settings, key, device)?))
}

/// The registry's row.
pub(super) const ENTRY: Entry<Family> = Entry {
    name: "plain-mlp",
    aliases: &["perceptron"],
    summary: "plain multilayer perceptron, depth hidden layers of one width: fast, for smooth scores in few dimensions",
    formula: "h ← SiLU(W h + b), F = W_L h + b_L",
    source: "Rumelhart, Hinton & Williams 1986; SiLU: Elfwing, Uchibe & Doya 2018",
    value: Family { build, takes: Takes::Rows, least: Stack::least },
};
