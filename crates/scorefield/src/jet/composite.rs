//! Layers composed of the four things a value can do, so that each is right for plain tensors and for jets of any order.

use super::{Function, Value, swapped};
use crate::tensor::Tensor;

/// How the features of a row fall into equal groups of neighbours: `groups` of `size` numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// How many.
    pub groups: usize,
    /// Numbers in each.
    pub size: usize,
}

impl Groups {
    fn of(self, t: Tensor<2>) -> Tensor<3> {
        let [rows, _] = t.dims();
        t.reshape([rows, self.groups, self.size])
    }

    fn flat(self, t: Tensor<3>) -> Tensor<2> {
        let [rows, ..] = t.dims();
        t.reshape([rows, self.groups * self.size])
    }

    /// The group's sum at each of its places.
    fn sum<V: Value>(self, x: V) -> V {
        x.linear_map(|t| {
            let [rows, _] = t.dims();
            self.flat(self.of(t).sum_dim(2).expand([rows, self.groups, self.size]))
        })
    }
}

/// eˣ/Σeˣ within each group (attention's rows).
pub fn softmax<V: Value>(x: V, groups: Groups) -> V {
    // Shifting a group by a constant changes nothing; by its largest number, nothing overflows.
    let top = groups.of(x.primal().clone()).max_dim(2).expand([x.primal().dims()[0], groups.groups, groups.size]);
    let e = x.shift(groups.flat(top).detach().neg()).apply(Function::Exp);
    let total = groups.sum(e.clone()).apply(Function::Reciprocal);
    e.times(total)
}

/// Each group to mean 0 and variance 1 (Wu & He 2018, without learned parameters): for an image stored channel by channel, a group is
/// some neighbouring channels with all their pixels.
pub fn group_norm<V: Value>(x: V, groups: Groups, eps: f32) -> V {
    let size = groups.size as f64;
    let mean = groups.sum(x.clone()).linear_map(|t| t * (-1.0 / size));
    let centred = x.plus(mean);
    let squares = centred.clone().times(centred.clone());
    let variance = groups.sum(squares).linear_map(|t| t * (1.0 / size));
    let floor = Tensor::full([1, 1], eps, (&variance.primal().device(), variance.primal().dtype()));
    let inverse = variance.shift(floor).apply(Function::Sqrt).apply(Function::Reciprocal);
    centred.times(inverse)
}

/// softmax(Q Kᵀ/√c)·V over `tokens` tokens of `channels` features (Vaswani et al. 2017, eq. 1); `q`, `k` and `v` are
/// `[n, tokens·channels]`, token by token.
pub fn attention<V: Value>(q: V, k: V, v: V, tokens: usize, channels: usize) -> V {
    let split = move |t: Tensor<2>, width: usize| {
        let [rows, _] = t.dims();
        t.reshape([rows, tokens, width])
    };
    let flat = |t: Tensor<3>| {
        let [rows, a, b] = t.dims();
        t.reshape([rows, a * b])
    };
    let scale = 1.0 / (channels as f64).sqrt();
    let scores = q.bilinear(k, |q, k| flat(split(q, channels).matmul(split(k, channels).transpose())) * scale);
    let shares = softmax(scores, Groups { groups: tokens, size: tokens });
    shares.bilinear(v, |p, v| flat(split(p, tokens).matmul(split(v, channels))))
}

/// [`attention`] of each of `heads` heads alone; all `[n, tokens·heads·channels]`, token by token.
pub(super) fn heads<V: Value>(q: V, k: V, v: V, tokens: usize, heads: usize, channels: usize) -> V {
    // Each head becomes a row of its own, and goes back.
    let split = |x: V| {
        x.linear_map(|t| {
            let [rows, width] = t.dims();
            swapped(t, tokens, heads, channels).reshape([rows * heads, width / heads])
        })
    };
    attention(split(q), split(k), split(v), tokens, channels).linear_map(|t| {
        let [rows, width] = t.dims();
        swapped(t.reshape([rows / heads, width * heads]), heads, tokens, channels)
    })
}
