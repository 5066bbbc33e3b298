//! Threads, progress and cancellation.
//!
//! Kernels see one thing of all this: a [`Ctx`], and its [`Ctx::run`], which does `n` independent tasks. Which thread
//! does which task is not fixed, so a task's result may depend on its number alone; that is what makes every result
//! the same at every thread count.
//!
//! The calling thread does tasks like the others, so that a small call does not wait for threads to wake, and between two
//! of its tasks it reports progress and asks whether to stop. R and Julia may not be entered from any other thread.

use crate::error::{Error, ErrorKind, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

/// How often the calling thread reports progress and asks whether to stop, if its tasks are shorter than that.
const POLL: Duration = Duration::from_millis(50);

/// How long the calling thread looks whether the others are done before it sleeps until they are.
const SPIN: Duration = Duration::from_micros(50);

/// Called with the part done, 0 to 1; returns whether to go on.
pub type Progress<'a> = dyn FnMut(f64) -> bool + 'a;

/// Called with each warning.
pub type Warn<'a> = dyn FnMut(&str) + 'a;

/// How one call shall run: threads, seed, progress, cancellation.
pub struct Ctx<'a> {
    threads: usize,
    seed: u64,
    cancel: Option<&'a AtomicBool>,
    progress: Option<RefCell<&'a mut Progress<'a>>>,
    warn: RefCell<Option<Box<Warn<'a>>>>,
    last_poll: Cell<Option<Instant>>,
    part: Cell<(f64, f64)>,
}

impl Default for Ctx<'_> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<'a> Ctx<'a> {
    /// A context of so many threads; 0 means `SCN_NUM_THREADS`, or all cores that the process may use.
    pub fn new(threads: usize) -> Self {
        Self {
            threads: if threads == 0 { default_threads() } else { threads },
            seed: 0,
            cancel: None,
            progress: None,
            warn: Default::default(),
            last_poll: Default::default(),
            part: Cell::new((0.0, 1.0)),
        }
    }

    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    pub fn with_cancel(mut self, token: &'a AtomicBool) -> Self {
        self.cancel = Some(token);
        self
    }

    pub fn with_progress(mut self, progress: &'a mut Progress<'a>) -> Self {
        self.progress = Some(RefCell::new(progress));
        self
    }

    /// Where warnings go; without it they are dropped.
    pub fn with_warn(self, warn: impl FnMut(&str) + 'a) -> Self {
        *self.warn.borrow_mut() = Some(Box::new(warn));
        self
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Tells the caller something that it should know but that is no error. Call it from the calling thread only.
    pub fn warn(&self, message: &str) {
        if let Some(warn) = self.warn.borrow_mut().as_mut() {
            warn(message);
        }
    }

    /// Says which part of the whole call the next `run`s are, for the progress bar: `ctx.part(0.4, 1.0)`.
    pub fn part(&self, from: f64, to: f64) -> &Self {
        self.part.set((from, to));
        self
    }

    /// Does `work` as the part `from` to `to` of the current part: how a function that is one step of its caller's
    /// divides its own share of the progress bar.
    pub fn within<T>(&self, from: f64, to: f64, work: impl FnOnce() -> T) -> T {
        let (begin, end) = self.part.get();
        self.part.set((begin + (end - begin) * from, begin + (end - begin) * to));
        let outcome = work();
        self.part.set((begin, end));
        outcome
    }

    /// Does `work` as step `i` of `n` equal ones of the current part.
    pub fn step<T>(&self, i: usize, n: usize, work: impl FnOnce() -> T) -> T {
        self.within(i as f64 / n as f64, (i + 1) as f64 / n as f64, work)
    }

    /// The same threads without progress and cancellation: for writing into what the caller has, which is to be changed as
    /// a whole or not at all. For passes that memory is the limit of.
    pub fn to_the_end(&self) -> Ctx<'static> {
        Ctx::new(self.threads).with_seed(self.seed)
    }

    /// Reports progress if it is time to, and fails if the caller wants to stop. Cheap enough for any loop of the
    /// calling thread.
    pub fn poll(&self, done: f64) -> Result<()> {
        if self.cancel.is_some_and(|token| token.load(Ordering::Relaxed)) {
            return Err(cancelled());
        }
        let Some(progress) = &self.progress else { return Ok(()) };
        let now = Instant::now();
        match self.last_poll.get() {
            Some(last) if now - last < POLL => return Ok(()),
            // The first POLL of a call is silent: short calls never enter the callback.
            None => {
                self.last_poll.set(Some(now));
                return Ok(());
            }
            _ => self.last_poll.set(Some(now)),
        }
        let (from, to) = self.part.get();
        let go_on = (progress.borrow_mut())(from + (to - from) * done.clamp(0.0, 1.0));
        if go_on { Ok(()) } else { Err(cancelled()) }
    }

    /// Does `n` independent tasks; each worker makes its scratch space once with `init`.
    ///
    /// A task should take well under 0.1 s, so that cancellation is quick. The first error (of the lowest task that
    /// ran) is returned, and tasks not yet begun are left out.
    pub fn run<S>(
        &self,
        n: usize,
        init: impl Fn() -> S + Sync,
        task: impl Fn(&mut S, usize) -> Result<()> + Sync,
    ) -> Result<()> {
        let workers = self.threads.min(n);
        if workers <= 1 || in_pool() {
            return self.run_here(n, init, task);
        }
        self.run_on(pool(workers - 1)?, workers, true, n, init, task)
    }

    /// `run` by the calling thread alone.
    fn run_here<S>(&self, n: usize, init: impl Fn() -> S, task: impl Fn(&mut S, usize) -> Result<()>) -> Result<()> {
        let mut scratch = init();
        for i in 0..n {
            self.poll(i as f64 / n as f64)?;
            task(&mut scratch, i)?;
        }
        Ok(())
    }

    /// `run` by so many workers of this pool, the calling thread being one of them if it `helps`.
    fn run_on<S>(
        &self,
        pool: &ThreadPool,
        workers: usize,
        helps: bool,
        n: usize,
        init: impl Fn() -> S + Sync,
        task: impl Fn(&mut S, usize) -> Result<()> + Sync,
    ) -> Result<()> {
        let board = Board::new(n, workers);
        self.oversee(pool, workers, helps, &board, &|claim| {
            let mut scratch = init();
            while let Some(i) = claim() {
                if let Err(error) = task(&mut scratch, i) {
                    board.fail(i, error);
                }
            }
        })
    }

    /// Lets the workers do `work`, each once, and waits for them: reports progress and stops them when the caller wants it.
    /// Compiled once for all kinds of tasks.
    fn oversee(&self, pool: &ThreadPool, workers: usize, helps: bool, board: &Board, work: &Work) -> Result<()> {
        let worker = |claim: &dyn Fn() -> Option<usize>| {
            // Counts this worker out also when a task panics; the scope passes the panic on to the caller.
            let _leave = Leave { board };
            work(claim);
        };
        pool.in_place_scope(|scope| {
            for _ in usize::from(helps)..workers {
                scope.spawn(|_| worker(&|| board.claim()));
            }
            if helps {
                worker(&|| {
                    self.look(board);
                    board.claim()
                });
            }
            // The others are nearly done when who helps is: going to sleep and being woken would take longer.
            let begun = Instant::now();
            while helps && board.works() && begun.elapsed() < SPIN {
                std::hint::spin_loop();
            }
            let mut asleep = lock(&board.asleep);
            while board.works() {
                *asleep = true;
                asleep = board.finished.wait_timeout(asleep, POLL).unwrap_or_else(|e| e.into_inner()).0;
                if board.works() {
                    drop(asleep);
                    self.look(board);
                    asleep = lock(&board.asleep);
                }
            }
        });
        match lock(&board.failure).take() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Reports progress, and has the workers stop if the caller wants it.
    fn look(&self, board: &Board) {
        if board.stop.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.poll(board.done()) {
            board.stop.store(true, Ordering::Relaxed);
            *lock(&board.failure) = Some((0, error));
        }
    }

    /// `run` for tasks that each give a value; the values come back in the order of the tasks.
    pub fn map<T: Send>(&self, n: usize, task: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
        let slots: Vec<Mutex<Option<T>>> = (0..n).map(|_| Mutex::new(None)).collect();
        self.run(
            n,
            || (),
            |(), i| {
                *lock(&slots[i]) = Some(task(i)?);
                Ok(())
            },
        )?;
        Ok(unslotted(slots))
    }

    /// `map` with at most `workers` tasks at a time, all of them inside the pool: for work that is itself parallel by rayon,
    /// whose global pool must never start.
    pub fn map_in_pool<T: Send>(
        &self,
        workers: usize,
        n: usize,
        task: impl Fn(usize) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let slots: Vec<Mutex<Option<T>>> = (0..n).map(|_| Mutex::new(None)).collect();
        let workers = workers.clamp(1, self.threads).min(n);
        let fill = |(): &mut (), i: usize| {
            *lock(&slots[i]) = Some(task(i)?);
            Ok(())
        };
        match workers {
            0 => {}
            _ if in_pool() => self.run_here(n, || (), fill)?,
            _ => self.run_on(exact_pool(self.threads)?, workers, false, n, || (), fill)?,
        }
        Ok(unslotted(slots))
    }

    /// Splits `data` into pieces of `len` (the last may be shorter) and does `task(scratch, piece number, piece)`.
    pub fn run_chunks<T: Send, S>(
        &self,
        data: &mut [T],
        len: usize,
        init: impl Fn() -> S + Sync,
        task: impl Fn(&mut S, usize, &mut [T]) -> Result<()> + Sync,
    ) -> Result<()> {
        let len = len.max(1);
        let pieces: Vec<Mutex<&mut [T]>> = data.chunks_mut(len).map(Mutex::new).collect();
        self.run(pieces.len(), init, |scratch, i| task(scratch, i, &mut lock(&pieces[i])))
    }

    /// `run_chunks` with pieces of given, possibly unequal, lengths that add up to `data.len()`.
    pub fn run_split<T: Send, S>(
        &self,
        data: &mut [T],
        lens: impl IntoIterator<Item = usize>,
        init: impl Fn() -> S + Sync,
        task: impl Fn(&mut S, usize, &mut [T]) -> Result<()> + Sync,
    ) -> Result<()> {
        let mut rest = data;
        let mut pieces = Vec::new();
        for len in lens {
            let (piece, tail) = rest.split_at_mut(len);
            pieces.push(Mutex::new(piece));
            rest = tail;
        }
        self.run(pieces.len(), init, |scratch, i| task(scratch, i, &mut lock(&pieces[i])))
    }

    /// Cuts `0..weights.len()` into contiguous ranges of about equal weight, several for each thread. For work whose
    /// result does not depend on where the cuts are.
    pub fn balanced(&self, n: usize, weight_before: impl Fn(usize) -> u64) -> Vec<Range<usize>> {
        balanced_ranges(n, self.threads * if self.threads > 1 { 8 } else { 4 }, weight_before)
    }
}

/// Cuts `0..n` into at most `pieces` contiguous ranges of about equal weight, where `weight_before(i)` is the weight
/// of `0..i` (an indptr array, say). Every range holds at least one item.
pub fn balanced_ranges(n: usize, pieces: usize, weight_before: impl Fn(usize) -> u64) -> Vec<Range<usize>> {
    if n == 0 {
        return Vec::new();
    }
    let base = weight_before(0);
    // One more than the items' own weight each, so that empty lines are spread as well.
    let before = |i: usize| (weight_before(i) - base) as u128 + i as u128;
    let total = before(n);
    let pieces = pieces.clamp(1, n);
    let mut ranges = Vec::with_capacity(pieces);
    let mut start = 0;
    for piece in 1..=pieces {
        let goal = total * piece as u128 / pieces as u128;
        let (mut lo, mut hi) = (start, n);
        while lo < hi {
            let mid = (lo + hi) / 2;
            if before(mid) < goal { lo = mid + 1 } else { hi = mid }
        }
        let end = if piece == pieces { n } else { lo };
        if end > start {
            ranges.push(start..end);
            start = end;
        }
    }
    ranges
}

/// Cuts `0..n` into pieces of `len`, the last perhaps shorter.
pub fn even_ranges(n: usize, len: usize) -> impl ExactSizeIterator<Item = Range<usize>> {
    let len = len.max(1);
    (0..n.div_ceil(len)).map(move |i| i * len..((i + 1) * len).min(n))
}

fn unslotted<T>(slots: Vec<Mutex<Option<T>>>) -> Vec<T> {
    slots.into_iter().map(|slot| slot.into_inner().unwrap_or_else(|e| e.into_inner()).expect("each task ran")).collect()
}

/// What a worker does: tasks, as long as it can claim one.
type Work<'a> = dyn Fn(&dyn Fn() -> Option<usize>) + Sync + 'a;

/// What the workers of a call share: which task is next, and how it stands.
struct Board {
    n: usize,
    next: AtomicUsize,
    stop: AtomicBool,
    /// The lowest task that failed.
    failure: Mutex<Option<(usize, Error)>>,
    /// Workers that have not left.
    running: AtomicUsize,
    /// Whether the calling thread waits for `finished`.
    asleep: Mutex<bool>,
    finished: Condvar,
}

impl Board {
    fn new(n: usize, workers: usize) -> Self {
        Self {
            n,
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            failure: Mutex::new(None),
            running: AtomicUsize::new(workers),
            asleep: Mutex::new(false),
            finished: Condvar::new(),
        }
    }

    /// The next task, unless there is none or the call is to stop.
    fn claim(&self) -> Option<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return None;
        }
        let i = self.next.fetch_add(1, Ordering::Relaxed);
        (i < self.n).then_some(i)
    }

    #[cold]
    fn fail(&self, i: usize, error: Error) {
        self.stop.store(true, Ordering::Relaxed);
        let mut first = lock(&self.failure);
        if first.as_ref().is_none_or(|(at, _)| i < *at) {
            *first = Some((i, error));
        }
    }

    fn works(&self) -> bool {
        self.running.load(Ordering::Acquire) > 0
    }

    /// The part of the tasks that has been begun.
    fn done(&self) -> f64 {
        self.next.load(Ordering::Relaxed).min(self.n) as f64 / self.n as f64
    }
}

/// A lock whose holder panicked is as good: what it guards is whole at any time.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

struct Leave<'a> {
    board: &'a Board,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.board.stop.store(true, Ordering::Relaxed);
        }
        self.board.running.fetch_sub(1, Ordering::AcqRel);
        if *lock(&self.board.asleep) {
            self.board.finished.notify_one();
        }
    }
}

/// Whether the calling thread is a worker of a pool: one that waited there for workers of its own pool could be waiting for
/// itself.
fn in_pool() -> bool {
    rayon::current_thread_index().is_some()
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "cancelled by the caller")
}

/// `SCN_NUM_THREADS` if it is a positive number, else the cores that the process may use (affinity and cgroups counted).
pub fn default_threads() -> usize {
    std::env::var("SCN_NUM_THREADS")
        .ok()
        .and_then(|value| value.trim().parse().ok())
        .filter(|&n: &usize| n > 0)
        .unwrap_or_else(cores)
}

/// Found out once: it is read from files, which takes longer than a small call.
fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
}

struct Pool {
    pid: u32,
    threads: usize,
    pool: ThreadPool,
}

/// The pools made so far, the newest last. None is ever dropped: another caller may be using it, and in a forked child
/// its threads do not exist, so that joining them would hang.
static POOLS: Mutex<Vec<&'static Pool>> = Mutex::new(Vec::new());

/// The library's own pool: never rayon's global one, made at first use, made anew in a forked child (whose threads
/// are gone) and when a call asks for more threads than it has.
fn pool(threads: usize) -> Result<&'static ThreadPool> {
    pool_that(|live| live.threads >= threads, threads.max(default_threads() - 1))
}

/// A pool of just so many threads: work that divides itself among all threads of its pool shall not take more.
fn exact_pool(threads: usize) -> Result<&'static ThreadPool> {
    pool_that(|live| live.threads == threads, threads)
}

/// A pool of this process that serves, or a new one of so many threads.
fn pool_that(serves: impl Fn(&Pool) -> bool, threads: usize) -> Result<&'static ThreadPool> {
    let pid = std::process::id();
    let serves = |live: &&&'static Pool| live.pid == pid && serves(live);
    if let Some(live) = lock_pools().and_then(|pools| pools.iter().rev().find(serves).copied()) {
        return Ok(&live.pool);
    }
    let pool =
        ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("scnative-{i}")).build().map_err(
            |e| Error::new(ErrorKind::OutOfMemory, format!("n_threads: cannot start {threads} threads: {e}")),
        )?;
    let made: &'static Pool = Box::leak(Box::new(Pool { pid, threads, pool }));
    if let Some(mut pools) = lock_pools() {
        pools.push(made);
    }
    Ok(&made.pool)
}

/// Held for some nanoseconds only. It is tried, not waited for: the parent may have forked just while another of its
/// threads held it, and then nobody in the child will ever release it (each call there makes a pool of its own).
fn lock_pools() -> Option<MutexGuard<'static, Vec<&'static Pool>>> {
    (0..1000).find_map(|_| {
        POOLS.try_lock().ok().or_else(|| {
            std::thread::yield_now();
            None
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once_at_every_thread_count() {
        for threads in [1, 2, 3, 8] {
            let mut hits = vec![0u8; 1000];
            Ctx::new(threads)
                .run_chunks(
                    &mut hits,
                    7,
                    || (),
                    |(), _, piece| {
                        piece.iter_mut().for_each(|hit| *hit += 1);
                        Ok(())
                    },
                )
                .unwrap();
            assert!(hits.iter().all(|&hit| hit == 1));
        }
    }

    #[test]
    fn an_error_and_a_panic_reach_the_caller() {
        let ctx = Ctx::new(3);
        let error = ctx.run(100, || (), |(), i| if i == 40 { bail_at(i) } else { Ok(()) }).unwrap_err();
        assert_eq!(error.message, "task 40");
        let caught =
            std::panic::catch_unwind(|| Ctx::new(2).run(10, || (), |(), i| if i == 3 { panic!("3") } else { Ok(()) }));
        assert!(caught.is_err());
        // and the pool still works
        assert_eq!(ctx.map(5, Ok).unwrap(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_worker_does_tasks_of_its_own_by_itself() {
        for threads in [1, 2] {
            let ctx = Ctx::new(threads);
            let inner = |i: usize| {
                let mapped = Ctx::new(threads).map(3, |j| Ok(10 * i + j))?;
                Ok([mapped, Ctx::new(threads).map_in_pool(threads, 3, |j| Ok(10 * i + j))?].concat())
            };
            let got = ctx.map_in_pool(threads, 4, inner).unwrap();
            let want: Vec<Vec<usize>> =
                (0..4).map(|i| [0, 1, 2, 0, 1, 2].iter().map(|j| 10 * i + j).collect()).collect();
            assert_eq!(got, want);
        }
    }

    fn bail_at(i: usize) -> Result<()> {
        crate::bail!(InvalidArgument, "task {i}")
    }

    #[test]
    fn cancellation_is_quick() {
        for threads in [1, 2] {
            let begun = Instant::now();
            let mut stop_at_once = |_: f64| false;
            let ctx = Ctx::new(threads).with_progress(&mut stop_at_once);
            let error = ctx
                .run(
                    10_000,
                    || (),
                    |(), _| {
                        std::thread::sleep(Duration::from_millis(5));
                        Ok(())
                    },
                )
                .unwrap_err();
            assert_eq!(error.kind, ErrorKind::Cancelled);
            assert!(begun.elapsed() < Duration::from_secs(2));
        }
    }

    #[test]
    fn ranges_cover_everything_once() {
        for n in [0usize, 1, 2, 17, 1000] {
            for pieces in [1, 2, 7, 64] {
                let ranges = balanced_ranges(n, pieces, |i| (i * i) as u64);
                let flat: Vec<usize> = ranges.into_iter().flatten().collect();
                assert_eq!(flat, (0..n).collect::<Vec<_>>());
            }
        }
    }
}
