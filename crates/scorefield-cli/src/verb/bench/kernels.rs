//! `bench --only kernels`: each kernel's operations and bytes a second, against what this machine can do at most.

use scorefield::bench;
use scorefield::words;
use scorefield_kernels::machine;
use serde_json::{Value, json};

use super::peak;
use crate::output::Answer;

/// Looks at the bandwidth: as with the peak, the highest counts.
const LOOKS: usize = 3;

pub(super) fn run(seconds: f64) -> Answer {
    let looks = |before: f64| (0..LOOKS).map(|_| machine::copy_bandwidth_gb(rayon::current_num_threads())).fold(before, f64::max);
    peak();
    let copy_before = looks(0.0);
    let paces = bench::kernels(seconds);
    let (peak, copy) = (peak(), looks(copy_before));
    let mut rows = vec![
        ["kernel", "shape", "a call", "the fastest", "GFLOP/s", "of peak", "GB/s", "of copying"].map(str::to_owned).to_vec(),
    ];
    let mut listed: Vec<Value> = Vec::new();
    let percent = |share: f64| format!("{:.0}%", 100.0 * share);
    let rounded = |x: f64| format!("{x:.1}");
    for pace in &paces {
        let (of_peak, of_copy) = (pace.gflops.map(|g| g / peak), pace.gb_per_second / copy);
        rows.push(vec![
            pace.kernel.to_owned(),
            pace.shape.clone(),
            words::seconds(pace.seconds),
            words::seconds(pace.least_seconds),
            pace.gflops.map_or("–".to_owned(), rounded),
            of_peak.map_or("–".to_owned(), percent),
            rounded(pace.gb_per_second),
            percent(of_copy),
        ]);
        let mut row = json!(pace);
        row["share_of_peak"] = json!(of_peak);
        row["share_of_copy"] = of_copy.into();
        listed.push(row);
    }
    let memory = machine::resident().map(|resident| resident.peak);
    let held = memory.map_or("unknown".to_owned(), words::bytes);
    let limits = format!("peak {}, copying {} GB/s; peak memory {held}\n", words::rate(peak), rounded(copy));
    Answer::new(words::table(&rows) + &limits)
        .with("only", "kernels")
        .with("kernels", listed)
        .with("fma_peak_gflops", peak)
        .with("copy_gb_per_second", copy)
        .with("kernels_peak_rss_bytes", memory)
}
