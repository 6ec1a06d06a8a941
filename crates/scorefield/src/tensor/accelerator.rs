//! The devices that a feature of the build brings, in the order in which `vulkan:N` and `cuda:N` number them.
//!
//! A Vulkan device gets its shaders as WGSL, by naga: the SPIR-V that Burn's own `vulkan` feature writes kills Mesa's lavapipe
//! (docs/decisions/vulkan-by-wgsl.md).

use super::Device;
use crate::error::{Error, Result};

/// Device `index` (0 if not given) of a kind; `name` is what the user wrote.
///
/// # Errors
/// No such device on this machine.
pub(super) fn open(kind: &str, index: Option<usize>, name: &str) -> Result<Device> {
    let found = all(kind);
    found.get(index.unwrap_or(0)).cloned().ok_or_else(|| match found.len() {
        0 => Error::setting("--device", "a device that this machine has", name)
            .with_hint(format!("no driver offers a {kind} device")),
        1 => Error::setting("--device", format!("{kind}, the only one there is"), name),
        n => Error::setting("--device", format!("{kind}:0 to {kind}:{}", n - 1), name),
    })
}

/// The name by which [`open`] finds a device.
pub(super) fn name(device: &Device) -> Option<String> {
    let plain = device.clone().without_autodiff();
    ["vulkan", "cuda"].iter().find_map(|kind| {
        let index = all(kind).iter().position(|d| *d == plain)?;
        Some(format!("{kind}:{index}"))
    })
}

fn all(kind: &str) -> Vec<Device> {
    match kind {
        #[cfg(feature = "vulkan")]
        "vulkan" => vulkan(),
        #[cfg(feature = "cuda")]
        "cuda" => Device::enumerate(burn::tensor::DeviceType::Cuda).iter().cloned().collect(),
        _ => Vec::new(),
    }
}

/// The adapters of the Vulkan drivers: cards first, renderers in software last.
#[cfg(feature = "vulkan")]
fn vulkan() -> Vec<Device> {
    use burn::backend::{CubeDevice, WgpuBackend, WgpuDevice, WgpuDeviceKind as Kind};
    let kinds = [Kind::DiscreteGpu(0), Kind::IntegratedGpu(0), Kind::VirtualGpu(0), Kind::Other(0), Kind::Cpu];
    let ids = kinds.into_iter().flat_map(|kind| {
        let like = CubeDevice::Wgpu(WgpuDevice::new(kind).on(WgpuBackend::Vulkan));
        CubeDevice::enumerate(like.to_id())
    });
    ids.map(|id| Device::new(CubeDevice::from_id(id))).collect()
}
