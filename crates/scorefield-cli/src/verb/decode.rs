//! `decode`: points from latents by the probability-flow ODE, and the way from one latent to the next.

use std::path::PathBuf;

use clap::Args;
use scorefield::data::{self, Dequantise, Options, all};
use scorefield::error::{Error, Result};
use scorefield::key::{Key, Purpose};
use scorefield::likelihood::spherical;
use scorefield::plot::Cloud;
use scorefield::sample::tolerance;
use scorefield::words;

use crate::output::Answer;
use crate::record::{Record, by_reference};
use crate::session::Session;
use crate::sink::{Show, Sink, check_shape};
use crate::target::Which;
use crate::{points, target};

const EXAMPLES: &str = "\
Examples:
  scorefield decode runs/digits z.npy -o again.png
  scorefield decode runs/digits z.npy --interpolate 10 -o ways.png        from each latent to the next, ten steps a row

Between latents the way is a great circle, on which standard normal numbers keep their length.";

/// Turn latents into data.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Decode {
    /// A run folder, or density:NAME, or density:FILE.toml
    #[arg(value_name = "RUN|density:…")]
    target: String,
    #[command(flatten)]
    which: Which,
    /// A file of latents, one a row, as encode writes it
    #[arg(value_name = "Z")]
    latents: String,
    /// File to write, in the order of the rows: .npy, .csv, .parquet, or a picture of images or of points in the plane: .png, .svg
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
    /// Points from each latent to the next, both included, in place of the latents themselves
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    interpolate: Option<usize>,
    /// Relative and absolute tolerance of the ODE
    #[arg(long, value_name = "X", default_value_t = 1e-5, allow_negative_numbers = true)]
    tolerance: f64,
    /// Upper end of the flow, as it was for encode [default: the model's largest level; far out for density:…]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    sigma_max: Option<f64>,
}

/// Does it.
///
/// # Errors
/// A model without noise levels or of other noise than Gaussian, latents that cannot be read or have another dimension, settings out of
/// range, a file that cannot be written.
pub fn run(args: &Decode, session: &Session) -> Result<Answer> {
    let target = target::open(&args.target, args.which, session)?;
    let flow = target.flow(args.sigma_max, tolerance::both("--tolerance", args.tolerance)?)?;
    let (event, d) = (target.event(), target.event().len());
    let sink = Sink::new(&args.out, &event, 1)?;
    let given = read(&args.latents, d, session)?;
    let z = match args.interpolate {
        None => given,
        Some(count) => ways(&given, d, count)?,
    };
    let n = z.len() / d;
    check_shape(&args.out, &event, n)?;
    let mut progress = session.progress();
    let x = points::from_target(&target, &flow.decode(&z, &mut progress)?);
    progress.clear();
    if x.iter().all(|x| !x.is_finite()) {
        return Err(Error::failed("decode", format!("the ODE came to no end for any of {n} rows")));
    }
    let settings = format!("tolerance {}, σ from {} to {}", args.tolerance, flow.span.1, flow.span.0);
    let single: Vec<f32> = z.iter().map(|z| *z as f32).collect();
    let record = Record::new("decode", &args.target, &target, "--out", session).with("settings", settings).points(&single).done();
    let density = target.exact(flow.span.0);
    sink.write(&Show {
        event: &event,
        clouds: &[Cloud { name: "", points: &x }],
        columns: target.columns(),
        exact: density.as_deref().map(|density| (density, flow.span.0)),
        values: target.values(),
        title: &format!("{} decoded", args.latents),
        across: args.interpolate,
        metadata: &by_reference(&record),
    })?;
    let text = format!("{} points decoded\nwritten to {}\n", words::count(n as u64), args.out.display());
    Ok(Answer::new(text)
        .with("target", &args.target)
        .with("model", target.hash())
        .with("n", n)
        .with("interpolate", args.interpolate)
        .with("sigma_min", flow.span.0)
        .with("sigma_max", flow.span.1)
        .with("out", &args.out))
}

fn read(spec: &str, d: usize, session: &Session) -> Result<Vec<f64>> {
    let options = Options { held_out: 0.0, dequantise: Dequantise::None, ..session.data_options() };
    let set = data::open(spec, &options)?;
    let Some(n) = set.train.len() else {
        return Err(Error::setting("Z", "a file of latents", format!("{spec}, which is endless")));
    };
    if set.train.event().len() != d {
        return Err(Error::file(
            spec,
            format!("its rows have shape {}, the target's latents have {d} numbers", set.train.event()),
        ));
    }
    let rows = all(&*set.train, n as usize, Key::new(session.seed(), Purpose::Data))?;
    let order = Key::new(options.split_seed, Purpose::Shuffle);
    let mut values = vec![0.0; rows.len()];
    for (i, row) in rows.chunks_exact(d).enumerate() {
        let place = order.permute(i as u64, n) as usize * d;
        values[place..place + d].iter_mut().zip(row).for_each(|(to, from)| *to = f64::from(*from));
    }
    Ok(values)
}

/// From each latent to the next, `count` points.
fn ways(z: &[f64], d: usize, count: usize) -> Result<Vec<f64>> {
    if count < 2 {
        return Err(Error::setting("--interpolate", "at least 2: both ends are shown", count));
    }
    let rows: Vec<&[f64]> = z.chunks_exact(d).collect();
    if rows.len() < 2 {
        return Err(Error::setting("--interpolate", "at least two latents to go between", format!("{} in Z", rows.len())));
    }
    Ok(rows.windows(2).flat_map(|pair| spherical(pair[0], pair[1], count)).collect())
}
