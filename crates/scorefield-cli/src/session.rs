//! What all verbs share: the global flags, with the variables that stand behind them.

use std::ffi::OsString;
use std::time::Instant;

use scorefield::data::Options;
use scorefield::error::{Error, Result};
use scorefield::recipe::Layers;
use scorefield::tensor::{Device, device, device_name};

use crate::args::Globals;
use crate::output;
use crate::progress::Progress;

/// Stack of a thread of the pool, on which verbs run: what a main thread has, and more, for drivers of graphics processors and builds that
/// are not optimised.
const STACK: usize = 16 << 20;

/// One invocation of the command.
pub struct Session {
    globals: Globals,
    device: Device,
    seed: u64,
    begun: Instant,
    arguments: Vec<OsString>,
    warns: bool,
}

impl Session {
    /// Completes the global flags, parsed out of `arguments`, from the environment.
    ///
    /// # Errors
    /// An unknown device, a variable that is none of ours or has no use as a value.
    pub fn new(mut globals: Globals, begun: Instant, arguments: Vec<OsString>) -> Result<Self> {
        let environment = Layers::new().environment(std::env::vars_os())?.build()?;
        let name = globals.device.clone().or_else(|| variable("SCOREFIELD_DEVICE"));
        let device = device(name.as_deref().unwrap_or("cpu"))?;
        let seed = match globals.seed {
            Some(seed) => seed,
            None => environment.recipe.seed,
        };
        globals.quiet |= variable("SCOREFIELD_QUIET").is_some_and(|value| value != "0");
        let mut pool = rayon::ThreadPoolBuilder::new().stack_size(STACK);
        if let Some(threads) = variable("SCOREFIELD_THREADS") {
            let n = threads.parse::<usize>().ok().filter(|n| (1..=4096).contains(n));
            pool = pool.num_threads(n.ok_or_else(|| Error::setting("SCOREFIELD_THREADS", "a number from 1 to 4096", &threads))?);
        }
        // It fails only where the pool runs already, and nothing has run yet.
        let _ = pool.build_global();
        Ok(Self { globals, device, seed, begun, arguments, warns: true })
    }

    /// Without warnings: of work that was done and warned of before.
    pub fn without_warnings(self) -> Self {
        Self { warns: false, ..self }
    }

    /// The global flags as given.
    pub fn globals(&self) -> &Globals {
        &self.globals
    }

    /// What was typed, from the program's name on.
    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    /// Whether to answer with a JSON document.
    pub fn json(&self) -> bool {
        self.globals.json
    }

    /// Where to compute.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The device's name in documents.
    pub fn device_name(&self) -> String {
        device_name(&self.device)
    }

    /// The seed of everything random.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Seconds since the command began.
    pub fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// How data are opened for this session, before a verb adds to it.
    pub fn data_options(&self) -> Options {
        Options { data_dir: self.globals.data_dir.clone(), ..Options::default() }
    }

    /// A watcher that shows progress and listens for Ctrl-C.
    pub fn progress(&self) -> Progress {
        Progress::new(self.globals.quiet)
    }

    /// Says something on stderr that matters although the work goes on.
    pub fn warn(&self, text: &str) {
        if self.warns && !self.globals.quiet {
            output::warn(text);
        }
    }
}

/// A variable that is set to something.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
