// SPDX-License-Identifier: GPL-2.0

//! What the host hands to a guest that waits: an archive of fresh files, in the
//! format of an initramfs ("newc" cpio), through a port of virtio-serial.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context, Result};

/// The port's name, as the host gives it.
const PORT: &str = "rdna1.handover";
/// In the archive: the words that say what to run.
pub const WORDS: &str = "rdna1.words";

const MAGIC: &[u8] = b"070701";
const FIELDS: usize = 13;
const END: &str = "TRAILER!!!";
const KIND: u32 = 0o170_000;
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
/// No name is longer: what says so is no archive.
const LONGEST_NAME: usize = 4096;

/// Opens the port to the host.
pub fn open() -> Result<File> {
    let ports = Path::new("/sys/class/virtio-ports");
    let entries = fs::read_dir(ports).with_context(|| format!("read {}", ports.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
        if name.trim_end() == PORT {
            let device = Path::new("/dev").join(entry.file_name());
            return File::open(&device).with_context(|| format!("open {}", device.display()));
        }
    }
    bail!("no virtio-serial port is named {PORT}")
}

/// Unpacks an archive below `root` as it comes, up to its end.
pub fn unpack(mut from: impl Read, root: &Path) -> Result<()> {
    loop {
        let entry = Entry::read(&mut from)?;
        if entry.name == END {
            return Ok(());
        }
        entry
            .unpack(&mut from, root)
            .with_context(|| format!("unpack {}", entry.name))?;
    }
}

/// What stands before each file.
struct Entry {
    name: String,
    mode: u32,
    size: u32,
}

impl Entry {
    fn read(from: &mut impl Read) -> Result<Self> {
        let mut head = [0; MAGIC.len() + FIELDS * 8];
        from.read_exact(&mut head).context("read the archive")?;
        ensure!(head.starts_with(MAGIC), "the archive is no newc cpio");
        let field = |number: usize| -> Result<u32> {
            let at = MAGIC.len() + number * 8;
            let text = std::str::from_utf8(&head[at..at + 8])?;
            u32::from_str_radix(text, 16).with_context(|| format!("a field of the archive: {text}"))
        };
        let (mode, size, name_size) = (field(1)?, field(6)?, field(11)? as usize);
        ensure!(
            (1..=LONGEST_NAME).contains(&name_size),
            "a name of {name_size} bytes in the archive"
        );
        let mut name = vec![0; name_size + padding(head.len() + name_size)];
        from.read_exact(&mut name).context("read the archive")?;
        name.truncate(name_size - 1);
        let name = String::from_utf8(name).context("a name in the archive")?;
        Ok(Self { name, mode, size })
    }

    fn unpack(&self, from: &mut impl Read, root: &Path) -> Result<()> {
        let path = self.below(root)?;
        match self.mode & KIND {
            FOLDER => Ok(fs::create_dir_all(path)?),
            FILE => {
                // It may be the program that runs just now: that one cannot be written to.
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)?,
                    _ => {}
                }
                let mut file = File::create_new(&path)?;
                let size = u64::from(self.size);
                let copied = std::io::copy(&mut from.take(size), &mut file)?;
                ensure!(copied == size, "{copied} bytes of {size} came");
                file.flush()?;
                fs::set_permissions(&path, fs::Permissions::from_mode(self.mode & 0o777))?;
                let mut rest = [0; 3];
                Ok(from.read_exact(&mut rest[..padding(self.size as usize)])?)
            }
            kind => bail!("neither a file nor a folder: {kind:o}"),
        }
    }

    fn below(&self, root: &Path) -> Result<PathBuf> {
        let plain = |c| matches!(c, std::path::Component::Normal(_));
        let path = Path::new(&self.name);
        ensure!(path.components().all(plain), "no plain path");
        Ok(root.join(path))
    }
}

/// How many bytes are missing to a multiple of four.
fn padding(length: usize) -> usize {
    length.next_multiple_of(4) - length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, mode: u32, data: &[u8]) -> Vec<u8> {
        let size = data.len();
        let name_size = name.len() + 1;
        let mut bytes = MAGIC.to_vec();
        for field in [1, mode as usize, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0] {
            bytes.extend(format!("{field:08X}").bytes());
        }
        bytes.extend(name.bytes());
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn unpacked(archive: &[u8]) -> Result<tempfile::TempDir> {
        let root = tempfile::tempdir()?;
        unpack(archive, root.path())?;
        Ok(root)
    }

    #[test]
    fn files_replace_older_ones_and_keep_their_mode() {
        let archive = [
            entry("modules", 0o040_755, b""),
            entry("modules/a.ko", 0o100_644, b"12345"),
            entry("init", 0o100_755, b"old"),
            entry("init", 0o100_755, b"new program"),
            entry(END, 0, b""),
        ]
        .concat();
        let root = unpacked(&archive).unwrap();
        assert_eq!(
            fs::read(root.path().join("modules/a.ko")).unwrap(),
            b"12345"
        );
        let init = root.path().join("init");
        assert_eq!(fs::read(&init).unwrap(), b"new program");
        assert_eq!(
            fs::metadata(init).unwrap().permissions().mode() & 0o777,
            0o755
        );
    }

    #[test]
    fn an_archive_cut_off_anywhere_is_refused() {
        let whole = [entry("a", 0o100_644, b"12345"), entry(END, 0, b"")].concat();
        for length in 0..whole.len() - 3 {
            assert!(unpacked(&whole[..length]).is_err(), "{length} bytes");
        }
        assert!(unpacked(&whole).is_ok());
        let in_data = &whole[..whole.len() - entry(END, 0, b"").len() - 4];
        let error = format!("{:#}", unpacked(in_data).unwrap_err());
        assert_eq!(error, "unpack a: 4 bytes of 5 came");
    }

    #[test]
    fn nothing_leaves_the_root_and_nothing_but_files_is_made() {
        for (name, mode) in [
            ("../a", 0o100_644),
            ("/a", 0o100_644),
            ("a", 0o120_777),
            ("a", 0o020_600),
        ] {
            let archive = [entry(name, mode, b"x"), entry(END, 0, b"")].concat();
            assert!(unpacked(&archive).is_err(), "{name} {mode:o}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        assert!(unpacked(&[b'x'; 200]).is_err());
        let mut long = entry("a", 0o100_644, b"");
        long[94..102].copy_from_slice(b"FFFFFFFF");
        assert!(unpacked(&long).is_err());
    }
}
