// SPDX-License-Identifier: GPL-2.0

//! Draws machines from seeds, and shrinks a failing one.

use std::{
    env,
    panic::{
        catch_unwind,
        AssertUnwindSafe, //
    }, //
};

use proptest::{
    strategy::{
        Strategy,
        ValueTree, //
    },
    test_runner::{
        Config,
        RngAlgorithm,
        TestRng,
        TestRunner, //
    },
};

/// The number of machines that a plain `cargo test` draws.
const FEW: u64 = 2000;

/// The maximum number of steps to shrink a failing machine.
const REDUCTIONS: u32 = 4000;

/// The number of machines to draw, and the first seed.
#[derive(Clone, Copy)]
pub struct Plan {
    pub machines: u64,
    pub seed: u64,
}

impl Plan {
    /// Reads `RDNA1_MACHINES` and `RDNA1_SEED`.
    pub fn of_environment() -> Self {
        Self {
            machines: number("RDNA1_MACHINES").unwrap_or(FEW),
            seed: number("RDNA1_SEED").unwrap_or(0),
        }
    }

    pub fn seeds(self) -> impl Iterator<Item = u64> {
        (0..self.machines).map(move |nth| self.seed.wrapping_add(nth))
    }

    /// Runs `check` on each machine.
    pub fn each<S: Strategy>(
        self,
        strategy: &S,
        mut check: impl FnMut(&S::Value) -> Result<(), String>,
    ) {
        for seed in self.seeds() {
            check_one(seed, strategy, &mut check);
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|error| panic!("{variable}={text} is not a number: {error}")))
}

/// Checks the machine of one seed. On failure shrinks it, and panics with the smallest failing one.
pub fn check_one<S: Strategy>(
    seed: u64,
    strategy: &S,
    mut check: impl FnMut(&S::Value) -> Result<(), String>,
) {
    let mut check = |value: &S::Value| {
        catch_unwind(AssertUnwindSafe(|| check(value)))
            .unwrap_or_else(|_| Err("a panic, see above".to_owned()))
    };
    let mut tree = draw(seed, strategy);
    let Err(mut failure) = check(&tree.current()) else {
        return;
    };
    let mut smallest = tree.current();
    for _ in 0..REDUCTIONS {
        let is_changed = match check(&tree.current()) {
            Err(smaller) => {
                (failure, smallest) = (smaller, tree.current());
                tree.simplify()
            }
            Ok(()) => tree.complicate(),
        };
        if !is_changed {
            break;
        }
    }
    panic!(
        "{failure}\n\n{smallest:?}\n\nThe seed {seed} repeats it: RDNA1_SEED={seed} \
         RDNA1_MACHINES=1"
    );
}

fn draw<S: Strategy>(seed: u64, strategy: &S) -> S::Tree {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    strategy
        .new_tree(&mut runner)
        .unwrap_or_else(|error| panic!("no machine for seed {seed}: {error}"))
}
