//! `bench --only unet`: a forward pass and a training step, their arithmetic and their memory.

use scorefield::bench;
use scorefield::error::Result;
use scorefield::net::Precision;
use scorefield::words;
use scorefield_kernels::image::multiplies_bf16;

use super::peak;
use crate::output::Answer;
use crate::session::Session;

/// The case if none is named.
pub(super) const DEFAULT: &str = "small";

pub(super) fn run(case: &str, precision: Precision, seconds: f64, session: &Session) -> Result<Answer> {
    let spec = bench::unet_case(case)?;
    peak();
    let pace = bench::unet(spec, seconds, precision, session.seed(), session.device())?;
    let peak = peak();
    // The processor's peak is no measure of another device.
    let of_peak = |gflops: f64| (session.device_name() == "cpu").then_some(gflops / peak);
    let (forward, train) = (of_peak(pace.forward_gflops), of_peak(pace.train_gflops));
    let memory = |bytes: Option<u64>| bytes.map_or("unknown".to_owned(), words::bytes);
    let line = |what: &str, seconds: f64, gflops: f64, bytes: Option<u64>| {
        let share = of_peak(gflops).map_or(String::new(), |share| format!(" ({:.0}% of {})", 100.0 * share, words::rate(peak)));
        let arithmetic = format!("{} GFLOP/s{share}", words::number(gflops.round()));
        let images = format!("{} images/s", words::number((pace.rows as f64 / seconds).round()));
        vec![what.to_owned(), words::seconds(seconds), images, arithmetic, memory(bytes)]
    };
    let mut head = vec![format!("unet {case}, {} images, {}", pace.rows, precision.word())];
    if precision == Precision::Bf16 && !multiplies_bf16() {
        session.warn("this processor has no dot products of bf16: convolutions round to it and gain nothing");
    }
    head.extend(["time", "", "arithmetic", "peak memory"].map(str::to_owned));
    let rows = [
        head,
        line("forward", pace.forward_seconds, pace.forward_gflops, pace.forward_peak_rss_bytes),
        line("training step", pace.train_seconds, pace.train_gflops, pace.train_peak_rss_bytes),
    ];
    let text = format!("{}{} parameters\n", words::table(&rows), words::count(pace.parameters as u64));
    Ok(Answer::new(text)
        .with("only", "unet")
        .with("case", case)
        .with("precision", precision.word())
        .with_all(pace)
        .with("fma_peak_gflops", peak)
        .with("forward_share_of_peak", forward)
        .with("train_share_of_peak", train))
}
