// SPDX-License-Identifier: GPL-2.0

//! Builds fake files of GPU code with valid headers and no instructions. Nothing executes them.

/// `EF_AMDGPU_MACH_AMDGCN_GFX1010` (LLVM's AMDGPUUsage).
pub const GFX1010: u32 = 0x033;
/// `EF_AMDGPU_MACH_AMDGCN_GFX1030`.
pub const GFX1030: u32 = 0x036;

/// Stands in the place of the instructions.
const MARK: &[u8] = b"made by the tests of rdna1_kfd_guard; no instructions";

const EM_X86_64: u16 = 62;
const EM_AMDGPU: u16 = 224;
/// `ELFOSABI_AMDGPU_HSA`.
const HSA: u8 = 64;
const PAGE: usize = 4096;

/// A 64-bit ELF header of a shared object with `count` section headers at `sections`. The last
/// section holds the names.
fn header(machine: u16, abi: u8, flags: u32, sections: usize, count: u16) -> Vec<u8> {
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, abi];
    elf.resize(16, 0);
    elf.extend(3_u16.to_le_bytes());
    elf.extend(machine.to_le_bytes());
    elf.extend(1_u32.to_le_bytes());
    elf.extend([0; 16]);
    elf.extend((sections as u64).to_le_bytes());
    elf.extend(flags.to_le_bytes());
    for number in [64, 0, 0, 64, count, count.saturating_sub(1)] {
        elf.extend(number.to_le_bytes());
    }
    elf
}

/// A code object for the ISA in `flags` (`e_flags`).
pub fn object(flags: u32) -> Vec<u8> {
    [header(EM_AMDGPU, HSA, flags, 0, 0), MARK.to_vec()].concat()
}

/// A clang offload bundle with one code object, listed for `target`.
fn bundle(target: &str, flags: u32) -> Vec<u8> {
    let object = object(flags);
    let name = format!("hipv4-amdgcn-amd-amdhsa--{target}");
    let mut bundle = b"__CLANG_OFFLOAD_BUNDLE__".to_vec();
    for number in [1, PAGE, object.len(), name.len()] {
        bundle.extend((number as u64).to_le_bytes());
    }
    bundle.extend(name.as_bytes());
    bundle.resize(PAGE, 0);
    bundle.extend(object);
    bundle
}

/// An x86-64 library whose GPU kernels are for `target`.
pub fn library(target: &str, flags: u32) -> Vec<u8> {
    const NAMES: &[u8] = b"\0.hip_fatbin\0.shstrtab\0";
    let code = bundle(target, flags);
    let names = PAGE + code.len();
    let mut elf = header(EM_X86_64, 0, 0, names + NAMES.len(), 3);
    elf.resize(PAGE, 0);
    elf.extend(&code);
    elf.extend(NAMES);
    for (name, at, size) in [(0, 0, 0), (1, PAGE, code.len()), (13, names, NAMES.len())] {
        elf.extend((name as u32).to_le_bytes());
        elf.extend(1_u32.to_le_bytes());
        for number in [0, 0, at, size] {
            elf.extend((number as u64).to_le_bytes());
        }
        elf.extend([0; 24]);
    }
    elf
}

#[cfg(test)]
mod tests {
    use super::*;
    use elf::endian::LittleEndian;
    use elf::ElfBytes;

    /// The `elf` crate parses the files, independently of rdna1ctl's own parser.
    #[test]
    fn a_reader_of_elf_takes_them() {
        let object = object(GFX1030);
        let elf = ElfBytes::<LittleEndian>::minimal_parse(&object).unwrap();
        assert_eq!((elf.ehdr.e_machine, elf.ehdr.e_flags), (EM_AMDGPU, GFX1030));
        let library = library("gfx1010", GFX1010);
        let elf = ElfBytes::<LittleEndian>::minimal_parse(&library).unwrap();
        let section = elf.section_header_by_name(".hip_fatbin").unwrap().unwrap();
        let (code, _) = elf.section_data(&section).unwrap();
        assert_eq!(code, bundle("gfx1010", GFX1010));
    }
}
