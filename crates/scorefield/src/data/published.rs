//! Finds the files of a published data set in the folders where they may lie, or brings them there from their publisher.

use std::path::{Path, PathBuf};

use super::fetch::{self, Remote};
use super::open::Options;
use crate::error::{Error, Result};

/// The folders and the mirror that the environment names.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// `$SCOREFIELD_DATA`.
    pub data: Option<PathBuf>,
    /// The user's cache folder for this program.
    pub cache: Option<PathBuf>,
    /// `$SCOREFIELD_MIRROR`: serves `NAME/FILE` in place of the publishers.
    pub mirror: Option<String>,
}

impl Places {
    pub fn from_environment() -> Self {
        let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| !p.as_os_str().is_empty());
        let absolute = |name| folder(name).filter(|p| p.is_absolute());
        let platform = if cfg!(windows) {
            absolute("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            absolute("HOME").map(|home| home.join("Library/Caches"))
        } else {
            absolute("HOME").map(|home| home.join(".cache"))
        };
        Self {
            data: folder("SCOREFIELD_DATA"),
            cache: absolute("XDG_CACHE_HOME").or(platform).map(|cache| cache.join("scorefield")),
            mirror: std::env::var("SCOREFIELD_MIRROR").ok().filter(|url| !url.is_empty()),
        }
    }

    /// Where data set `name` is looked for, first place first. A folder of the data set's own name comes before the folder around it:
    /// MNIST's and Fashion-MNIST's files have the same names.
    fn folders(&self, options: &Options, name: &str) -> Vec<PathBuf> {
        let roots = options.data_dir.iter().chain(&self.data).chain(&self.cache);
        roots.flat_map(|root| [root.join(name), root.clone()]).collect()
    }

    /// Where a person, or a download, should put the files.
    fn home(&self, options: &Options, name: &str) -> PathBuf {
        let root = options.data_dir.as_ref().or(self.data.as_ref()).or(self.cache.as_ref());
        root.map_or_else(|| PathBuf::from(name), |root| root.join(name))
    }

    /// The URL of a publisher's file, or its twin on the mirror.
    pub fn url(&self, name: &str, base: &str, file: &str) -> String {
        match &self.mirror {
            Some(mirror) => format!("{}/{name}/{file}", mirror.trim_end_matches('/')),
            None => format!("{base}/{file}"),
        }
    }
}

/// The files of one data set, and the way to get them.
pub(super) struct Wanted<'a> {
    pub name: &'a str,
    /// The files that must be there, each with every spelling of its name; the first is the one to tell people.
    pub files: Vec<Vec<String>>,
    /// Brings the files into a folder.
    pub download: &'a dyn Fn(&Path) -> std::result::Result<(), String>,
}

/// Paths of the files wanted, in order, from one folder.
///
/// # Errors
/// [`Error::MissingData`] if no place has them and they cannot be fetched.
pub(super) fn locate(wanted: &Wanted, options: &Options, places: &Places) -> Result<Vec<PathBuf>> {
    let name = wanted.name;
    if let Some(folder) = &options.data_dir
        && !folder.is_dir()
    {
        return Err(Error::setting("--data-dir", "a folder that exists", folder.display()));
    }
    if let Some(found) = places.folders(options, name).iter().find_map(|folder| files_in(folder, &wanted.files)) {
        return Ok(found);
    }
    let reason = match &places.cache {
        _ if options.offline => "offline: nothing was downloaded".to_string(),
        None => "no cache folder to download into: neither XDG_CACHE_HOME nor HOME is set".to_string(),
        Some(cache) => {
            let folder = cache.join(name);
            match (wanted.download)(&folder) {
                Ok(()) => match files_in(&folder, &wanted.files) {
                    Some(found) => return Ok(found),
                    None => "the download did not contain them".to_string(),
                },
                Err(reason) => reason,
            }
        }
    };
    let files = wanted.files.iter().filter_map(|names| names.first().cloned()).collect();
    Err(Error::MissingData { name: name.to_string(), files, folder: places.home(options, name), hint: Some(reason) })
}

/// Downloads single files, each under its own name.
pub(super) fn download_each(remotes: &[(&str, Remote)], folder: &Path) -> std::result::Result<(), String> {
    remotes.iter().try_for_each(|(name, remote)| fetch::settle(fetch::download(remote, folder)?, &folder.join(name)))
}

fn files_in(folder: &Path, files: &[Vec<String>]) -> Option<Vec<PathBuf>> {
    files.iter().map(|names| names.iter().map(|name| folder.join(name)).find(|path| path.is_file())).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use sha2::{Digest, Sha256};

    use super::super::fingerprint::hex;
    use super::super::open::open_from;
    use super::*;

    const BODY: &[u8] = b"sixteen bytes ok";

    /// Answers requests on this machine: `/good`, `/other` (other bytes), `/cut` (half of them), anything else is not found.
    fn server() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                let path = request.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
                let (status, body) = match path.rsplit('/').next() {
                    Some("good") => ("200 OK", BODY),
                    Some("other") => ("200 OK", &b"fifteen and one."[..]),
                    Some("cut") => ("200 OK", &BODY[..8]),
                    Some("long") => ("200 OK", &b"sixteen bytes ok and more"[..]),
                    _ => ("404 Not Found", &b"no"[..]),
                };
                let length = if path.ends_with("cut") { BODY.len() } else { body.len() };
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(&[head.as_bytes(), body].concat());
            }
        });
        address
    }

    fn locate_from(server: &str, file: &str, cache: &Path, offline: bool) -> Result<Vec<PathBuf>> {
        let places = Places { data: None, cache: Some(cache.to_path_buf()), mirror: Some(server.to_string()) };
        let remote = Remote { url: places.url("set", "unused", file), bytes: 16, sha256: hex(&Sha256::digest(BODY)) };
        let download = |folder: &Path| download_each(&[("data.bin", remote.clone())], folder);
        let wanted = Wanted { name: "set", files: vec![vec!["data.bin".into(), "data".into()]], download: &download };
        locate(&wanted, &Options { offline, ..Options::default() }, &places)
    }

    #[test]
    fn a_good_download_is_kept_and_found_again_without_the_server() {
        let cache = tempfile::tempdir().unwrap();
        let found = locate_from(&server(), "good", cache.path(), false).unwrap();
        assert_eq!(found, [cache.path().join("set/data.bin")]);
        assert_eq!(std::fs::read(&found[0]).unwrap(), BODY);
        assert_eq!(locate_from("http://127.0.0.1:1", "good", cache.path(), true).unwrap(), found);
    }

    #[test]
    fn a_bad_download_leaves_nothing_and_says_why() {
        let server = server();
        for (file, why) in
            [("other", "expected SHA-256"), ("missing", "404"), ("cut", "failed"), ("long", "expected 16 bytes, got more")]
        {
            let cache = tempfile::tempdir().unwrap();
            let error = locate_from(&server, file, cache.path(), false).unwrap_err();
            assert_eq!((error.kind(), error.exit_code()), ("missing-data", 2));
            assert!(error.to_string().contains("put data.bin into") && error.hint().unwrap().contains(why), "{file}: {error:?}");
            assert_eq!(std::fs::read_dir(cache.path().join("set")).unwrap().count(), 0, "{file}");
        }
        let cache = tempfile::tempdir().unwrap();
        let refused = locate_from("http://127.0.0.1:1", "good", cache.path(), false).unwrap_err();
        assert!(refused.hint().unwrap().contains("http://127.0.0.1:1/set/good"));
        assert!(locate_from(&server, "good", cache.path(), true).unwrap_err().hint().unwrap().contains("offline"));
    }

    /// An IDX file of `sizes` filled with `byte`.
    fn idx(magic: u32, sizes: &[u32], byte: u8) -> Vec<u8> {
        let head = [&[magic][..], sizes].concat().into_iter().flat_map(u32::to_be_bytes);
        head.chain(std::iter::repeat_n(byte, sizes.iter().product::<u32>() as usize)).collect()
    }

    fn write_family(folder: &Path, dot: &str, byte: u8) {
        std::fs::create_dir_all(folder).unwrap();
        for (part, n) in [("train", 5), ("t10k", 2)] {
            std::fs::write(folder.join(format!("{part}-images{dot}idx3-ubyte")), idx(2051, &[n, 3, 2], byte)).unwrap();
            std::fs::write(folder.join(format!("{part}-labels{dot}idx1-ubyte")), idx(2049, &[n], 7)).unwrap();
        }
    }

    #[test]
    fn the_first_folder_that_has_the_files_wins_and_its_own_name_comes_first() {
        let root = tempfile::tempdir().unwrap();
        write_family(root.path(), ".", 10);
        let open = |name: &str, data_dir: Option<PathBuf>, data: Option<PathBuf>| {
            let options = Options { data_dir, offline: true, dequantise: super::super::Dequantise::None, ..Options::default() };
            let set = open_from(name, &options, &Places { data, ..Places::default() })?;
            assert_eq!((set.train.len(), set.held_out.len()), (Some(5), Some(2)));
            assert_eq!(set.train.labels(), Some(&[7; 5][..]));
            let first = super::super::all(&*set.train, 1, crate::key::Key::new(0, crate::key::Purpose::Data))?;
            Ok::<_, Error>((first[0] * 255.0).round() as u8)
        };
        let dir = || Some(root.path().to_path_buf());
        assert_eq!(open("mnist", dir(), None).unwrap(), 10);
        write_family(&root.path().join("fashion-mnist"), "-", 20);
        assert_eq!(open("fashion-mnist", dir(), None).unwrap(), 20);
        assert_eq!(open("fashion-mnist", None, dir()).unwrap(), 20);
        assert_eq!(open("mnist", dir(), None).unwrap(), 10);
        let error = open("mnist", None, None).unwrap_err();
        assert!(error.to_string().contains("train-images-idx3-ubyte.gz"), "{error}");
        std::fs::write(root.path().join("train-labels.idx1-ubyte"), idx(2049, &[4], 7)).unwrap();
        assert!(open("mnist", dir(), None).unwrap_err().to_string().contains("4 labels for 5 images"));
    }
}
