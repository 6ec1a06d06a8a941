//! Numbers, times and tables as people read them.

/// Four significant digits: 0.2137, 12.35, 1.234e-7.
pub fn number(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 || !x.is_finite() {
        return x.to_string();
    }
    if !(1e-4..1e7).contains(&size) {
        return format!("{x:.3e}");
    }
    let decimals = (3 - size.log10().floor() as i32).max(0) as usize;
    let text = format!("{x:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Thousands apart: 1,797.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate without needless digits: 39,210, or 1.25.
pub fn rate(x: f64) -> String {
    if (100.0..1e15).contains(&x) { count(x.round() as u64) } else { number(x) }
}

/// Binary units: 4.2 MiB.
pub fn bytes(n: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut size, mut unit) = (n as f64, 0);
    while size >= 1023.95 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{n} B") } else { format!("{size:.1} {}", units[unit]) }
}

/// 0.42 s, 52.3 s, 3 min 20 s, 2 h 5 min.
pub fn seconds(s: f64) -> String {
    match s {
        s if s < 1e-3 => format!("{} µs", number(s * 1e6)),
        s if s < 0.1 => format!("{} ms", number(s * 1e3)),
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 99.95 => format!("{s:.1} s"),
        s if s < 5999.5 => format!("{} min {} s", (s.round() / 60.0).floor(), s.round() % 60.0),
        s => format!("{} h {} min", (s / 3600.0).floor(), (s % 3600.0 / 60.0).floor()),
    }
}

/// A moment to the second, in the time of Greenwich: 2026-11-26 23:17:36 UTC.
pub fn utc(moment: std::time::SystemTime) -> String {
    let since = moment.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (since / 86_400, since % 86_400);
    // The civil calendar from a count of days, its years begun in March so that a leap day comes last (Hinnant, chrono-compatible
    // low-level date algorithms, civil_from_days; days after 1970 only).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", second / 3600, second / 60 % 60, second % 60)
}

/// Columns aligned to the left, two spaces apart, each line ended; the last column as long as it likes.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|r| r.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits_and_no_tail_of_zeros() {
        let shown = [0.0, 0.5, 0.21374, -12.3456, 1234.56, 99999.4, 1.5e-7, 3e12, f64::NAN].map(number);
        assert_eq!(shown, ["0", "0.5", "0.2137", "-12.35", "1235", "99999", "1.500e-7", "3.000e12", "NaN"]);
    }

    #[test]
    fn counts_sizes_and_times_have_their_units() {
        assert_eq!([0, 999, 1797, 1_000_000].map(count), ["0", "999", "1,797", "1,000,000"]);
        assert_eq!([12, 1536, 1 << 20, 1 << 30].map(bytes), ["12 B", "1.5 KiB", "1.0 MiB", "1.0 GiB"]);
        assert_eq!(
            [2e-5, 0.012, 0.5, 52.34, 200.2, 7500.0].map(seconds),
            ["20 µs", "12 ms", "0.50 s", "52.3 s", "3 min 20 s", "2 h 5 min"]
        );
    }

    #[test]
    fn moments_are_dates_of_the_civil_calendar() {
        let at = |seconds| utc(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds));
        // By GNU date -u -d @SECONDS.
        assert_eq!(at(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(at(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(at(951_868_800), "2000-03-01 00:00:00 UTC");
        assert_eq!(at(1_709_208_000), "2024-02-29 12:00:00 UTC");
        assert_eq!(at(4_107_542_399), "2100-02-28 23:59:59 UTC");
        assert_eq!(at(4_107_542_400), "2100-03-01 00:00:00 UTC");
    }

    #[test]
    fn a_table_is_aligned_by_characters_not_bytes() {
        let rows = [["σ", "1"], ["long", "22"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "σ     1\nlong  22\n");
    }
}
