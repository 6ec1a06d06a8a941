//! Files from anybody: no parser panics, hangs, or takes more than 10 s and 1 GiB for one input, whatever is in it.
//!
//! The functions are those of fuzz/. Every file of the corpus is replayed, then mutants of them, made by a seeded generator: bytes flipped, numbers
//! replaced by extreme ones, pieces cut out, doubled and spliced. This is no fuzzer that is led by coverage: what it does not reach by chance it
//! does not reach (`cargo +nightly fuzz run any` in fuzz/ is one).
//!
//! `FUZZ_SECONDS` says how long the mutants are tried, over all targets together (30 if it is not set); `FUZZ_SEED` makes others. What ended the test is in
//! target/hostile/.

#[path = "../../../fuzz/src/targets.rs"]
mod targets;

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use scorefield_kernels::machine;
use targets::{TARGETS, Target};

const MOST_TIME: Duration = Duration::from_secs(10);
const MOST_MEMORY: u64 = 1 << 30;
const LONGEST: usize = 1 << 20;

/// SplitMix64 (Steele, Lea & Flood 2014): the mutants need no quality, and the house's keys have no state.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const WORDS: &[&str] = &[
    "0",
    "-1",
    "1e999",
    "-1e999",
    "nan",
    "inf",
    "18446744073709551615",
    "99999999999999999999999",
    "4294967296",
    "1e-400",
    "\"\"",
    "null",
    "true",
    "[]",
    "{}",
    "../../../../etc/passwd",
    "/",
    "\u{0}",
    "((((((((",
    "[[[[[[[[",
    "é",
    "\r\n",
];

fn mutate(dice: &mut Dice, from: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = from.to_vec();
    for _ in 0..1 + dice.below(4) {
        let at = dice.below(bytes.len());
        let length = dice.below(bytes.len() - at.min(bytes.len())).min(1 + dice.below(256));
        match dice.below(10) {
            _ if bytes.is_empty() => bytes = other.to_vec(),
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes[at] = *dice.of(&[0, 1, 0x7f, 0x80, 0xff, b'"', b',', b'\n']),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..at + length)),
            4 => {
                let piece = bytes[at..at + length].to_vec();
                let to = dice.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            5 => {
                let from = dice.below(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from.min(other.len())..]);
            }
            6 => {
                let number = *dice.of(&[0, 1, 0xff, 0x7fff, 0x8000_0000, 0xffff_ffff, u64::MAX >> 1, u64::MAX, 1 << 40]);
                let size = *dice.of(&[2, 4, 8]);
                let packed = if dice.below(2) == 0 {
                    number.to_le_bytes()[..size].to_vec()
                } else {
                    number.to_be_bytes()[8 - size..].to_vec()
                };
                let end = (at + size).min(bytes.len());
                bytes[at..end].copy_from_slice(&packed[..end - at]);
            }
            7 => {
                // A number in digits, whole, becomes another word.
                let digit = |b: &u8| b.is_ascii_digit();
                if let Some(start) = bytes[at..].iter().position(digit).map(|i| at + i) {
                    let end = bytes[start..].iter().position(|b| !digit(b)).map_or(bytes.len(), |i| start + i);
                    bytes.splice(start..end, dice.of(WORDS).bytes());
                }
            }
            8 => drop(bytes.splice(at..at, dice.of(WORDS).bytes())),
            _ => {
                let piece = bytes[at..at + length].to_vec();
                for _ in 0..dice.below(64) {
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target.name);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no corpus", target.name);
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// What is being tried, for whoever ends the process.
struct Trying {
    name: &'static str,
    bytes: Vec<u8>,
    since: Instant,
}

static NOW: Mutex<Option<Trying>> = Mutex::new(None);

fn keep(trying: &Trying, why: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/hostile");
    let file = folder.join(format!("{}-{why}", trying.name));
    let _ = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, &trying.bytes));
    format!("{} {why}: {}", trying.name, file.display())
}

/// Runs one input within its limits; `Err` says what was wrong and where the input is.
fn one(target: &Target, bytes: &[u8]) -> Result<(), String> {
    machine::forget_peak();
    let before = machine::resident();
    *NOW.lock().unwrap() = Some(Trying { name: target.name, bytes: bytes.to_vec(), since: Instant::now() });
    let outcome = catch_unwind(AssertUnwindSafe(|| target.run(bytes)));
    let trying = NOW.lock().unwrap().take().unwrap();
    let took = trying.since.elapsed();
    let more = before.zip(machine::resident()).map_or(0, |(before, after)| after.peak.saturating_sub(before.now));
    match outcome {
        Err(_) => Err(keep(&trying, "panicked")),
        Ok(()) if took > MOST_TIME => Err(keep(&trying, "took-too-long")),
        Ok(()) if more > MOST_MEMORY => Err(keep(&trying, &format!("took-{}-MiB", more >> 20))),
        Ok(()) => Ok(()),
    }
}

/// A hang cannot be unwound: the process ends with the input kept.
fn watch() {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            if let Some(trying) = NOW.lock().unwrap().as_ref()
                && trying.since.elapsed() > 2 * MOST_TIME
            {
                eprintln!("{}", keep(trying, "hangs"));
                std::process::abort();
            }
        }
    });
}

#[test]
fn no_file_makes_a_parser_panic_hang_or_fill_the_memory() {
    watch();
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = number("FUZZ_SECONDS").unwrap_or(30) as f64;
    let only = std::env::var("FUZZ_TARGET").ok();
    let targets: Vec<&Target> = TARGETS.iter().filter(|t| only.as_deref().is_none_or(|name| t.name == name)).collect();
    let mut wrong = Vec::new();
    let mut tried = BTreeMap::new();
    for target in &targets {
        let seeds = corpus(target);
        let mut failures = 0;
        for seed in &seeds {
            wrong.extend(one(target, seed).err());
        }
        let mut dice = Dice(number("FUZZ_SEED").unwrap_or(1));
        let (begun, share) = (Instant::now(), seconds / targets.len() as f64);
        let mut count = seeds.len();
        while begun.elapsed().as_secs_f64() < share && failures < 3 {
            let (from, other) = (dice.of(&seeds).clone(), dice.of(&seeds).clone());
            let mutant = mutate(&mut dice, &from, &other);
            if let Err(e) = one(target, &mutant) {
                wrong.push(e);
                failures += 1;
            }
            count += 1;
        }
        tried.insert(target.name, count);
    }
    println!("{seconds:.0} s of mutants, inputs tried: {tried:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
