//! libFuzzer's entry: `FUZZ_TARGET` names the target, and without it the first byte of the input chooses one.
#![no_main]

#[path = "../src/targets.rs"]
mod targets;

use libfuzzer_sys::fuzz_target;
use targets::TARGETS;

// A panic that a reader catches (the decoder of Parquet has some) is an error like others; one that comes out of a target ends the process.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| {
    let named = std::env::var("FUZZ_TARGET").ok();
    match named.and_then(|name| TARGETS.iter().find(|target| target.name == name)) {
        Some(target) => target.run(bytes),
        None => {
            let Some((first, rest)) = bytes.split_first() else { return };
            TARGETS[usize::from(*first) % TARGETS.len()].run(rest);
        }
    }
});
