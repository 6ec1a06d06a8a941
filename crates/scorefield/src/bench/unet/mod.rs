//! The U-Net at two sizes: seconds of a forward pass and of a training step, against the multiply-adds that they need, and their memory.
//!
//! The networks are those of `train`, with the batch that PyTorch's twin has: standard normal images, the `edm` schedule's levels and weight at
//! σ_data = ½, fresh noise in each step, one Adam update. The forward pass comes first, so that each peak of memory is its own.

mod work;

use self::work::Work;
use super::memory::peak_bytes;
use super::subject::{push, steady};
use super::timing::{Timed, timed};
use crate::data::EventShape;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::levels::Regime;
use crate::model::{Conditioning, Model, Precondition};
use crate::net::unet::UNetConfig;
use crate::net::{LevelCount, NetSettings, Network, Parameter, Precision, parameter_count};
use crate::noise::{Gaussian, SCHEDULES, Schedule, ScheduleSettings};
use crate::objective::{Batch, Law, OBJECTIVES, ObjectiveSettings, Projection, Variate};
use crate::registry::{lookup, unknown};
use crate::tensor::{Device, Tensor, device_name, is_cpu, matrix, numbers, repeated, vector};
use crate::train::TrainState;
use scorefield_kernels::memory;
use std::sync::Arc;

/// A network and its batch.
#[derive(Clone, Copy, Debug)]
pub struct UNetCase {
    /// As it is typed.
    pub name: &'static str,
    rows: usize,
    channels: usize,
    width: usize,
    side: usize,
}

/// The cases, by what they cost.
pub static UNETS: &[UNetCase] = &[
    UNetCase { name: "small", rows: 64, channels: 1, width: 32, side: 32 },
    UNetCase { name: "large", rows: 32, channels: 3, width: 64, side: 32 },
];

const SIGMA_DATA: f64 = 0.5;

/// The case of a name.
///
/// # Errors
/// No such case.
pub fn unet_case(name: &str) -> Result<&'static UNetCase> {
    let names: Vec<&str> = UNETS.iter().map(|c| c.name).collect();
    UNETS.iter().find(|c| c.name == name).ok_or_else(|| unknown("--case", name, &names))
}

/// What a case costs.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct UNetPace {
    /// Images of a batch.
    pub rows: usize,
    /// Numbers that are trained.
    pub parameters: usize,
    /// Median seconds of a forward pass that keeps nothing.
    pub forward_seconds: f64,
    /// Passes that were timed.
    pub forward_repeats: usize,
    /// 10⁹ operations a second of it, a multiply-add counted as two.
    pub forward_gflops: f64,
    /// The most memory that the process held up to its last forward pass.
    pub forward_peak_rss_bytes: Option<u64>,
    /// Median seconds of a training step.
    pub train_seconds: f64,
    /// Steps that were timed.
    pub train_repeats: usize,
    /// 10⁹ operations a second of it.
    pub train_gflops: f64,
    /// Images trained on a second.
    pub train_images_per_second: f64,
    /// The most memory that the process held.
    pub train_peak_rss_bytes: Option<u64>,
    /// Large blocks of memory that a timed step had to take anew.
    pub fresh_blocks_per_step: f64,
}

/// Measures a case with convolutions of `precision`, its forward pass and its training step for about `seconds` each.
///
/// # Errors
/// A loss that is not finite: then the time would be that of nothing. bf16 on another device than the CPU.
pub fn unet(case: &UNetCase, seconds: f64, precision: Precision, seed: u64, device: &Device) -> Result<UNetPace> {
    let UNetCase { rows, channels, width, side, .. } = *case;
    if precision == Precision::Bf16 && !is_cpu(device) {
        return Err(Error::setting(
            "--precision bf16",
            "--device cpu: it is its kernels that multiply in bf16",
            device_name(device),
        ));
    }
    let event = EventShape::Image { channels, height: side, width: side };
    let d = event.len();
    let data = device.clone().autodiff();
    let settings = NetSettings { width, depth: 1, embedding: 0, precision, levels: LevelCount::Many };
    let key = Key::new(seed, Purpose::Init);
    let mut net = UNetConfig::of(&settings, channels, side, side).init(side, side, key, &data)?;
    let work = Work::of(&net, side, side);
    push(&mut net, width, key, &data);
    let points = Key::new(seed, Purpose::Data).normal(0, rows, d);

    let plain = device.clone().without_autodiff();
    let (x, c) = (matrix(points.clone(), rows, d, &plain), repeated(0.0, rows, &plain));
    let still = still(&net, &plain);
    let Timed { median: forward_seconds, repeats: forward_repeats, .. } = timed(seconds, || {
        // A device that works ahead has to be waited for.
        numbers(still.value(x.clone(), &c).sum());
        Ok::<(), Error>(())
    })?;
    drop((still, x));
    let forward_peak_rss_bytes = peak_bytes();

    let precondition = Precondition {
        mean: vec![0.0; d],
        sigma_data: SIGMA_DATA as f32,
        regime: Regime::Noisy,
        conditioning: Conditioning::Relative,
    };
    let mut state = TrainState::new(Model::new(Box::new(net), precondition, event, &data), &[]);
    let parameters = parameter_count(state.model.net());
    let projection = Projection { law: Law::Rademacher, count: 1 };
    let settings = ObjectiveSettings { projection, step: 1.0, variate: Variate::Off, exact: None };
    let objective = (lookup(OBJECTIVES, "objective", "denoising")?.value.build)(&settings)?;
    let schedule = (lookup(SCHEDULES, "schedule", "edm")?.value)(&mut ScheduleSettings::default(), SIGMA_DATA)?;
    let clean = matrix(points, rows, d, &data);
    // Adam as peers have it by default.
    let config = steady(1e-4, 0.0, &[]);
    let mut before = None;
    let Timed { median: train_seconds, repeats: train_repeats, .. } = timed(seconds, || {
        let key = Key::new(seed, Purpose::Noise).at(state.step as u32);
        let batch = batch(&clean, &*schedule, rows, key, &data);
        let step = state.step(&*objective, &batch, key, &config);
        if !step.grad_norm.is_finite() {
            return Err(Error::failed(format!("step {} of {}", state.step, case.name), "the loss is no longer finite"));
        }
        // After the first, which is not timed.
        before.get_or_insert_with(memory::stats);
        Ok(())
    })?;
    let fresh = memory::stats().fresh_blocks - before.unwrap_or_default().fresh_blocks;
    let gflops = |multiply_adds: f64, seconds: f64| 2.0 * rows as f64 * multiply_adds / seconds / 1e9;
    Ok(UNetPace {
        rows,
        parameters,
        forward_seconds,
        forward_repeats,
        forward_gflops: gflops(work.forward, forward_seconds),
        forward_peak_rss_bytes,
        train_seconds,
        train_repeats,
        train_gflops: gflops(work.step(), train_seconds),
        train_images_per_second: rows as f64 / train_seconds,
        train_peak_rss_bytes: peak_bytes(),
        fresh_blocks_per_step: fresh as f64 / train_repeats as f64,
    })
}

/// The same network without gradients, as samplers run it.
fn still(net: &dyn Network, device: &Device) -> Box<dyn Network> {
    let mut still = net.boxed_clone();
    still.visit_mut(&mut |_, p| *p = Parameter::new(numbers(p.flat().inner()), p.shape(), device));
    still
}

/// The images at levels of their own.
fn batch(clean: &Tensor<2>, schedule: &dyn Schedule, rows: usize, key: Key, device: &Device) -> Batch {
    let levels = key.for_purpose(Purpose::Level).uniform(0, rows, 1);
    let sigmas: Vec<f64> = levels.into_iter().map(|u| schedule.quantile(f64::from(u).clamp(1e-6, 1.0 - 1e-6))).collect();
    Batch {
        clean: clean.clone(),
        sigma: vector(sigmas.iter().map(|s| *s as f32).collect(), device),
        weight: vector(sigmas.iter().map(|s| schedule.weight(*s) as f32).collect(), device),
        regime: Regime::Noisy,
        noise: Arc::new(Gaussian),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_multiply_adds_are_those_that_pytorch_counts() {
        // diffusers 0.36 and torch.utils.flop_counter of PyTorch 2.15, operations an image: forward, and forward with backward. There the
        // attention's backward pass computes its scores again, and the first layer of the noise level's embedding has no gradient by its input.
        let counted =
            [("small", 1_062_497, 487_915_520.0, 1_463_672_832.0), ("large", 4_238_787, 1_951_924_224.0, 5_853_249_536.0)];
        for (name, parameters, forward, step) in counted {
            let UNetCase { channels, width, side, .. } = *unet_case(name).unwrap();
            let settings = NetSettings { width, depth: 1, embedding: 0, precision: Precision::F32, levels: LevelCount::Many };
            let config = UNetConfig::of(&settings, channels, side, side);
            let net = config.init(side, side, Key::new(0, Purpose::Init), &Device::flex()).unwrap();
            let work = Work::of(&net, side, side);
            assert_eq!((parameter_count(&net), 2.0 * work.forward), (parameters, forward), "{name}");
            assert!((2.0 * work.step() / step - 1.0).abs() < 5e-4, "{name}: {}", 2.0 * work.step());
        }
    }

    #[test]
    fn a_case_takes_passes_and_steps() {
        let case = UNetCase { name: "tiny", rows: 2, channels: 1, width: 8, side: 8 };
        let pace = unet(&case, 0.0, Precision::F32, 0, &Device::flex()).unwrap();
        assert!(pace.forward_repeats >= 5 && pace.train_repeats >= 5 && pace.train_gflops > 0.0);
        assert!(pace.forward_peak_rss_bytes <= pace.train_peak_rss_bytes);
    }

    #[test]
    fn a_case_that_is_not_there_is_refused_with_the_nearest() {
        assert_eq!(unet_case("smal").unwrap_err().hint(), Some("did you mean small?"));
    }
}
