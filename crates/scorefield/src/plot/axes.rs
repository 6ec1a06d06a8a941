//! One axis: its range, and ticks at round numbers.

use super::heading::count;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    Log,
}

/// A value and its label.
pub(super) type Tick = (f64, String);

/// One axis: its range in data units and its label.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub lo: f64,
    pub hi: f64,
    pub scale: Scale,
    pub label: String,
}

impl Axis {
    pub fn linear(lo: f64, hi: f64, label: &str) -> Self {
        Self { lo, hi, scale: Scale::Linear, label: label.to_owned() }
    }

    /// 0 at the low end, 1 at the high end.
    pub fn unit(&self, v: f64) -> f64 {
        match self.scale {
            Scale::Linear => (v - self.lo) / (self.hi - self.lo),
            Scale::Log => (v / self.lo).ln() / (self.hi / self.lo).ln(),
        }
    }

    pub fn value(&self, unit: f64) -> f64 {
        match self.scale {
            Scale::Linear => self.lo + unit * (self.hi - self.lo),
            Scale::Log => self.lo * (self.hi / self.lo).powf(unit),
        }
    }

    /// Round values within the range, about `target` of them, with their labels.
    pub fn ticks(&self, target: usize) -> Vec<Tick> {
        if self.scale == Scale::Log {
            let ticks = self.log_ticks(target);
            if ticks.len() >= 2 {
                return ticks;
            }
        }
        let step = round_step((self.hi - self.lo) / target.max(1) as f64);
        let (first, last) = ((self.lo / step - 1e-9).ceil() as i64, (self.hi / step + 1e-9).floor() as i64);
        (first..=last).map(|k| (k as f64 * step, number(k as f64 * step, step))).collect()
    }

    /// Powers of ten; with 2 and 5 times them where there are few, every second or third where there are many.
    fn log_ticks(&self, target: usize) -> Vec<Tick> {
        let (first, last) = (self.lo.log10().floor() as i32, self.hi.log10().ceil() as i32);
        let decades = (self.hi / self.lo).log10();
        let factors: &[i32] = if decades * 3.0 <= target as f64 + 1.0 { &[1, 2, 5] } else { &[1] };
        let stride = ((decades / target.max(1) as f64).ceil() as i32).max(1);
        let plain = first >= -3 && last <= 4;
        (first..=last)
            .filter(|power| power % stride == 0)
            .flat_map(|power| factors.iter().map(move |factor| (*factor, power)))
            .map(|(factor, power)| {
                let v = f64::from(factor) * 10f64.powi(power);
                (v, if plain { number(v, v) } else { scientific(factor, power) })
            })
            .filter(|(v, _)| *v >= self.lo * (1.0 - 1e-9) && *v <= self.hi * (1.0 + 1e-9))
            .collect()
    }
}

/// The 1-2-5 number at or above `v`.
pub(super) fn round_step(v: f64) -> f64 {
    let power = 10f64.powf(v.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= v * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// A number with the decimals its step needs, a true minus sign and grouped thousands.
pub(super) fn number(v: f64, step: f64) -> String {
    let power = step.abs().log10().floor() as i32;
    if v != 0.0 && (v.abs() >= 1e7 || power < -4) {
        let exponent = v.abs().log10().floor() as i32;
        let digits = usize::try_from(exponent - power).unwrap_or(0).min(6);
        let mantissa = format!("{:.digits$}", v / 10f64.powi(exponent)).replace('-', "−");
        return format!("{mantissa}×10{}", superscript(exponent));
    }
    let decimals = usize::try_from(-power).unwrap_or(0);
    let text = format!("{:.decimals$}", v.abs());
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(w, f)| (w, Some(f)));
    let grouped = whole.parse().map_or_else(|_| whole.to_owned(), count);
    let sign = if v < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) { "−" } else { "" };
    fraction.map_or_else(|| format!("{sign}{grouped}"), |f| format!("{sign}{grouped}.{f}"))
}

fn scientific(factor: i32, power: i32) -> String {
    let ten = format!("10{}", superscript(power));
    if factor == 1 { ten } else { format!("{factor}×{ten}") }
}

fn superscript(v: i32) -> String {
    v.to_string()
        .chars()
        .map(|c| c.to_digit(10).map_or('⁻', |d| ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][d as usize]))
        .collect()
}

/// A range that shows the values: all of them with a margin, or the middle 99% where a few lie far off.
///
/// Empty input gives (−1, 1); a single value gets a range around it. Values must be finite.
pub(super) fn range(values: impl Iterator<Item = f64>, margin: f64) -> (f64, f64) {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (Some(&first), Some(&last)) = (sorted.first(), sorted.last()) else { return (-1.0, 1.0) };
    let quantile = |q: f64| sorted[(q * (sorted.len() - 1) as f64).round() as usize];
    let (low, high) = (quantile(0.005), quantile(0.995));
    let core = high - low;
    let (lo, hi) = if core > 0.0 && last - first > 6.0 * core { (low - 0.3 * core, high + 0.3 * core) } else { (first, last) };
    if hi - lo <= 1e-9 * lo.abs().max(hi.abs()) {
        let half = if lo == 0.0 { 1.0 } else { 0.1 * lo.abs().max(hi.abs()) };
        return ((lo + hi) / 2.0 - half, (lo + hi) / 2.0 + half);
    }
    (lo - margin * (hi - lo), hi + margin * (hi - lo))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks(5).into_iter().map(|t| t.1).collect()
    }

    #[test]
    fn ticks_are_round_and_labelled_with_the_decimals_they_need() {
        assert_eq!(labels(&Axis::linear(-8.0, 8.0, "")), ["−5", "0", "5"]);
        assert_eq!(labels(&Axis::linear(0.0, 0.9, "")), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(&Axis::linear(0.0, 20_000.0, "")), ["0", "5,000", "10,000", "15,000", "20,000"]);
        assert_eq!(labels(&Axis::linear(0.0, 4e9, "")), ["0", "1×10⁹", "2×10⁹", "3×10⁹", "4×10⁹"]);
    }

    #[test]
    fn log_ticks_are_powers_of_ten() {
        let log = |lo, hi| labels(&Axis { lo, hi, scale: Scale::Log, label: String::new() });
        assert_eq!(log(1e-6, 1.0), ["10⁻⁶", "10⁻⁴", "10⁻²", "10⁰"]);
        assert_eq!(log(0.09, 3.0), ["0.1", "0.2", "0.5", "1", "2"]);
        assert_eq!(log(1.2, 1.8), ["1.2", "1.4", "1.6", "1.8"]);
    }

    #[test]
    fn a_few_far_values_do_not_flatten_the_picture() {
        let values = (0..1000).map(|i| if i == 0 { 1e6 } else { f64::from(i) / 1000.0 });
        let (lo, hi) = range(values, 0.05);
        assert!(lo > -1.0 && hi < 2.0, "{lo} {hi}");
    }
}
