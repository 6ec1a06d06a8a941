//! When work is shared among threads, in what pieces, and how long the threads then wait for more.
//!
//! Handing work to other threads costs about ten microseconds, so a kernel says what a number costs it and small calls stay on the
//! calling thread. None of this changes a result.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Numbers that one task works on: its inputs and outputs fit in a core's own cache.
pub(crate) const SPAN: usize = 1 << 14;

/// How long a thread of the pool looks out for more work, once [`attend`] was called, before it may fall asleep. What lies between two kernels of a
/// training step is a fraction of it.
const ATTENTION: Duration = Duration::from_micros(400);

/// Whether `numbers` that take about `picoseconds` each are enough work for several threads; if so, those of the pool [`attend`].
pub(crate) fn shares(numbers: usize, picoseconds: usize) -> bool {
    let worth = numbers > SPAN && numbers.saturating_mul(picoseconds) > 20_000_000;
    if worth {
        attend();
    }
    worth
}

/// Nanoseconds on a clock of our own until which threads attend.
static UNTIL: AtomicU64 = AtomicU64::new(0);
/// How many do.
static ATTENDING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static ATTENDS: Cell<bool> = const { Cell::new(false) };
}

fn now() -> u64 {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    BEGUN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Says, on a thread of the pool, that work is shared now and may be again in a moment: for [`ATTENTION`] from here on the other threads of the pool
/// look for it instead of falling asleep. To wake a thread costs fifty microseconds and more where the processor is a virtual one, and a pass through a
/// small network takes no longer than that.
pub(crate) fn attend() {
    let Some(me) = rayon::current_thread_index() else { return };
    UNTIL.store(now() + ATTENTION.as_nanos() as u64, Ordering::Relaxed);
    if ATTENDING.load(Ordering::Relaxed) == 0 && rayon::current_num_threads() > 1 {
        rayon::spawn_broadcast(move |at| {
            // The caller has better things to do, and may come by here while it waits for a part of its work.
            if at.index() != me {
                look_out();
            }
        });
    }
}

/// Does what work there is until nobody has called [`attend`] for a while.
fn look_out() {
    // Work found below may be another call of this.
    if ATTENDS.replace(true) {
        return;
    }
    ATTENDING.fetch_add(1, Ordering::Relaxed);
    while now() < UNTIL.load(Ordering::Relaxed) {
        if rayon::yield_now() != Some(rayon::Yield::Executed) {
            std::hint::spin_loop();
        }
    }
    ATTENDING.fetch_sub(1, Ordering::Relaxed);
    ATTENDS.set(false);
}
