//! Ctrl-C: the first asks the work to save and end, the second ends the program at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Begins to listen (once for the process).
pub fn watch() -> Interrupt {
    static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let asked = ASKED.get_or_init(|| {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down and raises it, the second finds it up. Without the right to
            // listen, a signal ends the program as it does any other.
            let _ = flag::register_conditional_shutdown(signal, 130, asked.clone());
            let _ = flag::register(signal, asked.clone());
        }
        asked
    });
    Interrupt(asked.clone())
}

/// Whether the user has asked to stop.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Whether the user has asked to stop.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
