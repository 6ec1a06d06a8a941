//! Self-attention among an image's pixels: (x + W_o·attend(W_q n, W_k n, W_v n))/factor with n = norm(x) (Vaswani et al. 2017; Ho et al. 2020).

use super::parts::{Affine, Around, Before, GroupNorm, Maker, named};
use crate::jet::{Image, Value};
use crate::net::Init;

/// The layer.
#[derive(Clone, Debug)]
pub(super) struct Attention {
    norm: Option<GroupNorm>,
    queries: Affine,
    keys: Affine,
    values: Affine,
    output: Affine,
    heads: usize,
    /// What the sum is divided by.
    rescale: f64,
}

named!(Attention { norm: "group_norm", queries: "to_q", keys: "to_k", values: "to_v", output: "to_out.0" });

impl Attention {
    pub(super) fn new(
        make: &mut Maker<'_>,
        channels: usize,
        head: usize,
        groups: Option<usize>,
        eps: f64,
        rescale: f64,
    ) -> Result<Self, String> {
        if head == 0 || !channels.is_multiple_of(head) {
            return Err(format!("{channels} channels in attention heads of {head}"));
        }
        let norm = groups.map(|groups| make.norm(channels, groups, eps)).transpose()?;
        let mut affine = |init| make.affine(channels, channels, init);
        let (queries, keys, values) = (affine(Init::Scaled(1.0)), affine(Init::Scaled(1.0)), affine(Init::Scaled(1.0)));
        Ok(Self { norm, queries, keys, values, output: affine(Init::Zero), heads: channels / head, rescale })
    }

    pub(super) fn apply<V: Value>(&self, x: V, image: Image) -> V {
        let part = |layer: &Affine| {
            let before = self.norm.as_ref().map(|norm| Before { norm, modulation: None, activation: None });
            layer.pixels(x.clone(), image, Around { before, ..Around::default() })
        };
        let (q, k, v) = (part(&self.queries), part(&self.keys), part(&self.values));
        let mixed = q.attend(k, v, image.pixels(), self.heads, image.channels / self.heads);
        let around = Around { residual: Some(x), factor: (1.0 / self.rescale) as f32, ..Around::default() };
        self.output.pixels(mixed, image, around)
    }
}
