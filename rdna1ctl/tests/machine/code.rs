// SPDX-License-Identifier: GPL-2.0

//! Fake GPU code: files with valid headers and no instructions.

use std::io::Write as _;

use ruzstd::encoding::{compress_to_vec, CompressionLevel};

/// ISA numbers in the flags of a code object (LLVM's AMDGPUUsage).
pub const GFX1010: u32 = 0x033;
pub const GFX1030: u32 = 0x036;
pub const GFX1010_XNACK: u32 = 0x333;
pub const GFX10_1_GENERIC: u32 = 0x0100_0052;

fn header(machine: u16, flags: u32, sections: u64, count: u16) -> Vec<u8> {
    let mut elf = b"\x7fELF\x02\x01\x01\x40".to_vec();
    elf.resize(16, 0);
    elf.extend(3u16.to_le_bytes());
    elf.extend(machine.to_le_bytes());
    elf.extend(1u32.to_le_bytes());
    elf.extend([0; 16]);
    elf.extend(sections.to_le_bytes());
    elf.extend(flags.to_le_bytes());
    for number in [64, 0, 0, 64, count, count.saturating_sub(1)] {
        elf.extend(number.to_le_bytes());
    }
    elf
}

/// A code object for an ISA.
pub fn object(flags: u32) -> Vec<u8> {
    let mut object = header(224, flags, 0, 0);
    object.extend([0x5a; 64]);
    object
}

/// An x86-64 library with one section.
pub fn library(name: &str, contents: &[u8]) -> Vec<u8> {
    const AT: usize = 4096;
    let names = format!("\0{name}\0.shstrtab\0");
    let names_at = AT + contents.len();
    let mut elf = header(62, 0, (names_at + names.len()) as u64, 3);
    elf.resize(AT, 0);
    elf.extend(contents);
    elf.extend(names.as_bytes());
    let mut section = |name: usize, at: usize, size: usize| {
        elf.extend((name as u32).to_le_bytes());
        elf.extend(1u32.to_le_bytes());
        for number in [0, 0, at, size] {
            elf.extend((number as u64).to_le_bytes());
        }
        elf.extend([0; 24]);
    };
    section(0, 0, 0);
    section(1, AT, contents.len());
    section(name.len() + 2, names_at, names.len());
    elf
}

/// A library with one bundle for each source file.
pub fn fat(bundles: &[&[u8]]) -> Vec<u8> {
    let mut section = Vec::new();
    for bundle in bundles {
        section.extend(*bundle);
        section.resize(section.len().next_multiple_of(4096), 0);
    }
    library(".hip_fatbin", &section)
}

/// A bundle for these targets: a code object for a target with flags, else filler bytes.
pub fn bundle(targets: &[(&str, Option<u32>)]) -> Vec<u8> {
    let mut list = b"__CLANG_OFFLOAD_BUNDLE__".to_vec();
    list.extend((targets.len() as u64 + 1).to_le_bytes());
    let mut code: Vec<u8> = Vec::new();
    let mut entry = |name: &str, bytes: &[u8]| {
        list.extend((4096 + code.len() as u64).to_le_bytes());
        list.extend((bytes.len() as u64).to_le_bytes());
        list.extend((name.len() as u64).to_le_bytes());
        list.extend(name.as_bytes());
        code.extend(bytes);
    };
    entry("host-x86_64-unknown-linux--", b"");
    for (target, flags) in targets {
        let bytes = flags.map_or_else(|| vec![0x5a; 128], object);
        entry(&format!("hipv4-amdgcn-amd-amdhsa--{target}"), &bytes);
    }
    list.resize(4096, 0);
    list.extend(code);
    list
}

/// A bundle that lists these targets without code objects.
pub fn listed(targets: &[&str]) -> Vec<u8> {
    let targets: Vec<_> = targets.iter().map(|target| (*target, None)).collect();
    bundle(&targets)
}

/// The compression of a bundle.
pub enum Method {
    Zlib,
    Zstd,
    Unknown,
}

/// A compressed bundle in that version of the format.
pub fn compressed(bundle: &[u8], version: u16, method: &Method) -> Vec<u8> {
    let (number, data) = match method {
        Method::Zlib => {
            let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            zlib.write_all(bundle).unwrap();
            (0u16, zlib.finish().unwrap())
        }
        Method::Zstd => (1, compress_to_vec(bundle, CompressionLevel::Fastest)),
        Method::Unknown => (7, bundle.to_vec()),
    };
    let mut made = b"CCOB".to_vec();
    made.extend(version.to_le_bytes());
    made.extend(number.to_le_bytes());
    let head = [20, 24, 32][usize::from(version - 1)];
    let (all, whole) = (head + data.len(), bundle.len());
    match version {
        1 => made.extend((whole as u32).to_le_bytes()),
        2 => {
            made.extend((all as u32).to_le_bytes());
            made.extend((whole as u32).to_le_bytes());
        }
        _ => {
            made.extend((all as u64).to_le_bytes());
            made.extend((whole as u64).to_le_bytes());
        }
    }
    made.extend([0xab; 8]);
    assert_eq!(made.len(), head);
    made.extend(data);
    made
}
