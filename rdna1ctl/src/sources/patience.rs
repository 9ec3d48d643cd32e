// SPDX-License-Identifier: GPL-2.0

//! Reads files that may not answer.
//!
//! The kernel reads a process's environment and its list of mappings under the lock of its memory.
//! A process that is stuck in the kernel can hold that lock for ever, and a folder can be on a
//! server that is gone. So a thread reads such files. If a read does not end, its thread is left
//! behind; it ends with this process at the latest.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::SigSet;
use nix::unistd::{gettid, Pid};

/// The longest wait for small files, in total.
pub const FOR_FILES: Duration = Duration::from_millis(900);

/// The shortest wait for a file, even if many others did not answer.
const LEAST: Duration = Duration::from_millis(10);

/// A reader that waits for a CPU, and not for a file, may take this many times as long.
const BUSY: u32 = 20;

/// The most threads that are left behind.
const MOST: usize = 100;

/// The progress of a reader.
struct Progress<T> {
    values: Vec<T>,
    /// The time at which the last value came.
    last: Instant,
    /// The reader's thread, once it runs.
    thread: Option<Pid>,
    is_done: bool,
    /// Nobody waits for the reader any more.
    is_left: bool,
}

struct Shared<T> {
    progress: Mutex<Progress<T>>,
    /// Notified only when the reader is done: most files answer at once, and there are many.
    done: Condvar,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Progress<T>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the reader is done, or has been silent for `patience`. Returns its values, and
    /// the length of its silence if it is not done.
    fn wait(&self, patience: Duration) -> (Vec<T>, Option<Duration>) {
        let mut progress = self.lock();
        loop {
            if progress.is_done {
                return (std::mem::take(&mut progress.values), None);
            }
            let silent = progress.last.elapsed();
            let rest = patience.checked_sub(silent).filter(|rest| !rest.is_zero());
            let rest = match rest {
                Some(rest) => rest,
                // The reader gets no CPU on a busy machine: no file is to blame.
                None if silent < patience * BUSY && wants_cpu(progress.thread) => patience,
                None => {
                    progress.is_left = true;
                    return (std::mem::take(&mut progress.values), Some(silent));
                }
            };
            let waited = self.done.wait_timeout(progress, rest);
            progress = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Whether a thread of this process is ready to run, or has not begun: then it waits for no file.
fn wants_cpu(thread: Option<Pid>) -> bool {
    let Some(thread) = thread else { return true };
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
    // The state (proc_pid_stat(5)) comes after the name, which can contain anything.
    stat.is_ok_and(|stat| {
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('R'))
    })
}

/// Leaves all signals of this process to its other threads, which may wait for them.
pub fn hold_all_signals() {
    // This fails for no set of signals.
    let _ = SigSet::all().thread_block();
}

/// The values of `read` for each key; `None` if a key did not answer in time. `longest` limits the
/// total silence over all keys.
pub fn each<K, T, F>(keys: Vec<K>, longest: Duration, read: F) -> Vec<Option<T>>
where
    K: Send + Sync + 'static,
    T: Send + 'static,
    F: Fn(&K) -> T + Send + Sync + 'static,
{
    let count = keys.len();
    let (keys, read) = (Arc::new(keys), Arc::new(read));
    let mut values: Vec<Option<T>> = Vec::new();
    let mut left = longest;
    for _ in 0..MOST {
        if values.len() >= count {
            break;
        }
        let shared = Arc::new(Shared {
            progress: Mutex::new(Progress {
                values: Vec::new(),
                last: Instant::now(),
                thread: None,
                is_done: false,
                is_left: false,
            }),
            done: Condvar::new(),
        });
        let reader = thread::Builder::new().spawn({
            let (shared, from) = (Arc::clone(&shared), values.len());
            let (keys, read) = (Arc::clone(&keys), Arc::clone(&read));
            move || {
                hold_all_signals();
                shared.lock().thread = Some(gettid());
                for key in keys.iter().skip(from) {
                    let value = read(key);
                    let mut progress = shared.lock();
                    if progress.is_left {
                        return;
                    }
                    progress.values.push(value);
                    progress.last = Instant::now();
                }
                shared.lock().is_done = true;
                shared.done.notify_one();
            }
        });
        if reader.is_err() {
            break;
        }
        // The first of several keys must not use up the time of the others.
        let share = if count - values.len() > 1 {
            left / 3
        } else {
            left
        };
        let (read, silent) = shared.wait(share.max(LEAST));
        values.extend(read.into_iter().map(Some));
        if let Some(silent) = silent {
            left = left.saturating_sub(silent);
            values.push(None);
        }
    }
    // Fill in keys that no reader reached, and drop a silence after the last key.
    values.resize_with(count, || None);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_answer_is_left_out() {
        let begin = Instant::now();
        let keys: Vec<u32> = (0..2000).collect();
        let values = each(keys, FOR_FILES, |key| {
            if key % 500 == 7 {
                thread::sleep(Duration::from_secs(60));
            }
            *key
        });
        assert!(begin.elapsed() < Duration::from_secs(5));
        assert_eq!(values.len(), 2000);
        for (key, value) in (0..).zip(values) {
            assert_eq!(value, (key % 500 != 7).then_some(key), "{key}");
        }
    }

    #[test]
    fn no_number_of_them_holds_it_up() {
        let begin = Instant::now();
        let values = each((0..300).collect(), FOR_FILES, |_| {
            thread::sleep(Duration::from_secs(60))
        });
        assert!(begin.elapsed() < Duration::from_secs(5));
        assert!(values.len() == 300 && values.iter().all(Option::is_none));
    }

    /// A reader that computes, or that waits for a CPU, does not wait for a file.
    #[test]
    fn what_is_slow_and_does_not_wait_is_waited_for() {
        let values = each(vec![1, 2], FOR_FILES, |key| {
            let begin = Instant::now();
            while begin.elapsed() < FOR_FILES {
                std::hint::spin_loop();
            }
            *key
        });
        assert_eq!(values, [Some(1), Some(2)]);
    }
}
