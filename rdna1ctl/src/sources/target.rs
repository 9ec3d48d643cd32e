// SPDX-License-Identifier: GPL-2.0

//! Targets of GPU code: the ISAs, as LLVM names and numbers them
//! (<https://llvm.org/docs/AMDGPUUsage.html>, "AMDGPU Processors" and "EF_AMDGPU_MACH values").

/// The card's ISA.
pub const CARD: &str = "gfx1010";

/// The ISA that libraries assume for the card under `HSA_OVERRIDE_GFX_VERSION=10.3.0`.
pub const OVERRIDDEN: &str = "gfx1030";

/// The numbers of the ISAs in an ELF header's flags.
const NUMBERS: [(u32, &str); 53] = [
    (0x020, "gfx600"),
    (0x021, "gfx601"),
    (0x022, "gfx700"),
    (0x023, "gfx701"),
    (0x024, "gfx702"),
    (0x025, "gfx703"),
    (0x026, "gfx704"),
    (0x028, "gfx801"),
    (0x029, "gfx802"),
    (0x02a, "gfx803"),
    (0x02b, "gfx810"),
    (0x02c, "gfx900"),
    (0x02d, "gfx902"),
    (0x02e, "gfx904"),
    (0x02f, "gfx906"),
    (0x030, "gfx908"),
    (0x031, "gfx909"),
    (0x032, "gfx90c"),
    (0x033, CARD),
    (0x034, "gfx1011"),
    (0x035, "gfx1012"),
    (0x036, OVERRIDDEN),
    (0x037, "gfx1031"),
    (0x038, "gfx1032"),
    (0x039, "gfx1033"),
    (0x03a, "gfx602"),
    (0x03b, "gfx705"),
    (0x03c, "gfx805"),
    (0x03d, "gfx1035"),
    (0x03e, "gfx1034"),
    (0x03f, "gfx90a"),
    (0x040, "gfx940"),
    (0x041, "gfx1100"),
    (0x042, "gfx1013"),
    (0x043, "gfx1150"),
    (0x044, "gfx1103"),
    (0x045, "gfx1036"),
    (0x046, "gfx1101"),
    (0x047, "gfx1102"),
    (0x048, "gfx1200"),
    (0x04a, "gfx1151"),
    (0x04b, "gfx941"),
    (0x04c, "gfx942"),
    (0x04e, "gfx1201"),
    (0x04f, "gfx950"),
    (0x051, "gfx9-generic"),
    (0x052, "gfx10-1-generic"),
    (0x053, "gfx10-3-generic"),
    (0x054, "gfx11-generic"),
    (0x055, "gfx1152"),
    (0x058, "gfx1153"),
    (0x059, "gfx12-generic"),
    (0x05f, "gfx9-4-generic"),
];

/// `EF_AMDGPU_MACH`: the part of the flags that names the ISA.
const MACHINE: u32 = 0xff;

/// `EF_AMDGPU_FEATURE_XNACK_V4`. If all its bits are set, the code needs XNACK (page faults).
const XNACK: u32 = 0x300;

/// The end of a target's name if its code needs XNACK.
const XNACK_ON: &str = ":xnack+";

/// The target that the flags of a code object's ELF header name.
pub fn of_flags(flags: u32) -> Option<String> {
    let mut numbers = NUMBERS.iter();
    let (_, name) = numbers.find(|(number, _)| *number == flags & MACHINE)?;
    let xnack = if flags & XNACK == XNACK { XNACK_ON } else { "" };
    Some(format!("{name}{xnack}"))
}

/// Whether the card runs code for that target: its own, or the generic one of its family. KFD never
/// turns XNACK on for a gfx10, so ROCm does not load code that needs it.
pub fn runs(target: &str) -> bool {
    let isa = target.split(':').next().unwrap_or_default();
    [CARD, "gfx10-1-generic"].contains(&isa) && !target.contains(XNACK_ON)
}

/// The target in a name: of a file, such as `Kernels.so-000-gfx1010.hsaco`, or of a bundle's entry,
/// such as `hipv4-amdgcn-amd-amdhsa--gfx90a:xnack-`.
pub fn in_name(name: &str) -> Option<&str> {
    let from = name.get(name.find("gfx")?..)?;
    let count = |text: &str, wanted: fn(&char) -> bool| text.chars().take_while(wanted).count();
    let digits = count(from.get(3..)?, char::is_ascii_digit);
    let mut end = 3 + digits;
    // gfx10-1-generic
    let mut after = from.get(end..)?;
    if let Some(rest) = after.strip_prefix('-') {
        let minor = count(rest, char::is_ascii_digit);
        if minor != 0 && rest.get(minor..)?.starts_with("-generic") {
            end += 1 + minor;
            after = from.get(end..)?;
        }
    }
    if after.starts_with("-generic") {
        end += "-generic".len();
    } else {
        // gfx90a
        end = 3 + count(from.get(3..)?, |c| {
            c.is_ascii_digit() || ('a'..='f').contains(c)
        });
    }
    let features = from.get(end..)?;
    if features.starts_with(XNACK_ON) {
        end += XNACK_ON.len();
    }
    (digits != 0).then(|| from.get(..end))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_name_the_target() {
        assert_eq!(of_flags(0x033).as_deref(), Some("gfx1010"));
        assert_eq!(of_flags(0x133).as_deref(), Some("gfx1010"));
        assert_eq!(of_flags(0x333).as_deref(), Some("gfx1010:xnack+"));
        assert_eq!(of_flags(0x136).as_deref(), Some("gfx1030"));
        assert_eq!(of_flags(0x0100_0052).as_deref(), Some("gfx10-1-generic"));
        assert_eq!(of_flags(0), None);
    }

    #[test]
    fn each_number_and_name_is_there_once() {
        for (at, (number, name)) in NUMBERS.iter().enumerate() {
            let mut rest = NUMBERS.iter().skip(at + 1);
            assert!(!rest.any(|(n, t)| n == number || t == name), "{name}");
        }
    }

    #[test]
    fn names_hold_targets() {
        for (name, target) in [
            ("TensileLibrary_lazy_gfx1010.dat", Some("gfx1010")),
            ("Kernels.so-000-gfx1010-xnack-.hsaco", Some("gfx1010")),
            ("hipv4-amdgcn-amd-amdhsa--gfx1010:xnack-", Some("gfx1010")),
            (
                "hipv4-amdgcn-amd-amdhsa--gfx1010:xnack+",
                Some("gfx1010:xnack+"),
            ),
            ("hipv4-amdgcn-amd-amdhsa--gfx90a:sramecc+", Some("gfx90a")),
            ("hip-amdgcn-amd-amdhsa-gfx803", Some("gfx803")),
            ("x--gfx10-1-generic", Some("gfx10-1-generic")),
            ("x--gfx11-generic", Some("gfx11-generic")),
            ("TensileLibrary_gfx10101.co", Some("gfx10101")),
            ("host-x86_64-unknown-linux--", None),
            ("gfx", None),
            ("gfxé", None),
        ] {
            assert_eq!(in_name(name), target, "{name}");
        }
    }

    #[test]
    fn what_the_card_runs() {
        for target in ["gfx1010", "gfx1010:xnack-", "gfx10-1-generic"] {
            assert!(runs(target), "{target}");
        }
        for target in [
            "gfx1030",
            "gfx1010:xnack+",
            "gfx10101",
            "gfx10-3-generic",
            "",
        ] {
            assert!(!runs(target), "{target}");
        }
    }
}
