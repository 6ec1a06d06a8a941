//! Layers one after the other: h ← SiLU(h W + b), the last without SiLU; the noise level enters the first, where there are many.

use super::{Forward, Init, Least, LevelCount, LevelEmbedding, Linear, NetSettings, Output, Parameter, Parameters};
use crate::data::EventShape;
use crate::error::{Error, Result};
use crate::jet::{Function, Jet, Order, Value};
use crate::key::Key;
use crate::tensor::{Device, Layers, Rows, Tensor, perceptron, perceptron_diagonal, times_rows};

/// Coordinates whose derivatives [`Forward::diagonal`] computes at once: with all of them a point's rows stay in a core's own cache.
const AXES: usize = 128;

/// The layers, and the noise level's path into the first.
#[derive(Clone, Debug)]
pub struct Stack {
    level: Option<(LevelEmbedding, Linear)>,
    layers: Vec<Linear>,
    output: Output,
}

impl Stack {
    /// `depth` hidden layers of `width`, from `inputs` to as many outputs, or to one of an energy; the last layer begins at 0.
    ///
    /// # Errors
    /// An odd number of embedding features.
    pub fn new(inputs: usize, output: Output, settings: &NetSettings, key: Key, device: &Device) -> Result<Self> {
        let NetSettings { width, depth, embedding, levels, .. } = *settings;
        if embedding % 2 == 1 {
            return Err(Error::setting("net.embedding", "an even number", embedding));
        }
        let mut made = 0;
        let mut linear = |inputs, outputs, bias, init| {
            made += 1;
            Linear::new(inputs, outputs, bias, init, key.at(made), device)
        };
        let mut layers = vec![linear(inputs, width, true, Init::Scaled(1.0))];
        layers.extend((1..depth).map(|_| linear(width, width, true, Init::Scaled(1.0))));
        let outputs = if output == Output::Energy { 1 } else { inputs };
        layers.push(linear(width, outputs, true, Init::Zero));
        let level = (levels == LevelCount::Many)
            .then(|| (LevelEmbedding::new(embedding, device), linear(embedding, width, false, Init::Scaled(1.0))));
        Ok(Self { level, layers, output })
    }

    /// The first matrix and those between hidden layers; their outputs.
    pub fn least(settings: &NetSettings, event: &EventShape) -> Least {
        let (d, width, depth) = (event.len() as u64, settings.width as u64, settings.depth as u64);
        Least { parameters: d * width + depth.saturating_sub(1) * width * width, row: d + depth * width }
    }

    /// The layers in one fused pass, where there is one for these tensors: as [`Stack::forward`], to rounding.
    fn fused(&self, x: Tensor<2>, c: &Tensor<1>, directions: Option<(Tensor<2>, usize)>) -> Option<Rows> {
        perceptron(&self.widths(), self.flat(), x, self.level(c), directions)
    }

    fn widths(&self) -> Vec<usize> {
        self.layers.iter().map(|layer| layer.weight_shape()[0]).chain([self.outputs()]).collect()
    }

    fn flat(&self) -> Vec<Tensor<1>> {
        self.layers.iter().flat_map(Linear::flat).collect()
    }

    fn outputs(&self) -> usize {
        self.layers.last().expect("at least an output layer").weight_shape()[1]
    }
}

impl Forward for Stack {
    fn output(&self) -> Output {
        self.output
    }

    fn forward<V: Value>(&self, x: V, c: &Tensor<1>) -> V {
        let (last, hidden) = self.layers.split_last().expect("at least an output layer");
        let mut level = self.level(c);
        let mut h = x;
        for layer in hidden {
            h = h.linear(layer);
            if let Some(level) = level.take() {
                h = h.shift(level);
            }
            h = h.apply(Function::Silu);
        }
        h.linear(last)
    }

    fn value(&self, x: Tensor<2>, c: &Tensor<1>) -> Tensor<2> {
        match self.fused(x.clone(), c, None) {
            Some(rows) => rows.value,
            None => self.forward(x, c),
        }
    }

    fn jet(&self, x: Jet, c: &Tensor<1>) -> Jet {
        if !x.is_straight() {
            return self.forward(x, c);
        }
        let order = match x.order() {
            Order::First => 1,
            Order::Second => 2,
        };
        let (point, directions, _) = x.clone().into_parts();
        match self.fused(point, c, Some((directions.detach(), order))) {
            Some(Rows { value, first: Some(first), second }) => Jet::new(value, first, second),
            _ => self.forward(x, c),
        }
    }

    /// By a fused pass along unit directions, where there is one for these tensors.
    fn diagonal(&self, x: Tensor<2>, c: &Tensor<1>) -> Option<(Tensor<2>, Tensor<2>)> {
        let (widths, params, level) = (self.widths(), self.flat(), self.level(c));
        let d = widths[0];
        let at_once = d.div_ceil(d.div_ceil(AXES).max(1)).max(1);
        let parts = (0..d)
            .step_by(at_once)
            .map(|first| perceptron_diagonal(&widths, params.clone(), x.clone(), level.clone(), first, at_once.min(d - first)));
        let (mut values, diagonal): (Vec<_>, Vec<_>) = parts.collect::<Option<Vec<_>>>()?.into_iter().unzip();
        Some((values.swap_remove(0), Tensor::cat(diagonal, 1)))
    }

    fn layers(&self) -> Option<Layers> {
        Layers::new(self.widths(), self.flat())
    }

    fn level(&self, c: &Tensor<1>) -> Option<Tensor<2>> {
        self.level.as_ref().map(|(embedding, layer)| layer.apply(embedding.apply(c)))
    }

    /// The layers once forward and once backward, written out so that the result can be differentiated by the parameters.
    fn gradient(&self, x: Tensor<2>, c: &Tensor<1>) -> Tensor<2> {
        let (last, hidden) = self.layers.split_last().expect("at least an output layer");
        let mut level = self.level(c);
        let mut h = x;
        let mut slopes = Vec::with_capacity(hidden.len());
        for layer in hidden {
            let mut u = layer.apply(h);
            if let Some(level) = level.take() {
                u = u + level;
            }
            slopes.push(Function::Silu.slope(u.clone()));
            h = Function::Silu.value(u);
        }
        let mut g = last.weight().narrow(1, 0, 1).transpose();
        for (layer, slope) in hidden.iter().zip(slopes).rev() {
            g = times_rows(slope, g).matmul(layer.weight().transpose());
        }
        g
    }
}

impl Parameters for Stack {
    fn visit(&self, f: &mut dyn FnMut(&str, &Parameter)) {
        for (i, layer) in self.layers.iter().enumerate() {
            layer.visit(&format!("layers.{i}"), f);
        }
        if let Some((_, layer)) = &self.level {
            layer.visit("level", f);
        }
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, &mut Parameter)) {
        for (i, layer) in self.layers.iter_mut().enumerate() {
            layer.visit_mut(&format!("layers.{i}"), f);
        }
        if let Some((_, layer)) = &mut self.level {
            layer.visit_mut("level", f);
        }
    }
}
