//! Which array of a weight file is which parameter: the same name, or the one that it had in an older diffusers: attention's layers
//! before 0.15, the frequencies of a Fourier embedding, which files of 0.4 hold under either or both of two names.

use crate::error::{Error, Result};
use crate::net::{Parameters, unflatten};
use crate::run::TensorReader;
use crate::tensor::Device;
use std::collections::BTreeMap;
use std::fs::File;

/// Old and new names of an attention's layers.
const RENAMED: [(&str, &str); 4] =
    [(".query.", ".to_q."), (".key.", ".to_k."), (".value.", ".to_v."), (".proj_attn.", ".to_out.0.")];
/// The old and the new name of a Fourier embedding's frequencies.
const FREQUENCIES: (&str, &str) = ("time_proj.W", "time_proj.weight");
/// Names that an error tells, at most.
const TOLD: usize = 5;

fn renamed(name: &str) -> String {
    if name == FREQUENCIES.0 {
        return FREQUENCIES.1.to_owned();
    }
    let old = RENAMED.iter().find(|(old, _)| name.contains(old) && name.contains("attentions."));
    old.map_or_else(|| name.to_owned(), |(old, new)| name.replace(old, new))
}

/// Fills a network with a file's arrays, each the one of its name.
///
/// # Errors
/// Arrays that are missing or left over, another shape, a number that is not finite: by name.
pub(super) fn fill(net: &mut dyn Parameters, reader: &mut TensorReader<File>, device: &Device) -> Result<()> {
    let path = reader.path().to_path_buf();
    let mut there: BTreeMap<String, (String, Vec<usize>)> = BTreeMap::new();
    let twice = reader.shape(FREQUENCIES.1).is_some();
    for (name, shape) in reader.shapes().filter(|(name, _)| !(twice && *name == FREQUENCIES.0)) {
        if let Some((other, _)) = there.insert(renamed(name), (name.to_owned(), shape.to_vec())) {
            return Err(Error::file_at(&path, format!("tensor {name}"), format!("stands for the same weights as {other}")));
        }
    }
    let mut missing = Vec::new();
    let mut misshapen = None;
    let mut from = BTreeMap::new();
    net.visit(&mut |name, p| match there.remove(name) {
        None => missing.push(format!("{name} {:?}", p.shape())),
        Some((own, shape)) if shape == p.shape() => drop(from.insert(name.to_owned(), own)),
        Some((own, shape)) => {
            let problem = format!("shape {shape:?}, the network of config.json wants {:?}", p.shape());
            misshapen.get_or_insert_with(|| Error::file_at(&path, format!("tensor {own}"), problem));
        }
    });
    if !missing.is_empty() {
        return Err(Error::file(&path, format!("{} missing: {}", of(missing.len()), told(&missing))));
    }
    if let Some(e) = misshapen {
        return Err(e);
    }
    if !there.is_empty() {
        let names: Vec<String> = there.into_values().map(|(own, shape)| format!("{own} {shape:?}")).collect();
        let problem = format!("{} that the network of config.json does not have: {}", of(names.len()), told(&names));
        return Err(Error::file(&path, problem));
    }
    unflatten(net, device, |name, _| reader.values(from.get(name).map_or(name, String::as_str)))
}

fn of(count: usize) -> String {
    if count == 1 { "1 tensor".to_owned() } else { format!("{count} tensors") }
}

fn told(names: &[String]) -> String {
    let more = if names.len() > TOLD { ", …" } else { "" };
    names[..names.len().min(TOLD)].join(", ") + more
}
