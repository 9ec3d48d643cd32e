// SPDX-License-Identifier: GPL-2.0

//! The forms in which libraries contain GPU code.

use crate::machine::code::{self, Method, GFX1010, GFX1030};
use crate::machine::Machine;
use crate::{answer, place};

#[test]
fn forms_of_code() {
    let machine = Machine::bare();
    let file = "/app/libown.so";
    let (ours, theirs) = (
        code::listed(&["gfx900", "gfx1010"]),
        code::listed(&["gfx900"]),
    );
    for (bytes, wanted, status) in [
        (code::fat(&[&ours]), "native", 0),
        (code::fat(&[&theirs]), "no-code", 1),
        (code::fat(&[&theirs, &ours]), "native", 0),
        // The code's own flags outweigh the list.
        (
            code::fat(&[&code::bundle(&[("gfx1010", Some(GFX1030))])]),
            "override-only",
            1,
        ),
        (
            code::fat(&[&code::bundle(&[("gfx1030", Some(GFX1010))])]),
            "native",
            0,
        ),
        (
            code::fat(&[&code::compressed(&ours, 2, &Method::Zstd)]),
            "native",
            0,
        ),
        (
            code::fat(&[
                &code::compressed(&theirs, 3, &Method::Zlib),
                &code::compressed(&ours, 3, &Method::Zlib),
            ]),
            "native",
            0,
        ),
        (
            code::fat(&[&code::compressed(&theirs, 3, &Method::Zstd)]),
            "no-code",
            1,
        ),
        // The oldest format has no size: more may follow.
        (
            code::fat(&[&code::compressed(&theirs, 1, &Method::Zlib)]),
            "unknown",
            3,
        ),
        (
            code::fat(&[&code::compressed(&ours, 1, &Method::Zlib)]),
            "native",
            0,
        ),
        (
            code::fat(&[&code::compressed(&ours, 3, &Method::Unknown)]),
            "unknown",
            3,
        ),
        (code::fat(&[&theirs, b"something else"]), "unknown", 3),
        (code::fat(&[]), "unknown", 3),
        (code::library(".rocm_kpack_ref", b"\x82"), "unknown", 3),
        (code::library(".text", b"code"), "nothing-found", 3),
        (b"no library".to_vec(), "nothing-found", 3),
    ] {
        machine.put(file, &bytes);
        assert_eq!(answer(&machine, file, status), wanted);
        assert_eq!(answer(&machine, "/app", status), wanted);
    }
}

/// Appends a megabyte of incompressible data to a bundle.
fn like_real(mut bundle: Vec<u8>) -> Vec<u8> {
    let mut number = 1u32;
    bundle.extend((0..1 << 20).map(|_| {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (number >> 24) as u8
    }));
    bundle
}

/// Real code compresses badly, so the first block, which has the list, is large.
#[test]
fn code_that_compresses_badly() {
    let machine = Machine::bare();
    let bundle = like_real(code::listed(&["gfx900", "gfx1010"]));
    for method in [Method::Zstd, Method::Zlib] {
        let made = code::compressed(&bundle, 3, &method);
        assert!(made.len() > 1 << 19);
        machine.put("/app/libown.so", code::fat(&[&made, &made]));
        let found = place(&machine, "/app", 0);
        let what = found["parts"][0]["what"].as_str().unwrap();
        assert_eq!(
            what,
            "code for gfx1010, gfx900; for gfx1010 in 2 of 2 bundles"
        );
    }
}

/// The decoder allocates no window of gigabytes, even if a frame asks for one.
#[test]
fn a_large_window() {
    let machine = Machine::bare();
    let bundle = like_real(code::listed(&["gfx1010"]));
    let mut made = code::compressed(&bundle, 3, &Method::Zstd);
    // After the header's 32 bytes and the frame's magic: the descriptor and the window's byte.
    let frame = 32 + 4;
    assert_eq!(made[32..36], [0x28, 0xb5, 0x2f, 0xfd]);
    let descriptor = made[frame];
    let size = match descriptor >> 6 {
        0 => usize::from(descriptor & 0x20 != 0),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let window = usize::from(descriptor & 0x20 == 0);
    made.splice(frame..frame + 1 + window + size, [0x00, 0xf8]);
    machine.put("/app/libown.so", code::fat(&[&made]));
    assert_eq!(answer(&machine, "/app", 0), "native");
}
