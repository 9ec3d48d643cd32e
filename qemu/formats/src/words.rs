// SPDX-License-Identifier: GPL-2.0

//! The words of the protocol between the host and a guest.
//!
//! [`word`] makes a word for the kernel command line, as `modproof.suite=NAME`. The kernel hands
//! no word with a dot to init, so a guest reads them from `/proc/cmdline`.

/// The prefix of every word on the kernel command line that is meant for the guest.
pub const PREFIX: &str = "modproof.";

/// The suite to run.
pub const SUITE: &str = "suite";
/// The wanted cases: globs with commas between them. Without it, the guest runs the whole suite.
pub const CASES: &str = "cases";
/// The number of rounds of a test that repeats itself.
pub const ROUNDS: &str = "rounds";
/// The seed of a test that draws at random.
pub const SEED: &str = "seed";
/// For slow kernels: the share, in percent, of the rounds of a test that has very many.
pub const SHARE: &str = "share";
/// `1`: the guest starts a prompt in place of a suite.
pub const SHELL: &str = "shell";
/// The size of the prompt's terminal, as `ROWSxCOLUMNS`.
pub const TERMINAL: &str = "terminal";
/// For the waiter: the stock modules that it loads before it waits, with commas between them.
pub const LOAD: &str = "load";

/// The words that each guest knows. A guest program may add its own; [`LOAD`] is the waiter's.
pub const KNOWN: [&str; 7] = [SUITE, CASES, ROUNDS, SEED, SHARE, SHELL, TERMINAL];

/// A word for the kernel command line.
pub fn word(name: &str, value: &str) -> String {
    format!("{PREFIX}{name}={value}")
}

/// The start of the KTAP stream's last line, after `# `. `: pass` or `: fail` and the counts
/// follow.
pub const VERDICT: &str = "modproof verdict";
/// The waiter writes this line to the port of the KTAP stream when the host can save the guest.
pub const WAITING: &str = "# modproof waiting";
/// The virtio-serial port through which the host hands the fresh files to the waiter.
pub const HANDOVER_PORT: &str = "modproof.handover";
/// The file in the handed-over archive that has the words for the guest program.
pub const WORDS_FILE: &str = "modproof.words";
/// The start of a kernel log line that the guest writes before each case; the case's name follows.
pub const CASE_MARK: &str = "modproof: case ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word() {
        assert_eq!(word(SUITE, "a"), "modproof.suite=a");
        for name in KNOWN {
            assert_eq!(word(name, "1").split(['.', '=']).count(), 3, "{name}");
        }
    }
}
