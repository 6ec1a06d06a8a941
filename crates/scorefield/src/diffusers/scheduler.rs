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
    /// The file that it was read from, which also says how to draw.
    pub said: Option<Map<String, Value>>,
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
/// Of those, the ones whose β have other ends where the file says none.
const NARROW: &[&str] = &["HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler"];
const NARROW_BETAS: [(&str, f64); 2] = [("beta_start", 0.00085), ("beta_end", 0.012)];
const EDM: &[&str] = &["EDMEulerScheduler", "EDMDPMSolverMultistepScheduler"];
const VE: &str = "ScoreSdeVeScheduler";

/// Those that a pipeline of a `UNet2DModel` draws with as they are, and that pipeline. The pipeline of consistency models is the one that scales
/// what the network sees as its scheduler says.
const PIPELINES: &[(&str, &str)] = &[
    (VE, "ScoreSdeVePipeline"),
    ("DDPMScheduler", "DDPMPipeline"),
    ("DDIMScheduler", "DDIMPipeline"),
    ("EDMEulerScheduler", "ConsistencyModelPipeline"),
    ("EDMDPMSolverMultistepScheduler", "ConsistencyModelPipeline"),
];

/// Settings of how a scheduler draws, which say nothing of the model that it draws from.
const DRAWING: &[&str] = &[
    "algorithm_type",
    "clip_sample",
    "clip_sample_range",
    "correct_steps",
    "disable_corrector",
    "dynamic_thresholding_ratio",
    "euler_at_final",
    "final_sigmas_type",
    "flow_shift",
    "interpolation_type",
    "lambda_min_clipped",
    "lower_order_final",
    "predict_x0",
    "rho",
    "sample_max_value",
    "sampling_eps",
    "set_alpha_to_one",
    "sigma_schedule",
    "skip_prk_steps",
    "snr",
    "solver_order",
    "solver_p",
    "solver_type",
    "steps_offset",
    "tensor_format",
    "thresholding",
    "time_shift_type",
    "timestep_spacing",
    "timestep_values",
    "use_beta_sigmas",
    "use_exponential_sigmas",
    "use_karras_sigmas",
    "use_lu_lambdas",
    "variance_type",
];

/// Settings that are read, here or as [`Betas`].
const MODEL: &[&str] = &[
    "num_train_timesteps",
    "prediction_type",
    "rescale_betas_zero_snr",
    "sigma_data",
    "sigma_max",
    "sigma_min",
    "timestep_type",
    "use_dynamic_shifting",
    "use_flow_sigmas",
];

impl Scheduler {
    /// Reads a `scheduler_config.json`.
    ///
    /// # Errors
    /// A class or a setting that is not supported, by name.
    pub(super) fn read(path: &Path) -> Result<Self> {
        Self::of(&read_object(path)?, path)
    }

    /// The same of what `path` holds.
    fn of(fields: &Map<String, Value>, path: &Path) -> Result<Self> {
        let class = fields.get("_class_name").and_then(Value::as_str).unwrap_or("nothing").to_owned();
        let file = Fields { path, fields };
        file.check_known()?;
        if class == VE {
            let sigma = (file.number("sigma_min", 0.01)?, file.number("sigma_max", 1348.0)?);
            return Self { said: Some(fields.clone()), ..Self::ve(sigma) }.checked(path);
        }
        if EDM.contains(&class.as_str()) {
            file.must_be("prediction_type", &json!("epsilon"))?;
            let sigma = (file.number("sigma_min", 0.002)?, file.number("sigma_max", 80.0)?);
            let sigma_data = file.number("sigma_data", SIGMA_DATA)?;
            let said = Some(fields.clone());
            return Self { conditioning: Conditioning::Edm, sigma, sigma_data, values: SIGNED, said }.checked(path);
        }
        if DISCRETE.contains(&class.as_str()) {
            file.must_be("rescale_betas_zero_snr", &json!(false))?;
            file.must_be("timestep_type", &json!("discrete"))?;
            file.must_be("use_flow_sigmas", &json!(false))?;
            file.must_be("use_dynamic_shifting", &json!(false))?;
            let steps = file.timesteps(NARROW.contains(&class.as_str()))?;
            let sigma = steps.range();
            let (conditioning, said) = (Conditioning::Discrete(steps), Some(fields.clone()));
            return Self { conditioning, sigma, sigma_data: SIGMA_DATA, values: SIGNED, said }.checked(path);
        }
        let problem = format!("{class} is not supported; {VE}, {}, {} and their relatives are", EDM[0], DISCRETE[0]);
        Err(Error::file_at(path, "_class_name", problem))
    }

    /// A model whose network takes σ and gives the score.
    pub(super) fn ve(sigma: (f64, f64)) -> Self {
        Self { conditioning: Conditioning::Ve, sigma, sigma_data: SIGMA_DATA, values: UNSIGNED, said: None }
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

    /// The class of the pipeline, the class of the scheduler and its `scheduler_config.json`: as it came, where a pipeline takes it so.
    pub(super) fn to_json(&self) -> (&'static str, &'static str, Value) {
        let pipeline = |class: &str| PIPELINES.iter().find(|(known, _)| *known == class);
        let class = |said: &Map<String, Value>| said.get("_class_name").and_then(Value::as_str).and_then(pipeline);
        if let Some((said, (class, pipeline))) = self.said.as_ref().and_then(|said| Some((said, class(said)?))) {
            return (pipeline, class, Value::Object(said.clone()));
        }
        let (low, high) = self.sigma;
        let (class, mut value) = match &self.conditioning {
            Conditioning::Ve => (VE, json!({ "sigma_min": low, "sigma_max": high })),
            Conditioning::Discrete(steps) => {
                let mut value = serde_json::to_value(steps.betas()).expect("settings are plain data");
                // Other models than those of pictures are not in [−1, 1]; this one's pictures are.
                value["clip_sample"] = true.into();
                (DISCRETE[0], value)
            }
            Conditioning::Edm | Conditioning::Relative => (
                EDM[0],
                json!({ "sigma_min": low, "sigma_max": high, "sigma_data": self.sigma_data, "prediction_type": "epsilon" }),
            ),
        };
        value["_class_name"] = class.into();
        value["_diffusers_version"] = VERSION.into();
        let (class, pipeline) = pipeline(class).expect("a pipeline for each class that is written");
        (pipeline, class, value)
    }
}

struct Fields<'a> {
    path: &'a Path,
    fields: &'a Map<String, Value>,
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

    /// Refuses a setting that may say anything.
    fn check_known(&self) -> Result<()> {
        let betas = betas();
        let is_known = |key: &str| key.starts_with('_') || [MODEL, DRAWING].concat().contains(&key) || betas.contains_key(key);
        match self.fields.keys().find(|key| !is_known(key)) {
            Some(key) => Err(Error::file_at(self.path, key.clone(), "not a setting of a scheduler that is supported")),
            None => Ok(()),
        }
    }

    fn timesteps(&self, narrow: bool) -> Result<Timesteps> {
        let mut chosen = Map::new();
        if narrow {
            chosen.extend(NARROW_BETAS.map(|(key, value)| (key.to_owned(), value.into())));
        }
        for key in betas().keys() {
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

/// The settings of [`Betas`], with their defaults.
fn betas() -> Map<String, Value> {
    match serde_json::to_value(Betas::default()) {
        Ok(Value::Object(betas)) => betas,
        _ => unreachable!("settings are plain data"),
    }
}
