// SPDX-License-Identifier: GPL-2.0

//! The command `run` on its own terminal: the program controls the terminal, as from a shell.

mod machine;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use machine::Machine;
use nix::pty::openpty;
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

/// Prints `ready` once the script's process group is in the terminal's foreground.
const READY: &str =
    r#"until set -- $(cat /proc/$$/stat); [ "$5" = "$8" ]; do sleep 0.01; done; echo ready; "#;

/// A session on a terminal, with `rdna1ctl run -- sh -c script` as its leader.
struct Session {
    child: Child,
    terminal: File,
    seen: String,
}

impl Session {
    fn start(machine: &Machine, script: &str) -> Self {
        let terminal = openpty(None, None).unwrap();
        let run = machine.command(&["run", "--", "sh", "-c", &format!("{READY}{script}")]);
        // Starts a new session with this controlling terminal, then becomes the command.
        let mut command = Command::new("setsid");
        command
            .arg("--ctty")
            .arg(run.get_program())
            .args(run.get_args())
            .stdin(terminal.slave.try_clone().unwrap())
            .stdout(terminal.slave.try_clone().unwrap())
            .stderr(terminal.slave);
        let child = command.spawn().unwrap();
        Self {
            child,
            terminal: File::from(terminal.master),
            seen: String::new(),
        }
    }

    fn until(&mut self, word: &str) {
        let mut buffer = [0; 4096];
        while !self.seen.contains(word) {
            let size = self.terminal.read(&mut buffer).unwrap_or(0);
            assert_ne!(size, 0, "{word} does not come: {}", self.seen);
            self.seen
                .push_str(&String::from_utf8_lossy(&buffer[..size]));
        }
    }

    fn press(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `/proc` shows the command in that state.
    fn until_state(&self, state: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
            if stat.contains(&format!(") {state} ")) {
                return;
            }
            assert!(Instant::now() < end, "it does not get to {state}: {stat}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn the_program_reads_the_terminal() {
    let machine = Machine::healthy();
    let mut session = Session::start(&machine, "read word; echo \"<$word>\"");
    session.until("ready");
    session.press("hello\n");
    session.until("<hello>");
    session.until("ended well");
    assert_eq!(session.child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_interrupt_is_for_the_program_and_is_told_of() {
    let machine = Machine::healthy();
    let mut session = Session::start(&machine, "exec sleep 1000");
    session.until("ready");
    session.press("\u{3}");
    session.until("ended by SIGINT");
    assert_eq!(session.child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_stop_stops_both_and_both_go_on() {
    let machine = Machine::healthy();
    let mut session = Session::start(&machine, "read word; echo \"<$word>\"");
    session.until("ready");
    session.press("\u{1a}");
    session.until_state("T");
    kill(Pid::from_raw(session.child.id() as i32), Signal::SIGCONT).unwrap();
    session.press("again\n");
    session.until("<again>");
    assert_eq!(session.child.wait().unwrap().code(), Some(0));
}
