//! How long a call takes: the median of several, after one that pays for what later ones find made.

use std::time::{Duration, Instant};

const REPETITIONS_LEAST: usize = 5;

/// Median seconds of `call`, and how many were timed: as many as `seconds` allow, five at least.
///
/// # Errors
/// Those of `call`.
pub(super) fn timed<E>(seconds: f64, mut call: impl FnMut() -> Result<(), E>) -> Result<(f64, usize), E> {
    call()?;
    let (begun, share, mut times) = (Instant::now(), Duration::from_secs_f64(seconds), Vec::new());
    while times.len() < REPETITIONS_LEAST || begun.elapsed() < share {
        let start = Instant::now();
        call()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok((times[times.len() / 2], times.len()))
}
