//! Who holds a run folder: which process on which machine, since when, as people read it and as a machine can check it.
//!
//! The number of a process is used again after its end. What tells one process from every other of its machine is the machine's boot, the
//! space that its number is from, and the moment it began: together its `process`, which Linux tells in /proc.

use std::fmt;
use std::fs;

use serde::{Deserialize, Serialize};

use crate::words;

/// The longest record that is read, in bytes.
pub(super) const MAX_HOLDER_BYTES: u64 = 4096;

/// One who trains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    /// The process's number.
    pub pid: u32,
    /// The machine's name.
    pub host: String,
    /// When it took hold, as people read it.
    pub since: String,
    /// What no other process has; `None` where the operating system does not tell.
    #[serde(default)]
    pub process: Option<Process>,
}

/// A process beyond its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// The kernel's name for this boot of the machine.
    pub boot: String,
    /// The space that the number is from: containers have their own.
    pub space: String,
    /// When it began, in ticks since the boot.
    pub began: u64,
}

/// What can be known of a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It runs.
    Alive,
    /// It has ended, whoever has its number now.
    Dead,
    /// It is on another machine or in another container, or this system does not tell.
    Unknown,
}

impl Holder {
    /// This process, from now on.
    pub fn this() -> Self {
        let pid = std::process::id();
        Self { pid, host: host(), since: words::utc(std::time::SystemTime::now()), process: Process::of("self") }
    }

    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The holder that a record names; `None` for anything else, a torn record above all.
    pub fn parse(record: &[u8]) -> Option<Self> {
        let mut holder: Self = serde_json::from_slice(record).ok()?;
        // It is printed: nothing that a terminal would obey.
        for text in [&mut holder.host, &mut holder.since] {
            text.retain(|c| !c.is_control());
        }
        Some(holder)
    }

    pub fn life(&self) -> Life {
        let (Some(then), Some(here)) = (&self.process, Process::of("self")) else { return Life::Unknown };
        if then.boot != here.boot {
            // The same machine has been started anew since; another one may still run.
            return if self.host == host() && then.space == here.space { Life::Dead } else { Life::Unknown };
        }
        if then.space != here.space {
            return Life::Unknown;
        }
        match Process::of(&self.pid.to_string()) {
            Some(now) if now == *then => Life::Alive,
            _ => Life::Dead,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

impl Process {
    fn of(pid: &str) -> Option<Self> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
        let space = fs::read_link("/proc/self/ns/pid").ok()?.to_string_lossy().into_owned();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in brackets, in which anything may stand; the start is the 20th after it.
        let began = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
        Some(Self { boot, space, began })
    }
}

/// The machine's name.
fn host() -> String {
    let file = |path| fs::read_to_string(path).ok();
    let variable = |name| std::env::var(name).ok();
    let names = [file("/proc/sys/kernel/hostname"), file("/etc/hostname"), variable("HOSTNAME"), variable("COMPUTERNAME")];
    let name = names.into_iter().flatten().map(|name| name.trim().to_owned()).find(|name| !name.is_empty());
    name.unwrap_or_else(|| "a machine without a name".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_and_a_torn_one_is_none() {
        let me = Holder::this();
        let record = me.to_json();
        assert!(record.len() < MAX_HOLDER_BYTES as usize);
        assert_eq!(Holder::parse(&record).as_ref(), Some(&me));
        for length in 0..record.len() {
            assert_eq!(Holder::parse(&record[..length]), None);
        }
        let rude = Holder { host: "a\u{1b}[2Jb\n".into(), ..me };
        assert_eq!(Holder::parse(&rude.to_json()).unwrap().host, "a[2Jb");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_is_alive_until_it_ends_and_its_number_alone_does_not_revive_it() {
        let me = Holder::this();
        assert_eq!(me.life(), Life::Alive);
        let process = me.process.clone().unwrap();
        let with = |change: fn(&mut Process)| {
            let mut changed = process.clone();
            change(&mut changed);
            Holder { process: Some(changed), ..me.clone() }.life()
        };
        // The number was used again: another process began at another moment.
        assert_eq!(with(|p| p.began += 1), Life::Dead);
        assert_eq!(with(|p| p.boot.push('x')), Life::Dead);
        assert_eq!(with(|p| p.space.push('x')), Life::Unknown);
        assert_eq!(Holder { process: None, ..me.clone() }.life(), Life::Unknown);
        let elsewhere = Process { boot: "another".into(), ..process };
        assert_eq!(Holder { host: "another".into(), process: Some(elsewhere), ..me }.life(), Life::Unknown);

        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id();
        let holder = Holder { pid, process: Process::of(&pid.to_string()), ..Holder::this() };
        assert_eq!(holder.life(), Life::Alive);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(holder.life(), Life::Dead);
    }
}
