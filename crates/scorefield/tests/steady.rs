//! A steady training step of a U-Net makes no large block of memory: all that it needs, the step before has left.

use scorefield::observe::{Flow, Observer, TrainStep};
use scorefield::recipe::{Layers, Origin, train_new};
use scorefield::tensor::Device;
use scorefield_kernels::memory::{Reuse, Stats, stats};
use std::alloc::System;

/// As the command has it.
#[global_allocator]
static ALLOCATOR: Reuse<System> = Reuse::new(System);

/// What the allocator had done by the end of each step.
struct Counts(Vec<Stats>);

impl Observer for Counts {
    fn trained(&mut self, _: &TrainStep) -> Flow {
        self.0.push(stats());
        Flow::Continue
    }
}

#[test]
fn after_a_few_steps_every_large_block_is_one_used_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut layers = Layers::new();
    for (key, value) in [
        ("data.source", "digits"),
        ("net.name", "unet"),
        ("net.width", "32"),
        ("net.depth", "1"),
        ("train.steps", "16"),
        ("train.batch", "64"),
        ("train.warmup", "2"),
        ("train.ema", "5"),
    ] {
        layers = layers.set(key, value, Origin::Flag("test".to_owned())).expect("a setting");
    }
    let mut counts = Counts(Vec::new());
    let run = folder.path().join("run");
    train_new(layers.build().expect("a recipe"), &run, &Device::flex(), &mut counts).expect("a trained run");
    let (steady, last) = (counts.0[7], counts.0[15]);
    // [64, 8, 8, 32] numbers are 512 KiB: a step has dozens of such blocks.
    assert!(last.reused_blocks - steady.reused_blocks > 8 * 20, "{counts:?}", counts = counts.0);
    assert_eq!(last.fresh_blocks, steady.fresh_blocks, "{counts:?}", counts = counts.0);
}
