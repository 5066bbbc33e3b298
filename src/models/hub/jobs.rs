//! Work on threads of its own while the calling thread reports progress and asks whether to stop.
//!
//! A read from a server cannot be asked to stop, so it is never the calling thread that reads. On cancellation all
//! connections are shut, and threads that wait for something else (a name server) are left to find out by themselves:
//! they own what they use.

use super::http::Line;
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::{Ctx, lock};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How often the calling thread looks up.
const LOOK: Duration = Duration::from_millis(20);

/// For how long the threads of a call that was stopped are waited for.
const LEAVE: Duration = Duration::from_millis(100);

/// What the threads of one call share with the calling thread.
#[derive(Default)]
pub struct Pulse {
    stop: AtomicBool,
    /// In bytes.
    done: AtomicU64,
    total: AtomicU64,
}

impl Pulse {
    /// Fails once the call is to stop.
    pub fn check(&self) -> Result<()> {
        match self.stop.load(Ordering::Relaxed) {
            true => Err(Error::new(ErrorKind::Cancelled, "cancelled by the caller")),
            false => Ok(()),
        }
    }

    /// Waits, unless the call is to stop.
    pub fn sleep(&self, wait: Duration) -> Result<()> {
        let end = Instant::now() + wait;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    pub fn expect(&self, bytes: u64) {
        self.total.store(bytes, Ordering::Relaxed);
    }

    pub fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes back what was counted and has to be done again.
    pub fn sub(&self, bytes: u64) {
        let _ = self.done.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |done| Some(done.saturating_sub(bytes)));
    }

    fn part_done(&self) -> f64 {
        match self.total.load(Ordering::Relaxed) {
            0 => 0.0,
            total => self.done.load(Ordering::Relaxed) as f64 / total as f64,
        }
    }
}

pub type Job<T> = Box<dyn FnOnce(&Line) -> Result<T> + Send>;

/// Does the jobs, at most `workers` at once; the values come back in their order. The first error ends all of them.
pub fn run<T: Send + 'static>(ctx: &Ctx, line: &Arc<Line>, workers: usize, jobs: Vec<Job<T>>) -> Result<Vec<T>> {
    let n = jobs.len();
    let queue = Arc::new(Mutex::new(jobs.into_iter().enumerate().collect::<VecDeque<_>>()));
    let (send, receive) = channel();
    for _ in 0..workers.min(n) {
        let (queue, send, own) = (queue.clone(), send.clone(), line.clone());
        let work = move || {
            while own.pulse.check().is_ok() {
                let next = lock(&queue).pop_front();
                let Some((i, job)) = next else { break };
                let done = job(&own);
                let failed = done.is_err();
                if send.send((i, done)).is_err() {
                    break;
                }
                // No thread begins another, however long the calling one takes to hear of it.
                if failed {
                    stop(&own);
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("scnative-hub".into()).spawn(work) {
            stop(line);
            return Err(Error::new(
                ErrorKind::OutOfMemory,
                format!("a thread for the download cannot be had: {error}"),
            ));
        }
    }
    drop(send);

    let mut slots: Vec<Option<T>> = (0..n).map(|_| None).collect();
    let mut failure = None;
    let mut last = None;
    loop {
        match receive.recv_timeout(LOOK) {
            Ok((i, Ok(value))) => slots[i] = Some(value),
            Ok((_, Err(error))) => {
                // What follows the first error is only its consequence.
                failure.get_or_insert(error);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if failure.is_none() {
            failure = ctx.poll(line.pulse.part_done()).err();
        }
        if failure.is_some() {
            let end = *last.get_or_insert_with(|| {
                stop(line);
                Instant::now() + LEAVE
            });
            if Instant::now() > end {
                break;
            }
        }
    }
    if let Some(error) = failure {
        return Err(error);
    }
    let panicked = || Error::new(ErrorKind::Panic, "a thread of the download panicked");
    slots.into_iter().map(|slot| slot.ok_or_else(panicked)).collect()
}

/// Does one job.
pub fn one<T: Send + 'static>(
    ctx: &Ctx,
    line: &Arc<Line>,
    job: impl FnOnce(&Line) -> Result<T> + Send + 'static,
) -> Result<T> {
    let mut values = run(ctx, line, 1, vec![Box::new(job) as Job<T>])?;
    values.pop().ok_or_else(|| Error::new(ErrorKind::Panic, "a job gave nothing"))
}

fn stop(line: &Line) {
    line.pulse.stop.store(true, Ordering::Relaxed);
    line.hang_up();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::hub::settings::Settings;
    use crate::models::options::Options;

    #[test]
    fn no_job_is_begun_after_one_that_failed() {
        // Over and over, as the calling thread may be quick once.
        for _ in 0..50 {
            let line = Arc::new(Line::new(&Settings::from(&Options::parse("{}").unwrap()).unwrap()));
            let begun = Arc::new(AtomicU64::new(0));
            let job = |fails: bool| {
                let begun = begun.clone();
                Box::new(move |_: &Line| {
                    begun.fetch_add(1, Ordering::Relaxed);
                    if fails { Err(Error::new(ErrorKind::Network, "broken")) } else { Ok(()) }
                }) as Job<()>
            };
            let jobs = vec![job(false), job(true), job(false)];
            assert_eq!(run(&Ctx::new(1), &line, 1, jobs).unwrap_err().kind, ErrorKind::Network);
            assert_eq!(begun.load(Ordering::Relaxed), 2);
        }
    }
}
