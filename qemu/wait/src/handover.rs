// SPDX-License-Identifier: GPL-2.0

//! The host hands fresh files to a guest that waits: an archive in the format of an initramfs
//! ("newc" cpio), through a port of virtio-serial.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path};

use anyhow::{bail, ensure, Context, Result};
use cpio::newc::Reader;
use modproof_formats::words::HANDOVER_PORT;

const KIND: u32 = 0o170_000;
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;

/// Opens the port to the host.
pub fn open() -> Result<File> {
    let ports = Path::new("/sys/class/virtio-ports");
    let entries = fs::read_dir(ports).with_context(|| format!("read {}", ports.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
        if name.trim_end() == HANDOVER_PORT {
            let device = Path::new("/dev").join(entry.file_name());
            return File::open(&device).with_context(|| format!("open {}", device.display()));
        }
    }
    bail!("no virtio-serial port is named {HANDOVER_PORT}")
}

/// Unpacks an archive below `root` as it comes, up to its end.
pub fn unpack(mut from: impl Read, root: &Path) -> Result<()> {
    loop {
        let mut entry = Reader::new(&mut from).context("read the archive")?;
        let head = entry.entry();
        if head.is_trailer() {
            return Ok(());
        }
        let (name, mode, size) = (head.name().to_owned(), head.mode(), head.file_size());
        unpack_entry(&mut entry, root, &name, mode, size)
            .with_context(|| format!("unpack {name}"))?;
        entry
            .finish()
            .with_context(|| format!("read the archive after {name}"))?;
    }
}

fn unpack_entry(from: &mut impl Read, root: &Path, name: &str, mode: u32, size: u32) -> Result<()> {
    let plain = |part| matches!(part, Component::Normal(_));
    ensure!(Path::new(name).components().all(plain), "no plain path");
    let path = root.join(name);
    match mode & KIND {
        FOLDER => fs::create_dir_all(path)?,
        FILE => {
            // Remove first: the kernel refuses to write to a running program, as /init is.
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)?,
                _ => {}
            }
            let copied = std::io::copy(from, &mut File::create_new(&path)?)?;
            ensure!(copied == size.into(), "{copied} bytes of {size} came");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o777))?;
        }
        kind => bail!("neither a file nor a folder: {kind:o}"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use cpio::newc::{trailer, Builder};

    use super::*;

    fn entry(name: &str, mode: u32, data: &[u8]) -> Vec<u8> {
        let builder = Builder::new(name).mode(mode);
        let mut writer = builder.write(Vec::new(), data.len().try_into().unwrap());
        writer.write_all(data).unwrap();
        writer.finish().unwrap()
    }

    fn end() -> Vec<u8> {
        trailer(Vec::new()).unwrap()
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
            end(),
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
        let whole = [entry("a", 0o100_644, b"12345"), end()].concat();
        for length in 0..whole.len() - 3 {
            assert!(unpacked(&whole[..length]).is_err(), "{length} bytes");
        }
        assert!(unpacked(&whole).is_ok());
        let in_data = &whole[..whole.len() - end().len() - 4];
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
            let archive = [entry(name, mode, b"x"), end()].concat();
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
