// SPDX-License-Identifier: GPL-2.0

//! Doing several things at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

/// How many guests run at once if nobody says: each keeps one core busy.
pub fn default() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// Does `work` on each task, `jobs` of them at once, and hands on each result
/// with the task's number as it comes.
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

    use super::run;

    #[test]
    fn each_is_done_once_and_as_many_at_once_as_asked_for() {
        // Nobody gets past it alone.
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
