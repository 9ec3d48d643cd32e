// SPDX-License-Identifier: GPL-2.0

//! Reads files that may not answer.
//!
//! The kernel reads a process's environment and its list of mappings under the lock of its memory. A
//! process that is stuck in the kernel can hold that lock for ever, and a folder can be on a server that is
//! gone. A thread reads such files, and is left behind where a read does not end; it ends with this process
//! at the latest.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::SigSet;
use nix::unistd::{gettid, Pid};

/// The longest wait for small files, all together.
pub const FOR_FILES: Duration = Duration::from_millis(900);

/// The shortest wait for a file, however many did not answer.
const LEAST: Duration = Duration::from_millis(10);

/// How many times as long a reader may take that does not wait for a file, but for a CPU.
const BUSY: u32 = 20;

/// The most threads that are left behind.
const MOST: usize = 100;

/// What a reader has read so far.
struct Progress<T> {
    values: Vec<T>,
    /// When the last value came.
    last: Instant,
    /// The reader's thread, once it runs.
    thread: Option<Pid>,
    is_done: bool,
    /// Nobody waits for the reader any more.
    is_left: bool,
}

struct Shared<T> {
    progress: Mutex<Progress<T>>,
    /// The reader is done. It wakes nobody before: most files answer at once, and there are many.
    done: Condvar,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Progress<T>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the reader is done, or has been silent for so long; returns its values, and how long it
    /// was silent if it is not done.
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
                // On a busy machine it gets no CPU: no file is to blame.
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
    // After the name, which can hold anything, comes the state (proc_pid_stat(5)).
    stat.is_ok_and(|stat| {
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('R'))
    })
}

/// Leaves all signals of this process to its other threads, which may wait for them.
pub fn hold_all_signals() {
    // It fails for no set of signals.
    let _ = SigSet::all().thread_block();
}

/// The values of `read` for each key; `None` where it did not answer in time. `longest` is how long it may
/// be silent, for all keys together.
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
        // The first of several must not use up the time of the others.
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
    // Beyond the last key there is nothing that could be silent.
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

    /// A reader that computes, or that waits for a CPU, is not stuck in a file.
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
