//! `bench --only langevin` and `bench --only mcmc`: samplers on the targets and with the settings that peers are measured on.

use scorefield::bench;
use scorefield::error::Result;
use scorefield::words;

use crate::output::Answer;
use crate::session::Session;

/// Runs of which the fastest counts.
const RUNS: usize = 3;

pub(super) fn run(only: &str, case: Option<&str>, session: &Session) -> Result<Answer> {
    let cases = match (only, case) {
        (_, Some(name)) => vec![bench::sampler_case(name)?],
        ("langevin", None) => bench::LANGEVIN.iter().collect(),
        _ => bench::MCMC.iter().collect(),
    };
    let mut rows = vec![["case", "time", "steps", "effective draws", "acceptance", "peak memory"].map(str::to_owned).to_vec()];
    let mut paces = Vec::new();
    for case in &cases {
        let pace = bench::samplers(case, RUNS, session.seed())?;
        let or_none = |x: Option<f64>, said: &dyn Fn(f64) -> String| x.map_or("–".to_owned(), said);
        rows.push(vec![
            case.name.to_owned(),
            words::seconds(pace.seconds),
            format!("{}/s", words::rate(pace.steps_per_second)),
            or_none(pace.effective_per_second, &|x| format!("{}/s", words::rate(x))),
            or_none(pace.acceptance, &|a| format!("{a:.2}")),
            pace.peak_rss_bytes.map_or("unknown".to_owned(), words::bytes),
        ]);
        paces.push((case.name, pace));
    }
    let answer = Answer::new(words::table(&rows)).with("only", only);
    Ok(match paces.as_slice() {
        [(name, pace)] => answer.with("case", name).with_all(pace),
        _ => answer
            .with("cases", paces.iter().map(|(name, pace)| serde_json::json!({"case": name, "pace": pace})).collect::<Vec<_>>()),
    })
}
