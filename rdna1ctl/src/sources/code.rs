// SPDX-License-Identifier: GPL-2.0

//! GPU code in a file: a code object, a bundle of them, or a program or library that contains
//! bundles.
//!
//! Reads are few and small, even if the file claims huge sizes: headers and lists, never the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Mutex, PoisonError};

use object::elf::{FileHeader64, SectionHeader64, ELFMAG, EM_AMDGPU, SHN_XINDEX};
use object::read::elf::FileHeader as _;
use object::{pod, LittleEndian};

use super::bundle::{self, bytes, Bundle};
use super::target;

/// The section of a program or a library that contains bundles.
const BUNDLES: &[u8] = b".hip_fatbin";

/// The section of a library whose code is in an archive beside it (rocm-kpack).
const MOVED: &[u8] = b".rocm_kpack_ref";

/// The most bundles that are looked at. PyTorch's largest library has some hundreds.
const MOST_BUNDLES: usize = 1024;

/// How many compressed bundles of a file to read. Each takes about a millisecond, and a sample
/// tells nearly as much as all of them.
pub const SOME: usize = 32;
/// All bundles; see [`SOME`].
pub const ALL: usize = usize::MAX;

/// The most bytes of a table of sections, and of their names.
const TABLE: u64 = 1 << 20;

/// The most bytes of padding between two bundles.
const PADDING: u64 = 1 << 20;

/// GPU code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Code {
    /// The targets that it is for.
    pub targets: BTreeSet<String>,
    /// The number of bundles or code objects.
    pub parts: usize,
    /// The number of those that have code for the card.
    pub fit: usize,
    /// The number of bundles that were not read, to save time.
    pub skipped: usize,
    /// Why there may be more code.
    pub unknown: Option<String>,
}

impl Code {
    fn unknown(why: impl Into<String>) -> Self {
        Self {
            unknown: Some(why.into()),
            ..Self::default()
        }
    }

    fn add(&mut self, targets: impl IntoIterator<Item = String>) {
        let targets: BTreeSet<_> = targets.into_iter().collect();
        // A bundle without GPU code says nothing.
        if targets.is_empty() {
            return;
        }
        self.parts += 1;
        self.fit += usize::from(targets.iter().any(|one| target::runs(one)));
        self.targets.extend(targets);
    }

    /// Whether the card can run it; `None` if that is unknown.
    pub fn fits(&self) -> Option<bool> {
        match (self.fit, &self.unknown) {
            (0, None) => Some(false),
            (0, Some(_)) => None,
            _ => Some(true),
        }
    }
}

/// Identifies the contents of a file, as far as the kernel tells, and the number of bundles to
/// read.
type Identity = (u64, u64, u64, [i64; 2], [i64; 2], usize);

/// The results of earlier reads, because several programs may use the same library.
static KNOWN: Mutex<BTreeMap<Identity, Code>> = Mutex::new(BTreeMap::new());

/// The GPU code of a file, from at most `most` of its compressed bundles; `None` if it has none.
/// The error says why the file cannot be read.
pub fn of(file: &File, most: usize) -> Result<Option<Code>, String> {
    let about = file.metadata().map_err(|error| error.to_string())?;
    let identity = (
        about.dev(),
        about.ino(),
        about.size(),
        [about.mtime(), about.mtime_nsec()],
        [about.ctime(), about.ctime_nsec()],
        most,
    );
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(code) = known().get(&identity) {
        return Ok(Some(code.clone()));
    }
    let code = read(file, about.size(), most)?;
    // Files without GPU code are not remembered: they are found fast, and a system has very many.
    if let Some(code) = &code {
        known().insert(identity, code.clone());
    }
    Ok(code)
}

fn read(file: &File, size: u64, most: usize) -> Result<Option<Code>, String> {
    let head = bytes(file, 0, 64)?;
    if bundle::is_one(&head) {
        return Ok(Some(bundles(file, 0, size, most)));
    }
    if !head.starts_with(&ELFMAG) {
        return Ok(None);
    }
    // GPU code is 64-bit code, and so are the programs that contain it.
    let Ok((header, _)) = pod::from_bytes::<FileHeader64<LittleEndian>>(&head) else {
        return Ok(None);
    };
    if !header.is_supported() || header.endian().is_err() {
        return Ok(None);
    }
    if header.e_machine.get(LittleEndian) == EM_AMDGPU {
        return Ok(Some(object(header)));
    }
    let sections = sections(file, header)?;
    let of = |wanted: &[u8]| sections.iter().find(|(name, ..)| name == wanted);
    let moved = of(MOVED)
        .map(|_| Code::unknown("its GPU code is in a kpack archive, which rdna1ctl cannot read"));
    Ok(moved.or_else(|| {
        let (_, at, length) = of(BUNDLES)?;
        Some(bundles(
            file,
            *at,
            at.saturating_add(*length).min(size),
            most,
        ))
    }))
}

fn object(header: &FileHeader64<LittleEndian>) -> Code {
    let flags = header.e_flags.get(LittleEndian);
    let Some(target) = target::of_flags(flags) else {
        return Code::unknown(format!(
            "its ELF flags {flags:#x} name no ISA that is known"
        ));
    };
    let mut code = Code::default();
    code.add([target]);
    code
}

fn sections(
    file: &File,
    header: &FileHeader64<LittleEndian>,
) -> Result<Vec<(Vec<u8>, u64, u64)>, String> {
    let size = size_of::<SectionHeader64<LittleEndian>>() as u64;
    let at = header.e_shoff.get(LittleEndian);
    let count = u64::from(header.e_shnum.get(LittleEndian));
    let names = header.e_shstrndx.get(LittleEndian);
    if at == 0 || u64::from(header.e_shentsize.get(LittleEndian)) != size || names == SHN_XINDEX {
        return Ok(Vec::new());
    }
    let table = bytes(file, at, (count * size).min(TABLE))?;
    let count = table.len() as u64 / size;
    let headers = pod::slice_from_bytes::<SectionHeader64<LittleEndian>>(
        &table,
        usize::try_from(count).unwrap_or_default(),
    );
    let Ok((headers, _)) = headers else {
        return Ok(Vec::new());
    };
    let Some(texts) = headers.get(usize::from(names)) else {
        return Ok(Vec::new());
    };
    let length = texts.sh_size.get(LittleEndian).min(TABLE);
    let texts = bytes(file, texts.sh_offset.get(LittleEndian), length)?;
    let found = headers.iter().map(|header| {
        let start = usize::try_from(header.sh_name.get(LittleEndian)).unwrap_or(usize::MAX);
        let name = texts.get(start..).unwrap_or_default();
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let at = header.sh_offset.get(LittleEndian);
        (name.to_vec(), at, header.sh_size.get(LittleEndian))
    });
    Ok(found.collect())
}

/// The code of the bundles between two offsets of a file: one bundle for each compiled source file.
fn bundles(file: &File, start: u64, end: u64, most: usize) -> Code {
    let mut code = Code::default();
    let mut compressed = Vec::new();
    let walked = walk(file, start, end, |at, found| match found {
        Some(found) => add(&mut code, file, found),
        None => compressed.push(at),
    });
    let all = compressed.len();
    // Take the sample evenly from all parts of the file.
    let count = all.min(most);
    let chosen = (0..count).filter_map(|number| compressed.get(number * all / count));
    let added = chosen.map(|at| bundle::read(file, *at).map(|found| add(&mut code, file, found)));
    let added = added.collect::<Result<(), _>>();
    code.skipped = all - count;
    code.unknown = walked.and(added).err();
    if code.parts == 0 && code.unknown.is_none() {
        return Code::unknown("it has no bundle of GPU code where one must be");
    }
    code
}

fn add(code: &mut Code, file: &File, found: Bundle) {
    code.add(found.entries.into_iter().map(|entry| {
        // The flags of the code object take precedence over the list.
        let head = entry.at.and_then(|at| bytes(file, at, 64).ok());
        own_target(&head.unwrap_or_default()).unwrap_or(entry.target)
    }));
}

/// Calls `each` with the offset of each bundle, and with the bundle itself if it is not compressed.
/// The error says why there may be more bundles.
fn walk(
    file: &File,
    start: u64,
    end: u64,
    mut each: impl FnMut(u64, Option<Bundle>),
) -> Result<(), String> {
    let mut from = start;
    for count in 0.. {
        let Some(at) = next(file, from, end)? else {
            break;
        };
        if count == MOST_BUNDLES {
            return Err(format!("only its first {MOST_BUNDLES} bundles were read"));
        }
        let size = match bundle::compressed(file, at)? {
            Some(found) => {
                each(at, None);
                found.size
            }
            None => {
                let found = bundle::read(file, at)?;
                let size = found.size;
                each(at, Some(found));
                size
            }
        };
        // Without a size, nothing tells whether another bundle follows.
        let size = size.ok_or("it is compressed in a form that names no size")?;
        // Advance by at least a header, so that the loop ends with any sizes.
        from = at.saturating_add(size.max(24));
    }
    Ok(())
}

fn own_target(head: &[u8]) -> Option<String> {
    let (header, _) = pod::from_bytes::<FileHeader64<LittleEndian>>(head).ok()?;
    let is_object = head.starts_with(&ELFMAG) && header.e_machine.get(LittleEndian) == EM_AMDGPU;
    let flags = is_object.then(|| header.e_flags.get(LittleEndian))?;
    target::of_flags(flags)
}

/// The offset of the next bundle; `None` if there is none. Only zeros may precede it.
fn next(file: &File, from: u64, end: u64) -> Result<Option<u64>, String> {
    const STEP: u64 = 16 << 10;
    let mut at = from;
    while at < end {
        let part = bytes(file, at, STEP.min(end - at))?;
        if part.is_empty() {
            return Ok(None);
        }
        let Some(first) = part.iter().position(|byte| *byte != 0) else {
            at += part.len() as u64;
            if at - from > PADDING {
                return Err("a part of its GPU code is empty".to_owned());
            }
            continue;
        };
        at += first as u64;
        let head = bytes(file, at, 24.min(end - at))?;
        if bundle::is_one(&head) {
            return Ok(Some(at));
        }
        return Err("a part of its GPU code is of an unknown form".to_owned());
    }
    Ok(None)
}
