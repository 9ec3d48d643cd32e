// SPDX-License-Identifier: GPL-2.0

//! Bundles of GPU code for several targets, as clang writes them
//! (<https://clang.llvm.org/docs/ClangOffloadBundler.html>). rdna1ctl reads only their lists; of a
//! compressed bundle, it decompresses only the part with the list.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt as _;

use flate2::read::ZlibDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::target;

const MAGIC: &[u8] = b"__CLANG_OFFLOAD_BUNDLE__";
const COMPRESSED: &[u8] = b"CCOB";

/// The most bytes of a bundle that are read. Its list of entries is at its beginning. A compressed
/// list can be read only with its complete first blocks, of up to 128 KiB each.
const LIST: u64 = 64 << 10;
const COMPRESSED_LIST: u64 = 256 << 10;

/// The most bytes of a compressed bundle's header.
const HEADER: u64 = 32;

/// The most entries of a bundle. LLVM knows some 60 targets.
const ENTRIES: usize = 256;

/// The GPU code of a bundle, by target.
pub struct Bundle {
    /// The size of the bundle in bytes; `None` if its header does not say.
    pub size: Option<u64>,
    /// The entries with GPU code.
    pub entries: Vec<Entry>,
}

/// The code for a target.
pub struct Entry {
    /// The target in the entry's name, or the full name if it contains no target.
    pub target: String,
    /// The offset of the code in the file; `None` in a compressed bundle.
    pub at: Option<u64>,
}

/// Whether a bundle begins with these bytes.
pub fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) || bytes.starts_with(COMPRESSED)
}

/// A compressed bundle.
pub struct Compressed {
    /// Its size in bytes; `None` if its header does not say.
    pub size: Option<u64>,
}

/// Reads only the header of the bundle at that offset; `None` if it is not compressed.
pub fn compressed(file: &File, at: u64) -> Result<Option<Compressed>, String> {
    let head = bytes(file, at, HEADER)?;
    if !head.starts_with(COMPRESSED) {
        return Ok(None);
    }
    let header = Header::of(&head).ok_or_else(malformed)?;
    Ok(Some(Compressed { size: header.size }))
}

/// Reads the list of the bundle at that offset of a file; the error says why it cannot be read.
pub fn read(file: &File, at: u64) -> Result<Bundle, String> {
    let head = bytes(file, at, HEADER)?;
    if !head.starts_with(COMPRESSED) {
        return list(&bytes(file, at, LIST)?, Some(at)).ok_or_else(malformed);
    }
    let header = Header::of(&head).ok_or_else(malformed)?;
    let length = header.size.unwrap_or(u64::MAX).min(COMPRESSED_LIST);
    let head = bytes(file, at, length)?;
    let rest = head.get(header.length..).unwrap_or_default();
    let list = match header.method {
        0 => list(&unpack(ZlibDecoder::new(rest)), None),
        1 => list(&unpack(zstd(rest)?), None),
        method => return Err(format!("it is compressed by an unknown method ({method})")),
    };
    Ok(Bundle {
        size: header.size,
        ..list.ok_or("its list cannot be decompressed")?
    })
}

fn malformed() -> String {
    "its bundle of GPU code is malformed".to_owned()
}

/// At most `most` bytes of a file, from an offset on.
pub fn bytes(file: &File, at: u64, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; usize::try_from(most).map_err(|error| error.to_string())?];
    let mut length = 0;
    while let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) {
        match file.read_at(room, at.saturating_add(length as u64)) {
            Ok(0) => break,
            Ok(size) => length += size,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// The header of a compressed bundle.
struct Header {
    length: usize,
    method: u16,
    size: Option<u64>,
}

impl Header {
    /// Version 1 has no size, and version 3 has larger fields.
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut rest = Numbers(bytes.get(COMPRESSED.len()..)?);
        let (version, method) = (rest.u16()?, rest.u16()?);
        let (size, sizes) = match version {
            1 => (None, 4),
            2 => (Some(u64::from(rest.u32()?)), 8),
            3 => (Some(rest.u64()?), 16),
            _ => return None,
        };
        // The sizes, then 8 bytes of a hash.
        let length = COMPRESSED.len() + 4 + sizes + 8;
        Some(Self {
            length,
            method,
            size,
        })
    }
}

/// The list of a bundle: for each entry its offset, its size, the length of its name, and its name.
fn list(bytes: &[u8], at: Option<u64>) -> Option<Bundle> {
    let mut rest = Numbers(bytes.strip_prefix(MAGIC)?);
    let count = usize::try_from(rest.u64()?).ok()?;
    if count > ENTRIES {
        return None;
    }
    let mut bundle = Bundle {
        size: at.map(|_| 0),
        entries: Vec::new(),
    };
    for _ in 0..count {
        let (offset, size) = (rest.u64()?, rest.u64()?);
        let length = usize::try_from(rest.u64()?).ok()?;
        let name = String::from_utf8_lossy(rest.take(length)?).into_owned();
        let end = offset.checked_add(size)?;
        bundle.size = bundle.size.map(|all| all.max(end));
        if size == 0 || name.starts_with("host") {
            continue;
        }
        bundle.entries.push(Entry {
            target: target::in_name(&name).unwrap_or(&name).to_owned(),
            at: at.and_then(|at| at.checked_add(offset)),
        });
    }
    Some(bundle)
}

/// Takes little-endian numbers from the beginning of bytes.
struct Numbers<'a>(&'a [u8]);

impl<'a> Numbers<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
}

/// Decompresses as much as may hold a list. Only the beginning of the data is there, so the decoder
/// ends with an error.
fn unpack(data: impl Read) -> Vec<u8> {
    let mut bytes = vec![0; 16 << 10];
    let mut length = 0;
    let mut data = data;
    while let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) {
        match data.read(room) {
            Ok(size) if size != 0 => length += size,
            _ => break,
        }
    }
    bytes.truncate(length);
    bytes
}

/// Decompresses a frame of Zstandard (RFC 8878). The frame may ask for a window of gigabytes, but
/// its first block needs none. So this replaces the frame's header by one that asks for the least,
/// 1 KiB.
fn zstd(frame: &[u8]) -> Result<impl Read + '_, String> {
    const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
    const LEAST: [u8; 6] = [MAGIC[0], MAGIC[1], MAGIC[2], MAGIC[3], 0, 0];
    let rest = frame.strip_prefix(&MAGIC).ok_or_else(malformed)?;
    let (descriptor, rest) = rest.split_first().ok_or_else(malformed)?;
    let is_single = descriptor & 0x20 != 0;
    let window = if is_single { 0 } else { 1 };
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content = match descriptor >> 6 {
        0 => usize::from(is_single),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let blocks = rest.get(window + dictionary + content..);
    let source = LEAST.chain(blocks.ok_or_else(malformed)?);
    StreamingDecoder::new(source).map_err(|error| error.to_string())
}
