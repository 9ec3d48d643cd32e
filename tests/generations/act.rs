// SPDX-License-Identifier: GPL-2.0

//! The events that can happen to a PCI slot, and how to draw them.

use proptest::{
    collection::vec,
    prelude::*, //
};

use super::board::{
    bar,
    board,
    Bar,
    Board, //
};

#[derive(Clone, Debug)]
pub enum Act {
    /// The board's driver binds to it: amdgpu to a GPU.
    Bind,
    /// vfio-pci binds to it.
    BindForeign,
    /// The driver unbinds. A GPU's node stays while a program holds its render node open.
    Unbind {
        is_held: bool,
    },
    /// The function is hot-unplugged.
    Unplug {
        is_held: bool,
    },
    /// A rescan finds the same board (`None`) or another one, with a BAR of that size.
    Plug(Option<Board>, Bar),
    /// A write to `resource0_resize`, which works only without a driver.
    Resize(Bar),
    /// The last program closes the oldest render node that is still open.
    Drop,
    /// The function is runtime-suspended.
    Sleep,
    Wake,
}

/// A sequence of related acts.
fn episode() -> impl Strategy<Value = Vec<Act>> {
    use Act::*;
    let held = || prop::bool::weighted(0.8);
    let other = || prop::option::weighted(0.4, board());
    prop_oneof![
        2 => held().prop_map(|is_held| vec![Unplug { is_held }]),
        2 => (held(), other(), bar())
            .prop_map(|(is_held, board, bar)| vec![Unplug { is_held }, Plug(board, bar)]),
        4 => (held(), other(), bar())
            .prop_map(|(is_held, board, bar)| vec![Unplug { is_held }, Plug(board, bar), Bind]),
        1 => (other(), bar())
            .prop_map(|(board, bar)| vec![Unplug { is_held: true }, Plug(board, bar), Bind, Drop]),
        1 => held().prop_map(|is_held| vec![Unbind { is_held }]),
        2 => (held(), bar()).prop_map(|(is_held, bar)| vec![Unbind { is_held }, Resize(bar)]),
        2 => held().prop_map(|is_held| vec![Unbind { is_held }, BindForeign]),
        3 => (held(), bar())
            .prop_map(|(is_held, bar)| vec![Unbind { is_held }, Resize(bar), Bind]),
        1 => Just(vec![Sleep]),
        1 => Just(vec![Sleep, Wake]),
        1 => Just(vec![Drop]),
        1 => Just(vec![Bind]),
    ]
}

/// Drivers bind to most slots, then a few episodes follow.
pub fn acts(slots: usize) -> impl Strategy<Value = Vec<(usize, Act)>> {
    let boot = vec(prop::bool::weighted(0.95), slots);
    let later = vec((0..slots, episode()), 0..3);
    (boot, later).prop_map(|(boot, later)| {
        let bound = (0..).zip(boot).filter(|(_, is_bound)| *is_bound);
        let mut acts: Vec<(usize, Act)> = bound.map(|(slot, _)| (slot, Act::Bind)).collect();
        for (slot, episode) in later {
            acts.extend(episode.into_iter().map(|act| (slot, act)));
        }
        acts
    })
}
