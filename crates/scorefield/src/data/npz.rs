//! A zip of `.npy` arrays, as NumPy's `savez` writes it; one array is chosen by name.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::ZipArchive;

use super::npy::{self, Header};
use super::rows::Rows;
use crate::error::{Error, Result};

/// The array called `name`, or the only one. At most `limit` bytes are inflated.
pub(super) fn open(path: &Path, name: Option<&str>, limit: u64) -> Result<(Rows, Header)> {
    let broken = |e: zip::result::ZipError| Error::file(path, format!("not a readable zip of arrays: {e}"));
    let file = File::open(path).map_err(|e| Error::read(path, &e))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let mut names = Vec::new();
    for entry in archive.file_names() {
        names.push(entry.map_err(broken)?.into_owned());
    }
    names.sort();
    let arrays: Vec<&str> = names.iter().filter_map(|n| n.strip_suffix(".npy")).collect();
    let chosen = match (name, &arrays[..]) {
        (_, []) => return Err(Error::file(path, "holds no array (an entry that ends in .npy)")),
        (Some(name), _) if arrays.contains(&name) => name,
        (Some(name), _) => return Err(Error::file(path, format!("holds no array {name}, only {}", arrays.join(", ")))),
        (None, [only]) => only,
        (None, [first, ..]) => {
            let problem = format!("holds {} arrays, {}: say which", arrays.len(), arrays.join(", "));
            return Err(Error::file(path, problem).with_hint(format!("{}:{first}", path.display())));
        }
    };
    let mut entry = archive.by_name(&format!("{chosen}.npy")).map_err(broken)?;
    let header = Header::read(&mut entry, path)?;
    let (event, bytes) = header.layout(path)?;
    if bytes > limit {
        let problem = format!("array {chosen} takes {bytes} bytes, more than the {limit} that are held in memory");
        return Err(Error::file(path, problem).with_hint("save it as .npy, which is read from disk row by row"));
    }
    let rows = npy::from_reader(&header, event, bytes, &mut entry, path)?;
    Ok((rows, header))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;

    use super::super::source::all;
    use super::*;
    use crate::key::{Key, Purpose};

    fn npz(arrays: &[(&str, &str, &[u8])]) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().suffix(".npz").tempfile().unwrap();
        let mut zip = zip::ZipWriter::new(file.reopen().unwrap());
        for (name, shape, data) in arrays {
            zip.start_file(*name, SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated)).unwrap();
            let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
            zip.write_all(&[b"\x93NUMPY\x01\x00", &[text.len() as u8, 0][..], text.as_bytes(), data].concat()).unwrap();
        }
        zip.finish().unwrap();
        file
    }

    #[test]
    fn an_array_is_found_by_name_or_because_it_is_the_only_one() {
        let one = npz(&[("x.npy", "(2, 2)", &[1, 2, 3, 4])]);
        let two = npz(&[("x.npy", "(1, 1)", &[9]), ("y.npy", "(2, 2)", &[1, 2, 3, 4])]);
        for (file, name) in [(&one, None), (&one, Some("x")), (&two, Some("y"))] {
            let (rows, _) = open(file.path(), name, 100).unwrap();
            assert_eq!(all(&rows, 9, Key::new(0, Purpose::Data)).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        }
        let refusal = |file: &tempfile::NamedTempFile, name, limit| open(file.path(), name, limit).err().unwrap().to_string();
        assert!(refusal(&two, None, 100).contains("holds 2 arrays, x, y: say which"));
        assert!(refusal(&two, Some("z"), 100).contains("holds no array z, only x, y"));
        assert!(refusal(&two, Some("y"), 3).contains("takes 4 bytes, more than the 3"));
    }

    #[test]
    fn an_archive_that_is_none_or_lies_is_refused() {
        let refusal = |file: &tempfile::NamedTempFile| open(file.path(), None, 1 << 40).err().unwrap().to_string();
        assert!(refusal(&npz(&[])).contains("holds no array"));
        assert!(refusal(&npz(&[("x.npy", "(99999, 99999)", &[1])])).contains("truncated"));
        let text = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(text.path(), "a,b\n").unwrap();
        assert!(refusal(&text).contains("not a readable zip"));
    }
}
