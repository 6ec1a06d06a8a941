//! The most memory that this process ever held.

/// Peak resident memory in bytes by Linux's `/proc/self/status`; `None` where there is no such file.
pub fn peak_bytes() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_bytes_and_a_damaged_file_is_none() {
        assert_eq!(parse("Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t   2048 kB\n"), Some(2 << 20));
        assert_eq!(parse("VmHWM:\t2048\n"), None);
        assert_eq!(parse(""), None);
    }
}
