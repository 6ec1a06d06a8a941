//! Devices by the names a user types: `cpu`, `vulkan[:N]`, `cuda[:N]`.

use super::{Device, accelerator};
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
        "vulkan" | "cuda" if devices().contains(&kind) => accelerator::open(kind, index, name),
        "vulkan" | "cuda" => {
            Err(Error::setting("--device", format!("a device this build knows ({})", devices().join(", ")), name)
                .with_hint(format!("build with `--features {kind}` to use it")))
        }
        _ => Err(Error::setting("--device", "cpu, cuda[:N] or vulkan[:N]", name)),
    }
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
    match is_cpu(device) {
        true => "cpu".to_owned(),
        false => accelerator::name(device).unwrap_or_else(|| format!("{device:?}").to_lowercase()),
    }
}
