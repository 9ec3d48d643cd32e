// SPDX-License-Identifier: GPL-2.0

//! PID 1 of the test guest: runs this project's suites inside the stock kernel.

mod ask;
mod cases;
mod clean_up;
mod counters;
mod ctl;
mod fixture;
mod gpu_code;
mod guard;
mod hsakmt;
mod kfd;
mod lost_links;
mod prompt;
mod report;
mod requests;
mod rocr;
mod truth;

use std::process::ExitCode;

use modproof_guest::Program;

const PROGRAM: Program = Program {
    suites: cases::SUITES,
    words: &[cases::LIE],
    clean_up: clean_up::clean_up,
    prepare_shell: prompt::prepare,
    shell_hint: prompt::HINT,
    known_losses: &[lost_links::OF_KFD],
    lists: &[("rules", || truth::rules().map(str::to_owned).collect())],
    verbs: &[(ask::VERB, |_| ask::run())],
};

fn main() -> ExitCode {
    PROGRAM.main()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_ktap_and_globs() {
        PROGRAM.check_names().unwrap();
    }
}
