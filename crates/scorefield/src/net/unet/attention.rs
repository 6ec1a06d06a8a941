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
    /// Channels of a head.
    head: usize,
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
        if head == 0 || head > channels {
            return Err(format!("attention_head_dim = {head} for {channels} channels"));
        }
        let norm = groups.map(|groups| make.norm(channels, groups, eps)).transpose()?;
        // As many whole heads as there are channels for.
        let heads = channels / head;
        let mut affine = || make.affine(channels, heads * head, Init::Scaled(1.0));
        let (queries, keys, values) = (affine(), affine(), affine());
        let output = make.affine(heads * head, channels, Init::Zero);
        Ok(Self { norm, queries, keys, values, output, heads, head, rescale })
    }

    pub(super) fn apply<V: Value>(&self, x: V, image: Image) -> V {
        let part = |layer: &Affine| {
            let before = self.norm.as_ref().map(|norm| Before { norm, modulation: None, activation: None });
            layer.pixels(x.clone(), image, Around { before, ..Around::default() })
        };
        let (q, k, v) = (part(&self.queries), part(&self.keys), part(&self.values));
        let mixed = q.attend(k, v, image.pixels(), self.heads, self.head);
        let image = image.with_channels(self.heads * self.head);
        let around = Around { residual: Some(x), factor: (1.0 / self.rescale) as f32, ..Around::default() };
        self.output.pixels(mixed, image, around)
    }
}
