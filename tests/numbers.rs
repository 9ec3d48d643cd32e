// SPDX-License-Identifier: GPL-2.0

//! Tests of `Numbers`, the set of entry numbers of a topology folder.

use rdna1_kfd_guard::facts::{
    numbers::{
        Numbers,
        MAX_ENTRIES, //
    },
    topology::ReadError, //
};

fn of(numbers: &[u32]) -> Numbers {
    let mut set = Numbers::default();
    for &number in numbers {
        set.insert(number).unwrap();
    }
    set
}

#[test]
fn numbers_come_back_in_order() {
    for numbers in [&[][..], &[0], &[63, 64, 65], &[1, 300, 4095]] {
        let set = of(numbers);
        assert!(set.iter().eq(numbers.iter().copied()));
        assert_eq!(set.count(), numbers.len() as u64);
    }
    assert!(of(&[7, 3, 7]).iter().eq([3, 7]));
    assert_eq!(
        Numbers::default().insert(MAX_ENTRIES as u32),
        Err(ReadError::TooLarge)
    );
}

#[test]
fn a_gap_is_seen() {
    let all: Vec<u32> = (0..200).collect();
    for end in 0..all.len() {
        assert!(of(&all[..end]).has_no_gap(), "{end}");
    }
    for numbers in [&[1][..], &[0, 2], &all[1..], &[64]] {
        assert!(!of(numbers).has_no_gap(), "{numbers:?}");
    }
}
