//! What a scheduler of diffusers says of a model: how it takes points and levels, which levels it knows, what black and white are.

use super::folder::read_object;
use crate::error::{Error, Result};
use crate::model::{Betas, Conditioning, Timesteps};
use serde_json::{Map, Value, json};
use std::path::Path;

/// The version whose files these are.
pub(super) const VERSION: &str = "0.36.0";

/// A scheduler as this program sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scheduler {
    pub conditioning: Conditioning,
    /// Smallest and largest σ, in the network's units.
    pub sigma: (f64, f64),
    pub sigma_data: f64,
    /// What black and white are.
    pub values: (f32, f32),
}

/// Standard deviation of pictures about their mean where nothing says another: half of half the range, as EDM has it.
const SIGMA_DATA: f64 = 0.5;
const SIGNED: (f32, f32) = (-1.0, 1.0);
/// Song et al. 2021 train on [0, 1].
const UNSIGNED: (f32, f32) = (0.0, 1.0);

/// Those that draw from a model of numbered time steps, each in its own way; the model is the same.
const DISCRETE: &[&str] = &[
    "DDPMScheduler",
    "DDPMParallelScheduler",
    "DDIMScheduler",
    "DDIMParallelScheduler",
    "DDIMInverseScheduler",
    "PNDMScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "DEISMultistepScheduler",
    "UniPCMultistepScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "HeunDiscreteScheduler",
    "LMSDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
];
const EDM: &[&str] = &["EDMEulerScheduler", "EDMDPMSolverMultistepScheduler"];
const VE: &str = "ScoreSdeVeScheduler";

impl Scheduler {
    /// Reads a `scheduler_config.json`.
    ///
    /// # Errors
    /// A class or a setting that is not supported, by name.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let fields = read_object(path)?;
        let class = fields.get("_class_name").and_then(Value::as_str).unwrap_or("nothing").to_owned();
        let file = Fields { path, fields };
        if class == VE {
            return Ok(Self::ve((file.number("sigma_min", 0.01)?, file.number("sigma_max", 1348.0)?)))
                .and_then(|s| s.checked(path));
        }
        if EDM.contains(&class.as_str()) {
            file.must_be("prediction_type", &json!("epsilon"))?;
            let sigma = (file.number("sigma_min", 0.002)?, file.number("sigma_max", 80.0)?);
            let sigma_data = file.number("sigma_data", SIGMA_DATA)?;
            return Self { conditioning: Conditioning::Edm, sigma, sigma_data, values: SIGNED }.checked(path);
        }
        if DISCRETE.contains(&class.as_str()) {
            file.must_be("rescale_betas_zero_snr", &json!(false))?;
            file.must_be("timestep_type", &json!("discrete"))?;
            let steps = file.timesteps()?;
            let sigma = steps.range();
            let conditioning = Conditioning::Discrete(steps);
            return Self { conditioning, sigma, sigma_data: SIGMA_DATA, values: SIGNED }.checked(path);
        }
        let problem = format!("{class} is not supported; {VE}, {}, {} and their relatives are", EDM[0], DISCRETE[0]);
        Err(Error::file_at(path, "_class_name", problem))
    }

    /// A model whose network takes σ and gives the score.
    pub(super) fn ve(sigma: (f64, f64)) -> Self {
        Self { conditioning: Conditioning::Ve, sigma, sigma_data: SIGMA_DATA, values: UNSIGNED }
    }

    fn checked(self, path: &Path) -> Result<Self> {
        let (low, high) = self.sigma;
        if !(low > 0.0 && low < high && high.is_finite() && (high as f32).is_finite() && low as f32 > 0.0) {
            return Err(Error::file_at(
                path,
                "sigma_min, sigma_max",
                format!("expected 0 < sigma_min < sigma_max, got {low} and {high}"),
            ));
        }
        if !(self.sigma_data > 0.0 && self.sigma_data.is_finite()) {
            return Err(Error::file_at(path, "sigma_data", format!("expected a positive number, got {}", self.sigma_data)));
        }
        Ok(self)
    }

    /// The schedule of this program that lays out these levels.
    pub(super) fn schedule(&self) -> &'static str {
        // vp has its own β only; the levels of a list of time steps are laid out as EDM's are, between the list's ends.
        if self.conditioning == Conditioning::Ve { "ve" } else { "edm" }
    }

    /// The class of the pipeline, the class of the scheduler and its `scheduler_config.json`.
    pub(super) fn to_json(&self) -> (&'static str, &'static str, Value) {
        let (low, high) = self.sigma;
        let (pipeline, class, mut value) = match &self.conditioning {
            Conditioning::Ve => ("ScoreSdeVePipeline", VE, json!({ "sigma_min": low, "sigma_max": high })),
            Conditioning::Discrete(steps) => {
                let mut value = serde_json::to_value(steps.betas()).expect("settings are plain data");
                // Other models than those of pictures are not in [−1, 1]; this one's pictures are.
                value["clip_sample"] = true.into();
                ("DDPMPipeline", DISCRETE[0], value)
            }
            // The pipeline of consistency models is the one that scales what a UNet2DModel sees as its scheduler says.
            Conditioning::Edm | Conditioning::Relative => (
                "ConsistencyModelPipeline",
                EDM[0],
                json!({ "sigma_min": low, "sigma_max": high, "sigma_data": self.sigma_data, "prediction_type": "epsilon" }),
            ),
        };
        value["_class_name"] = class.into();
        value["_diffusers_version"] = VERSION.into();
        (pipeline, class, value)
    }
}

struct Fields<'a> {
    path: &'a Path,
    fields: Map<String, Value>,
}

impl Fields<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    fn number(&self, key: &str, default: f64) -> Result<f64> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => {
                value.as_f64().ok_or_else(|| Error::file_at(self.path, key.to_owned(), format!("expected a number, got {value}")))
            }
        }
    }

    fn must_be(&self, key: &str, supported: &Value) -> Result<()> {
        match self.get(key) {
            Some(value) if value != supported => {
                Err(Error::file_at(self.path, key.to_owned(), format!("{value} is not supported; {supported} is")))
            }
            _ => Ok(()),
        }
    }

    fn timesteps(&self) -> Result<Timesteps> {
        let known = serde_json::to_value(Betas::default()).expect("settings are plain data");
        let mut chosen = Map::new();
        for key in known.as_object().into_iter().flat_map(Map::keys) {
            let Some(value) = self.get(key) else { continue };
            // One at a time, so that the error names it.
            if let Err(e) = serde_json::from_value::<Betas>(json!({ key.as_str(): value })) {
                return Err(Error::file_at(self.path, key.clone(), format!("{value} is not supported: {e}")));
            }
            chosen.insert(key.clone(), value.clone());
        }
        let betas: Betas = serde_json::from_value(Value::Object(chosen)).map_err(|e| Error::file(self.path, e.to_string()))?;
        Timesteps::try_from(betas).map_err(|problem| Error::file(self.path, problem))
    }
}
