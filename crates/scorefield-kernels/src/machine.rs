//! What the machine is and how fast it really is: instruction sets, multiply-add peak, copy bandwidth, memory.

use crate::dispatch::{Simd, Variant, active, available, simd};
use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// The instruction sets that the kernels could use, slowest first, and the one that they use.
#[derive(Clone, Debug)]
pub struct Features {
    /// Name of the processor's architecture (`x86_64`, `aarch64`, …).
    pub architecture: &'static str,
    /// Sets that this machine has.
    pub available: Vec<&'static str>,
    /// The set in use.
    pub active: &'static str,
}

/// Instruction sets found and used.
pub fn features() -> Features {
    Features {
        architecture: std::env::consts::ARCH,
        available: available().iter().map(|s| s.name()).collect(),
        active: active().name(),
    }
}

/// Physical memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total: u64,
    /// What a new program could get without swapping.
    pub available: u64,
}

/// Physical memory by `/proc/meminfo`, or what this process's control group leaves of it; `None` where there is no such file.
pub fn memory() -> Option<Memory> {
    let machine = parse_meminfo(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
    Some(group().map_or(machine, |group| Memory {
        total: machine.total.min(group.total),
        available: machine.available.min(group.available),
    }))
}

/// The limit of the control group (version 2) that this process is in, if it has one.
fn group() -> Option<Memory> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?.trim();
    let number = |text: String| text.trim().parse::<u64>().ok();
    // In a container the group is seen as the root.
    [format!("/sys/fs/cgroup/{path}"), "/sys/fs/cgroup".to_owned()].iter().find_map(|folder| {
        let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).ok();
        let total = number(read("memory.max")?)?;
        let used = number(read("memory.current")?)?;
        // Pages of files that were read count as used and are given up when they are wanted.
        let files = read("memory.stat")?.lines().find_map(|line| line.strip_prefix("inactive_file ")?.trim().parse().ok());
        Some(Memory { total, available: total.saturating_sub(used.saturating_sub(files.unwrap_or(0))) })
    })
}

/// Memory that this process holds, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resident {
    /// Now.
    pub now: u64,
    /// At most since it began, or since [`forget_peak`].
    pub peak: u64,
}

/// What this process holds, by `/proc/self/status`; `None` where there is no such file.
pub fn resident() -> Option<Resident> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    Some(Resident { now: kilobytes(&text, "VmRSS")?, peak: kilobytes(&text, "VmHWM")? })
}

/// Begins a new peak of [`resident`], where the system lets it.
pub fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn parse_meminfo(text: &str) -> Option<Memory> {
    Some(Memory { total: kilobytes(text, "MemTotal")?, available: kilobytes(text, "MemAvailable")? })
}

/// The number of a line `name: 123 kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Single-precision peak in 10⁹ operations a second, a multiply-add counted as two: what `threads` threads did in `duration` with
/// nothing but independent multiply-adds on registers.
pub fn fma_peak_gflops(threads: usize, duration: Duration) -> f64 {
    let rates = on_threads(threads, || {
        let (mut rounds, start) = (0u64, Instant::now());
        while start.elapsed() < duration {
            black_box(multiply_add(active(), black_box(0.5)));
            rounds += 1;
        }
        rounds as f64 * (ROUNDS * CHAINS * width(active()) * 2) as f64 / start.elapsed().as_secs_f64()
    });
    rates.iter().sum::<f64>() / 1e9
}

/// Memory bandwidth in 10⁹ bytes a second, counting bytes read and bytes written, of `threads` threads that each copy 64 MiB, four
/// times.
pub fn copy_bandwidth_gb(threads: usize) -> f64 {
    const NUMBERS: usize = 1 << 24;
    let rates = on_threads(threads, || {
        let from = vec![1.0f32; NUMBERS];
        // Filled with something else than zero, so that its pages exist before the clock starts.
        let mut to = vec![2.0f32; NUMBERS];
        let start = Instant::now();
        for _ in 0..4 {
            black_box(&mut to).copy_from_slice(black_box(&from));
        }
        (4 * 2 * NUMBERS * size_of::<f32>()) as f64 / start.elapsed().as_secs_f64()
    });
    rates.iter().sum::<f64>() / 1e9
}

/// Runs `work` on as many new threads, which start together.
fn on_threads(threads: usize, work: impl Fn() -> f64 + Sync) -> Vec<f64> {
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        let run = || {
            barrier.wait();
            work()
        };
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        handles.into_iter().filter_map(|h| h.join().ok()).collect()
    })
}

const ROUNDS: usize = 10_000;
/// Independent chains: about latency times throughput of today's cores, and no more than there are registers.
const CHAINS: usize = 12;

/// Numbers in a link of a chain.
fn width(simd: Simd) -> usize {
    match simd.variant() {
        Variant::Portable => 16,
        #[cfg(target_arch = "x86_64")]
        Variant::Avx512 => 16,
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        _ => 8,
    }
}

fn multiply_add(simd: Simd, x: f32) -> f32 {
    match simd.variant() {
        Variant::Portable => separate(simd, x),
        // SAFETY: this `Simd` exists only where `dispatch::detect` found AVX-512F.
        #[cfg(target_arch = "x86_64")]
        Variant::Avx512 => unsafe { fused_avx512(x) },
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        _ => fused(simd, x),
    }
}

/// [`multiply_add_body`] by hand: for this width the compiler takes the chains apart into single numbers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn fused_avx512(x: f32) -> f32 {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_reduce_add_ps, _mm512_set1_ps};
    let (x, one) = (_mm512_set1_ps(x), _mm512_set1_ps(1.0));
    let mut acc: [_; CHAINS] = std::array::from_fn(|i| _mm512_set1_ps(i as f32));
    for _ in 0..ROUNDS {
        for chain in &mut acc {
            *chain = _mm512_fmadd_ps(*chain, x, one);
        }
    }
    acc.iter().map(|&chain| _mm512_reduce_add_ps(chain)).sum()
}

simd! {
    fn fused(x: f32) -> f32 = multiply_add_body::<8, true>;
    fn separate(x: f32) -> f32 = multiply_add_body::<16, false>;
}

#[inline(always)]
fn multiply_add_body<const WIDTH: usize, const FUSED: bool>(x: f32) -> f32 {
    let mut acc = [[0.0f32; WIDTH]; CHAINS];
    for (i, chain) in acc.iter_mut().enumerate() {
        for (j, lane) in chain.iter_mut().enumerate() {
            *lane = (i * WIDTH + j) as f32;
        }
    }
    for _ in 0..ROUNDS {
        for chain in &mut acc {
            for lane in chain {
                *lane = if FUSED { lane.mul_add(x, 1.0) } else { *lane * x + 1.0 };
            }
        }
    }
    acc.iter().flatten().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_read_in_bytes_and_a_damaged_one_is_none() {
        let text = "MemTotal:       16384 kB\nMemFree:  1 kB\nMemAvailable:   8192 kB\n";
        assert_eq!(parse_meminfo(text), Some(Memory { total: 16 << 20, available: 8 << 20 }));
        assert_eq!(parse_meminfo("MemTotal: 16384 kB\n"), None);
        assert_eq!(parse_meminfo("MemTotal: x kB\nMemAvailable: 8192 kB\n"), None);
        assert_eq!(parse_meminfo("MemTotal: 99999999999999999999 kB\nMemAvailable: 18446744073709551615 kB\n"), None);
        assert_eq!(parse_meminfo(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_block_that_is_written_is_in_the_peak_and_the_peak_can_be_forgotten() {
        const BYTES: usize = 64 << 20;
        // Other tests run beside this one and may free as much in the meantime: it is enough that it is seen once.
        let seen = (0..50).any(|_| {
            forget_peak();
            let before = resident().unwrap().peak;
            let block = black_box(vec![1u8; BYTES]);
            let during = resident().unwrap();
            drop(block);
            during.peak >= before + (BYTES as u64) / 2
        });
        assert!(seen);
        assert!(memory().unwrap().available <= memory().unwrap().total);
    }

    #[test]
    fn the_set_in_use_is_one_of_those_available() {
        let f = features();
        assert!(f.available.contains(&f.active));
    }

    #[test]
    fn chains_of_multiply_adds_converge_to_their_fixed_point() {
        // z = z/2 + 1 has the fixed point 2, in each of the lanes.
        for &simd in available() {
            assert_eq!(multiply_add(simd, 0.5), (2 * CHAINS * width(simd)) as f32);
        }
    }

    #[test]
    fn measured_rates_are_positive() {
        assert!(fma_peak_gflops(2, Duration::from_millis(1)) > 0.0);
        assert_eq!(fma_peak_gflops(0, Duration::from_millis(1)), 0.0);
    }
}
