//! A whole multilayer perceptron on jets as one differentiable operation: the kernel of `scorefield-kernels::mlp`.
//!
//! Between its layers nothing is stored but what the backward pass needs, and a step of training is two calls. It is there for f32 in
//! main memory; [`perceptron`] answers `None` elsewhere, and the network is composed of single operations.

use super::fused::{has_kernels, like, view};
use super::{Device, Tensor, by_point};
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, backend_extension, tensor::FloatTensor};
use burn::tensor::TensorData;
use burn_flex::FlexTensor;
use scorefield_kernels::mlp::{self, Activation, Lines, Order};
use std::fmt;
use std::sync::{Arc, Mutex};

/// A point's values and derivatives along M directions, as rows: `[n, d]`, `[M·n, d]`, and at second order `[M·n, d]`.
pub struct Rows {
    /// The values.
    pub value: Tensor<2>,
    /// First derivatives, if asked for.
    pub first: Option<Tensor<2>>,
    /// Second derivatives, if asked for.
    pub second: Option<Tensor<2>>,
}

/// SiLU layers of `widths` d₀, …, d_L at `x` `[n, d₀]` with weights `params` (W₁ `[d₀, d₁]`, b₁, W₂, … flat) and `level` `[n, d₁]` added before
/// the first activation; with derivatives along the constant directions `v` `[M·n, d₀]` up to `order` (1 or 2) if there are any.
///
/// `None` where there is no kernel for these tensors.
pub fn perceptron(
    widths: &[usize],
    params: Vec<Tensor<1>>,
    x: Tensor<2>,
    level: Option<Tensor<2>>,
    directions: Option<(Tensor<2>, usize)>,
) -> Option<Rows> {
    let n = x.dims()[0];
    let (v, order) = match directions {
        None => (empty(&x.device()), Order::Value),
        Some((v, 1)) => (v, Order::First),
        Some((v, _)) => (v, Order::Second),
    };
    let m = if order == Order::Value { 0 } else { v.dims()[0] / n.max(1) };
    let plan = Plan { widths: widths.into(), order, directions: m, lines: Lines::Given, rows: n };
    let y = evaluate(plan, params, x, v, level)?;
    let part = |first: usize| y.clone().narrow(0, first, n * m);
    Some(match order {
        Order::Value => Rows { value: y, first: None, second: None },
        Order::First => Rows { value: y.clone().narrow(0, 0, n), first: Some(part(n)), second: None },
        Order::Second => Rows { value: y.clone().narrow(0, 0, n), first: Some(part(n)), second: Some(part(n + n * m)) },
    })
}

/// The layers of [`perceptron`] at `x`, `[n, d]`, and the derivatives ∂y_j/∂x_j of the `m` coordinates j from `first` on, `[n, m]`; as
/// many outputs as inputs.
///
/// `None` where there is no kernel for these tensors.
pub fn perceptron_diagonal(
    widths: &[usize],
    params: Vec<Tensor<1>>,
    x: Tensor<2>,
    level: Option<Tensor<2>>,
    first: usize,
    m: usize,
) -> Option<(Tensor<2>, Tensor<2>)> {
    let ([n, d], none) = (x.dims(), empty(&x.device()));
    let plan = Plan { widths: widths.into(), order: Order::First, directions: m, lines: Lines::Axes { first }, rows: n };
    let y = evaluate(plan, params, x, none, level)?;
    let diagonal = y.clone().narrow(0, n * d, m * n);
    Some((y.narrow(0, 0, n * d).reshape([n, d]), by_point(diagonal, n)))
}

/// The rows of the output, along axes of one number each; `None` where there is no kernel for these tensors.
fn evaluate(plan: Plan, params: Vec<Tensor<1>>, x: Tensor<2>, v: Tensor<2>, level: Option<Tensor<2>>) -> Option<Tensor<2>> {
    if !has_kernels(&x) || params.iter().any(|p| p.dtype() != x.dtype()) {
        return None;
    }
    let level = level.unwrap_or_else(|| empty(&x.device()));
    Some(Tensor::from_dispatch(<Dispatch as Perceptron>::perceptron(
        Tensor::cat(params, 0).into_dispatch(),
        x.into_dispatch(),
        v.into_dispatch(),
        level.into_dispatch(),
        plan,
        Tape::default(),
    )))
}

fn empty(device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(Vec::<f32>::new(), [0, 0]), device)
}

/// The shape of an evaluation.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    widths: Arc<[usize]>,
    order: Order,
    directions: usize,
    lines: Lines,
    rows: usize,
}

impl Plan {
    fn kernel(&self) -> mlp::Plan<'_> {
        let Self { ref widths, order, directions, lines, rows } = *self;
        mlp::Plan { widths, activation: Activation::Silu, order, directions, lines, rows }
    }
}

/// What a forward pass leaves for the backward pass, if one is to come. Its memory is used again by the next step.
#[derive(Clone, Default)]
pub(crate) struct Tape(Option<Arc<Mutex<Spool>>>);

#[derive(Default)]
struct Spool(Vec<f32>);

/// Memory of tapes that are done with; a step of training has one or two.
static SPARE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());
const SPARES: usize = 4;

impl Tape {
    fn new() -> Self {
        let memory = SPARE.lock().ok().and_then(|mut spare| spare.pop()).unwrap_or_default();
        Self(Some(Arc::new(Mutex::new(Spool(memory)))))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Ok(mut spare) = SPARE.lock()
            && spare.len() < SPARES
        {
            spare.push(std::mem::take(&mut self.0));
        }
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Tape(kept)" } else { "Tape(none)" })
    }
}

/// What a backward pass is told: the plan and the tape of its forward pass, and whether the gradients by the points and by the level's part
/// are wanted; where they are not, they come back empty.
#[derive(Clone, Debug)]
pub(crate) struct Back {
    plan: Plan,
    tape: Tape,
    x: bool,
    level: bool,
}

#[backend_extension(Flex, Autodiff)]
pub(crate) trait Perceptron: Backend {
    fn perceptron(
        params: FloatTensor<Self>,
        x: FloatTensor<Self>,
        v: FloatTensor<Self>,
        level: FloatTensor<Self>,
        plan: Plan,
        tape: Tape,
    ) -> FloatTensor<Self>;

    fn perceptron_backward(
        params: FloatTensor<Self>,
        x: FloatTensor<Self>,
        v: FloatTensor<Self>,
        level: FloatTensor<Self>,
        g: FloatTensor<Self>,
        back: Back,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

fn inputs<'a>(params: &'a FlexTensor, x: &'a FlexTensor, v: &'a FlexTensor, level: &'a FlexTensor) -> mlp::Inputs<'a> {
    mlp::Inputs { params: view(params), x: view(x), v: view(v), level: view(level) }
}

impl Perceptron for Flex {
    fn perceptron(params: FlexTensor, x: FlexTensor, v: FlexTensor, level: FlexTensor, plan: Plan, tape: Tape) -> FlexTensor {
        let [params, x, v, level] = [params, x, v, level].map(|t| t.to_contiguous());
        let kernel = plan.kernel();
        let width = if plan.lines == Lines::Given { plan.widths[plan.widths.len() - 1] } else { 1 };
        let mut out = vec![0.0; kernel.output_len()];
        let rows = out.len() / width;
        let mut spool = tape.0.as_ref().map(|tape| tape.lock().expect("no pass panicked with the tape in hand"));
        mlp::forward(&kernel, &inputs(&params, &x, &v, &level), &mut out, spool.as_mut().map(|spool| &mut spool.0));
        FlexTensor::from_data(TensorData::new(out, [rows, width]))
    }

    fn perceptron_backward(
        params: FlexTensor,
        x: FlexTensor,
        v: FlexTensor,
        level: FlexTensor,
        g: FlexTensor,
        back: Back,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [params, x, v, level, g] = [params, x, v, level, g].map(|t| t.to_contiguous());
        let room = |t: &FlexTensor, wanted: bool| vec![0.0; if wanted { view(t).len() } else { 0 }];
        let (mut by_params, mut by_x, mut by_level) = (room(&params, true), room(&x, back.x), room(&level, back.level));
        let spool =
            back.tape.0.as_ref().expect("a tracked pass keeps its tape").lock().expect("no pass panicked with the tape in hand");
        let gradients = mlp::Gradients { params: &mut by_params, level: &mut by_level, x: &mut by_x };
        mlp::backward(&back.plan.kernel(), &inputs(&params, &x, &v, &level), &spool.0, view(&g), gradients);
        let shaped = |t: &FlexTensor, values: Vec<f32>, wanted: bool| match wanted {
            true => like(t, values),
            false => FlexTensor::from_data(TensorData::new(values, [0, 0])),
        };
        (like(&params, by_params), shaped(&x, by_x, back.x), shaped(&level, by_level, back.level))
    }
}

impl<B: Backend + Perceptron, C: CheckpointStrategy> Perceptron for Autodiff<B, C> {
    fn perceptron(
        params: FloatTensor<Self>,
        x: FloatTensor<Self>,
        v: FloatTensor<Self>,
        level: FloatTensor<Self>,
        plan: Plan,
        _: Tape,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Layers;
        impl<B: Backend + Perceptron> Backward<B, 3> for Layers {
            type State = ([FloatTensor<B>; 4], Plan, Tape);
            fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
                let ([params, x, v, level], plan, tape) = ops.state;
                let [of_params, of_x, of_level] = ops.parents;
                let back = Back { plan, tape, x: of_x.is_some(), level: of_level.is_some() };
                let g = grads.consume::<B>(&ops.node);
                let (by_params, by_x, by_level) = B::perceptron_backward(params, x, v, level, g, back);
                for (parent, gradient) in [(of_params, by_params), (of_x, by_x), (of_level, by_level)] {
                    if let Some(parent) = parent {
                        grads.register::<B>(parent.id, gradient);
                    }
                }
            }
        }
        let nodes = [params.node(), x.node(), level.node()];
        let all = [params, x, v, level].map(|t| t.into_primitive());
        let run = |[params, x, v, level]: [FloatTensor<B>; 4], tape: Tape| B::perceptron(params, x, v, level, plan.clone(), tape);
        match Layers.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let tape = Tape::new();
                let y = run(all.clone(), tape.clone());
                prepared.finish((all, plan, tape), y)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(run(all, Tape::default())),
        }
    }

    // Burn differentiates once: a backward pass is never itself differentiated.
    fn perceptron_backward(
        params: FloatTensor<Self>,
        x: FloatTensor<Self>,
        v: FloatTensor<Self>,
        level: FloatTensor<Self>,
        g: FloatTensor<Self>,
        back: Back,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [params, x, v, level, g] = [params, x, v, level, g].map(|t| t.into_primitive());
        let (by_params, by_x, by_level) = B::perceptron_backward(params, x, v, level, g, back);
        let back = <Self as AutodiffBackend>::from_inner;
        (back(by_params), back(by_x), back(by_level))
    }
}
