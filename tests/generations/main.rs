// SPDX-License-Identifier: GPL-2.0

//! Property tests on drawn machines: no panic, no `lie` on an honest one, and each lie is detected.
//!
//! `RDNA1_MACHINES` is the number of machines, `RDNA1_SEED` the first seed.

mod act;
mod board;
mod census;
mod copy;
mod draw;
mod gpus;
mod honest;
mod host;
mod kfd;
mod known;
mod lies;
mod life;
mod machine;
mod page;
mod pci;
mod process;
mod scene;
mod spoil;
mod step;
mod told;
mod world;

use std::collections::BTreeMap;

use census::Census;
use draw::{
    check_one,
    Plan, //
};
use machine::machine;
use proptest::{
    collection::vec,
    prelude::any, //
};
use spoil::spoil;
use told::{
    Lie,
    LIES, //
};

#[test]
fn an_honest_machine_has_no_lie() {
    let plan = Plan::of_environment();
    let mut census = Census::default();
    plan.each(&machine(), |machine| honest::check(machine, &mut census));
    println!("of {} machines:\n{census}", plan.machines);
    // Rarer shapes may be missing by chance.
    let least = plan.machines / 500;
    assert_eq!(
        census.missing(least),
        None,
        "a shape that hardly ever comes"
    );
}

#[test]
fn no_line_more_or_less_makes_a_lie() {
    let strategy = (machine(), vec(spoil(), 1..30));
    Plan::of_environment().each(&strategy, honest::check_spoilt);
}

#[test]
fn each_lie_is_found_on_each_machine() {
    let plan = Plan::of_environment();
    let demanded = (plan.machines / 10).max(1);
    let mut told = BTreeMap::from(LIES.map(|lie| (lie, 0)));
    let strategy = (machine(), any::<u64>());
    // The test fails for a lie that fits fewer than one machine in a hundred.
    let draws = Plan {
        machines: demanded * 100,
        ..plan
    };
    for seed in draws.seeds() {
        let missing = LIES.into_iter().filter(|lie| told[lie] < demanded);
        let missing: Vec<Lie> = missing.collect();
        if missing.is_empty() {
            break;
        }
        check_one(seed, &strategy, |(machine, chance)| {
            for lie in lies::check(machine, &missing, *chance)? {
                told.entry(lie).and_modify(|count| *count += 1);
            }
            Ok(())
        });
    }
    println!("told: {told:?}");
    assert!(
        told.values().all(|count| *count >= demanded),
        "of {demanded} demanded: {told:?}"
    );
}

#[test]
fn the_command_says_the_same() {
    let few = Plan {
        machines: 24,
        ..Plan::of_environment()
    };
    few.each(&machine(), process::check);
}
