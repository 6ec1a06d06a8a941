//! What is said of modes, proportions, changes of mode and barriers, and the pictures of the last.

use scorefield::diagnostic::chains::Share;
use scorefield::diagnostic::mixing::{Barrier, Modes, Transitions, Verdict, Way};
use scorefield::error::Result;
use scorefield::plot::{Curve, Series, curve};
use scorefield::recipe::Target;
use scorefield::words;

use super::{Pair, Tried};
use crate::verb::diagnose::findings::Findings;

pub(super) fn say_modes(found: &Modes, of: &str, findings: &mut Findings) {
    findings.section("Modes of the data");
    let mut rows = Vec::new();
    for (k, mean) in found.means.iter().enumerate() {
        let place: Vec<String> = mean.iter().take(4).map(|m| words::number(*m)).collect();
        let more = if mean.len() > 4 { ", …" } else { "" };
        let share = found.labels().iter().filter(|l| **l == Some(k)).count() as f64 / found.n as f64;
        rows.push(vec![
            format!("mode {k}"),
            format!("({}{more})", place.join(", ")),
            format!("{share:.3}"),
            if found.prominences[k].is_finite() { words::number(found.prominences[k]) } else { "the highest".to_owned() },
        ]);
    }
    findings.table(&["mode", "mean", "share", "stands out by, nats"], &rows);
    findings.say(&format!(
        "{} in {} points of {of}: peaks that stand out by more than {} nats; the next would by {}.",
        match found.count() {
            1 => "One mode".to_owned(),
            n => format!("{n} modes"),
        },
        words::count(found.n as u64),
        words::number(found.threshold),
        words::number(found.next_prominence)
    ));
    if found.count() < 2 {
        findings.say("There is no valley for a chain to cross: mixing between modes is no question here.");
    }
}

/// The modes that the sampler of least bias lacks.
pub(super) fn say_proportions(found: &Modes, tried: &[Tried], target: &Target, findings: &mut Findings) -> Vec<usize> {
    findings.section("Shares of the modes");
    let mut rows = Vec::new();
    for one in tried {
        for p in &one.proportions {
            let show = |s: &Share| format!("{:.3} ({:.3} to {:.3})", s.weight, s.interval.0, s.interval.1);
            let verdict = match p.verdict {
                Verdict::Right => "agrees",
                Verdict::Missing => "MISSING",
                Verdict::TooFew => "too few",
                Verdict::TooMany => "too many",
            };
            let mode = p.mode.map_or("none".to_owned(), |k| format!("mode {k}"));
            rows.push(vec![one.sampler.to_owned(), mode, show(&p.data), show(&p.samples), verdict.to_owned()]);
        }
    }
    findings.table(&["sampler", "mode", "data (95%)", "samples (95%)", "verdict"], &rows);
    let lacks =
        |one: &Tried| one.proportions.iter().filter(|p| p.verdict == Verdict::Missing).filter_map(|p| p.mode).collect::<Vec<_>>();
    let wrong = |one: &&Tried| one.proportions.iter().any(|p| p.verdict != Verdict::Right);
    // A mode is missing from the model where no sampler finds it; a chain at one level shows where it began, and is asked only where it is alone.
    let asked: Vec<&Tried> = tried.iter().filter(|one| tried.len() == 1 || one.sampler != "langevin").collect();
    let lacking: Vec<usize> =
        (0..found.count()).filter(|k| !asked.is_empty() && asked.iter().all(|one| lacks(one).contains(k))).collect();
    for k in &lacking {
        let share = found.labels().iter().filter(|l| **l == Some(*k)).count() as f64 / found.n as f64;
        let (_, high) = target.sigma_range();
        findings.say(&format!(
            "MODE {k} IS MISSING: {:.1}% of the data are in it, and no sampler that can tell ({}) draws from it. The model does not know it: look whether its \
             training data hold it, train longer, and let the largest noise level (now {}) be as large as the distance between modes.",
            100.0 * share,
            asked.iter().map(|one| one.sampler).collect::<Vec<_>>().join(", "),
            words::number(high)
        ));
    }
    for one in tried.iter().filter(wrong) {
        let only_here: Vec<usize> = lacks(one).into_iter().filter(|k| !lacking.contains(k)).collect();
        let chain = one.sampler == "langevin";
        if found.count() < 2 {
            findings.say(&format!("{}: more or fewer samples than data lie in the mode; see the table.", one.sampler));
            continue;
        }
        let what = if only_here.is_empty() {
            "has the modes in wrong proportions".to_owned()
        } else {
            format!("misses modes {only_here:?}")
        };
        findings.say(&format!(
            "{} {what}{}",
            one.sampler,
            if chain {
                ": a chain at one noise level keeps the proportions of its start, for the score does not know the weights of separated modes."
            } else {
                "."
            }
        ));
    }
    let right: Vec<&str> = tried.iter().filter(|t| !wrong(t)).map(|t| t.sampler).collect();
    if !right.is_empty() {
        findings.say(&format!("Right proportions: {}.", right.join(", ")));
    }
    lacking
}

pub(super) fn say_transitions(tried: &[Tried], findings: &mut Findings) {
    let chains: Vec<(&str, &Transitions)> = tried.iter().filter_map(|t| Some((t.sampler, t.transitions.as_ref()?))).collect();
    if chains.is_empty() {
        return;
    }
    findings.section("Changes of mode");
    let row = |(name, t): &(&str, &Transitions)| {
        let [low, high] = t.interval.map(words::number);
        vec![
            (*name).to_owned(),
            words::count(t.chains as u64),
            words::count(t.steps),
            words::count(t.count),
            format!("{} ({low} to {high})", words::number(t.per_thousand)),
            format!("{} of {}", t.moved, t.chains),
        ]
    };
    findings.table(
        &["chain", "chains", "steps in all", "changes", "a thousand steps (95%)", "chains that changed"],
        &chains.iter().map(row).collect::<Vec<_>>(),
    );
    for (name, t) in chains.iter().filter(|(_, t)| t.count == 0 && t.steps > 0 && t.between.len() > 1) {
        findings.say(&format!(
            "No chain of {name} changed its mode in {} steps on average, counted from where it first was near the middle of one.",
            words::count(t.steps / t.chains.max(1) as u64)
        ));
    }
}

pub(super) fn say_barriers(
    all: &[(Pair, Barrier)],
    tried: &[Tried],
    target: &Target,
    found: &Modes,
    findings: &mut Findings,
) -> Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    findings.section("Barriers");
    let lowest = all[0].1.sigma;
    let row = |(pair, b): &(Pair, Barrier)| {
        vec![
            format!("{} to {}", pair[0], pair[1]),
            if b.way == Way::Straight { "straight" } else { "least" }.to_owned(),
            words::number(b.forward),
            words::number(b.backward),
            words::number(b.difference),
            format!("{} ± {}", words::number(b.integral), words::number(b.integral_error)),
        ]
    };
    let here: Vec<Vec<String>> = all.iter().filter(|(_, b)| b.sigma == lowest).map(row).collect();
    findings.table(&["modes", "way", "barrier, nats", "back, nats", "log p difference", "by the score's integral"], &here);
    let from = if all[0].1.from_density { "log p itself" } else { "the score's line integral" };
    findings.say(&format!("At σ = {}, between the densest points of each mode, from {from}.", words::number(lowest)));
    let least = all.iter().filter(|(_, b)| b.sigma == lowest && b.way == Way::Least).map(|(_, b)| b.forward.min(b.backward));
    let least = least.fold(f64::INFINITY, f64::min);
    let plain = tried.iter().find(|t| t.sampler == "langevin");
    if least > 3.0 && found.count() > 1 {
        let settings = plain.map_or(String::new(), |t| format!(" ({})", t.settings));
        findings.say(&format!(
            "The lowest barrier is {} nats: a chain at this level{settings} crosses about once in e^{} ≈ {} of the times in which it moves about \
             a mode. Take samplers that come down from much noise (annealed, heun){}.",
            words::number(least),
            words::number(least),
            words::number(least.min(700.0).exp()),
            if target.has_log_density() { ", or tempering" } else { "" }
        ));
    }
    let mut along: Vec<(f64, f64)> = all
        .iter()
        .filter(|(p, b)| *p == [0, 1] && b.way == Way::Straight && b.sigma > 0.0)
        .map(|(_, b)| (b.sigma, b.forward))
        .collect();
    along.sort_by(|a, b| a.0.total_cmp(&b.0));
    let profiles: Vec<(String, &Vec<(f64, f64)>)> = all
        .iter()
        .filter(|(p, b)| *p == [0, 1] && b.sigma == lowest)
        .map(|(_, b)| (if b.way == Way::Straight { "straight" } else { "way of least barrier" }.to_owned(), &b.profile))
        .collect();
    let series: Vec<Series<'_>> = profiles.iter().map(|(name, points)| Series { name, points }).collect();
    findings.picture(
        "barrier.png",
        &curve(&Curve {
            title: "log p on the way from mode 0 to mode 1",
            caption: &format!("At σ = {}, from {from}.", words::number(lowest)),
            series: &series,
            x_label: "share of the way",
            y_label: "log p − log p(mode 0), nats",
        })?,
    )?;
    if along.len() > 1 {
        findings.picture(
            "barrier-noise.png",
            &curve(&Curve {
                title: "Noise takes the barrier away",
                caption: "The barrier from mode 0 to mode 1 along the straight line, at each noise level.",
                series: &[Series { name: "barrier", points: &along }],
                x_label: "noise level σ",
                y_label: "barrier, nats",
            })?,
        )?;
    }
    Ok(())
}
