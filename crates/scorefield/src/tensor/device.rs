//! Devices by the names a user types: `cpu`, `vulkan[:N]`, `cuda[:N]`.

use super::Device;
use crate::error::{Error, Result};
use burn::backend::DispatchDevice;

/// The device of a `--device` argument.
///
/// # Errors
/// An unknown name, an index that is not a number, or a device this build has no backend for.
pub fn device(name: &str) -> Result<Device> {
    let (kind, index) = match name.split_once(':') {
        None => (name, None),
        Some((kind, index)) => {
            let parsed = index.parse::<usize>();
            (kind, Some(parsed.map_err(|_| Error::setting("--device", "a number after the colon, as in cuda:0", name))?))
        }
    };
    match kind {
        "cpu" | "flex" if index.is_none() => Ok(Device::flex()),
        "cpu" | "flex" => Err(Error::setting("--device", "cpu without a number: all cores are one device", name)),
        #[cfg(feature = "vulkan")]
        "vulkan" => nth(burn::tensor::DeviceType::Vulkan, index, name),
        #[cfg(feature = "cuda")]
        "cuda" => nth(burn::tensor::DeviceType::Cuda, index, name),
        #[cfg(not(feature = "vulkan"))]
        "vulkan" => Err(not_built(kind, name)),
        #[cfg(not(feature = "cuda"))]
        "cuda" => Err(not_built(kind, name)),
        _ => Err(Error::setting("--device", "cpu, cuda[:N] or vulkan[:N]", name)),
    }
}

#[cfg(not(all(feature = "vulkan", feature = "cuda")))]
fn not_built(kind: &str, name: &str) -> Error {
    Error::setting("--device", format!("a device this build knows ({})", devices().join(", ")), name)
        .with_hint(format!("build with `--features {kind}` to use it"))
}

/// Device `index` of a kind: discrete cards first, then integrated and virtual ones, then renderers in software.
#[cfg(any(feature = "vulkan", feature = "cuda"))]
fn nth(kind: burn::tensor::DeviceType, index: Option<usize>, name: &str) -> Result<Device> {
    let found = Device::enumerate(kind);
    found.get(index.unwrap_or(0)).cloned().ok_or_else(|| {
        let kind = name.split(':').next().unwrap_or(name);
        match found.len() {
            0 => Error::setting("--device", "a device that this machine has", name)
                .with_hint(format!("no driver offers a {kind} device")),
            n => Error::setting("--device", format!("{kind}:0 to {kind}:{}", n - 1), name),
        }
    })
}

/// The devices this build can name.
pub fn devices() -> Vec<&'static str> {
    let mut names = vec!["cpu"];
    if cfg!(feature = "vulkan") {
        names.push("vulkan");
    }
    if cfg!(feature = "cuda") {
        names.push("cuda");
    }
    names
}

/// Whether tensors of this device live in main memory, where the kernels can reach them.
pub fn is_cpu(device: &Device) -> bool {
    matches!(device.clone().without_autodiff().as_dispatch(), DispatchDevice::Flex(_))
}

/// The name to print for a device: one that [`device`] understands.
pub fn device_name(device: &Device) -> String {
    if is_cpu(device) {
        return "cpu".to_owned();
    }
    #[cfg(any(feature = "vulkan", feature = "cuda"))]
    {
        let plain = device.clone().without_autodiff();
        let kinds = [
            #[cfg(feature = "vulkan")]
            ("vulkan", burn::tensor::DeviceType::Vulkan),
            #[cfg(feature = "cuda")]
            ("cuda", burn::tensor::DeviceType::Cuda),
        ];
        for (kind, of) in kinds {
            if let Some(i) = Device::enumerate(of).iter().position(|d| *d == plain) {
                return format!("{kind}:{i}");
            }
        }
    }
    format!("{device:?}").to_lowercase()
}
