// SPDX-License-Identifier: GPL-2.0

//! Runs several tasks at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use crate::qemu::Machine;

/// The memory that QEMU itself needs, beside its guest's memory.
const QEMU_MIB: u32 = 256;

/// The default number of parallel guests. Each keeps one core busy, and all must fit into the
/// memory that is free now.
pub fn default() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let free = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    fitting(cores, &free)
}

/// One guest for each core, limited by `MemAvailable` of `/proc/meminfo` if it is there.
fn fitting(cores: usize, meminfo: &str) -> usize {
    let line = meminfo
        .lines()
        .find_map(|l| l.strip_prefix("MemAvailable:"));
    let available = line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
    let Some(available) = available else {
        return cores;
    };
    let fit = usize::try_from(available / guest_kib()).unwrap_or(usize::MAX);
    fit.clamp(1, cores.max(1))
}

/// The host memory that one guest may use.
fn guest_kib() -> u64 {
    u64::from(Machine::default().memory_mib + QEMU_MIB) * 1024
}

/// Runs `work` on each task, with `jobs` tasks at once. Calls `done` with each task's number and
/// result, in the order in which they end.
pub fn run<T: Sync, R: Send>(
    jobs: usize,
    tasks: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut done: impl FnMut(usize, R),
) {
    let next = AtomicUsize::new(0);
    let (results, came) = channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, tasks.len().max(1)) {
            let (next, work, results) = (&next, &work, results.clone());
            scope.spawn(move || loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(task) = tasks.get(number) else {
                    return;
                };
                if results.send((number, work(task))).is_err() {
                    return;
                }
            });
        }
        drop(results);
        for (number, result) in came {
            done(number, result);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::{fitting, guest_kib, run};

    #[test]
    fn guests_need_cores_and_memory() {
        let with = |cores, kib: u64| {
            let text = format!("MemTotal: 99999999 kB\nMemAvailable:   {kib} kB\n");
            fitting(cores, &text)
        };
        assert_eq!(with(8, 100 * guest_kib()), 8);
        assert_eq!(with(8, 3 * guest_kib() + 1), 3);
        assert_eq!(with(8, 3 * guest_kib() - 1), 2);
        assert_eq!(with(8, 1000), 1);
        for unknown in ["", "MemFree: 1 kB\n", "MemAvailable: some\n"] {
            assert_eq!(fitting(4, unknown), 4);
        }
    }

    #[test]
    fn each_is_done_once_and_as_many_at_once_as_asked_for() {
        // No task passes the barrier unless another task runs at the same time.
        let both = Barrier::new(2);
        let mut seen = Vec::new();
        run(
            2,
            &[10, 20, 30, 40],
            |task| {
                both.wait();
                task * 2
            },
            |number, result| seen.push((number, result)),
        );
        seen.sort_unstable();
        assert_eq!(seen, [(0, 20), (1, 40), (2, 60), (3, 80)]);
    }

    #[test]
    fn nothing_to_do_is_done() {
        run(
            4,
            &[] as &[u8],
            |_| (),
            |_, ()| panic!("nothing was to be done"),
        );
    }
}
