//! How long a call takes: the median and the least of several, after one that pays for what later ones find made.

use std::time::{Duration, Instant};

const REPETITIONS_LEAST: usize = 5;

/// Seconds of a call.
pub(super) struct Timed {
    pub(super) median: f64,
    pub(super) least: f64,
    /// How many calls were timed.
    pub(super) repeats: usize,
}

/// Times `call` as often as `seconds` allow, five times at least.
///
/// # Errors
/// Those of `call`.
pub(super) fn timed<E>(seconds: f64, mut call: impl FnMut() -> Result<(), E>) -> Result<Timed, E> {
    call()?;
    let (begun, share, mut times) = (Instant::now(), Duration::from_secs_f64(seconds), Vec::new());
    while times.len() < REPETITIONS_LEAST || begun.elapsed() < share {
        let start = Instant::now();
        call()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(Timed { median: times[times.len() / 2], least: times[0], repeats: times.len() })
}
