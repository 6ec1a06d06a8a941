//! Brings one published file into a folder, checked, or leaves the folder as it was.

use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::fingerprint::hex;

/// A file as its publisher has it.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    pub url: String,
    pub bytes: u64,
    /// Of the file as it travels, 64 hexadecimal digits.
    pub sha256: String,
}

/// Downloads `remote` into an unnamed-to-be file beside its final place and checks its length and its SHA-256; dropping the result
/// removes it. The error is the reason, for a person.
pub(super) fn download(remote: &Remote, folder: &Path) -> Result<NamedTempFile, String> {
    let failed = |reason: String| format!("downloading {} failed: {reason}", remote.url);
    let here = |e: std::io::Error| format!("cannot write into {}: {e}", folder.display());
    std::fs::create_dir_all(folder).map_err(here)?;
    let mut file = tempfile::Builder::new().prefix(".download-").tempfile_in(folder).map_err(here)?;

    let config = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_recv_body(Some(Duration::from_secs(30 * 60)))
        .build();
    let response = ureq::Agent::new_with_config(config).get(&remote.url).call().map_err(|e| failed(e.to_string()))?;
    // One byte more than there should be is enough to know that it is another file.
    let mut body = response.into_body().into_reader().take(remote.bytes + 1);
    let (mut hasher, mut buffer, mut at) = (Sha256::new(), vec![0; 1 << 16], 0u64);
    loop {
        let n = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(failed(format!("after {at} of {} bytes: {e}", remote.bytes))),
        };
        hasher.update(&buffer[..n]);
        file.write_all(&buffer[..n]).map_err(here)?;
        at += n as u64;
    }
    if at != remote.bytes {
        let found = if at > remote.bytes { "more".to_string() } else { at.to_string() };
        return Err(failed(format!("expected {} bytes, got {found}", remote.bytes)));
    }
    let found = hex(&hasher.finalize());
    if found != remote.sha256 {
        return Err(failed(format!("expected SHA-256 {}, got {found}", remote.sha256)));
    }
    Ok(file)
}

/// Gives a checked file its name, complete or not at all.
pub(super) fn settle(file: NamedTempFile, path: &Path) -> Result<(), String> {
    let here = |e: std::io::Error| format!("cannot write {}: {e}", path.display());
    file.as_file().sync_all().map_err(here)?;
    file.persist(path).map_err(|e| here(e.error))?;
    Ok(())
}
