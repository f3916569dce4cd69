//! A process that works for the one that measures. It ends with it, whatever happens: it is killed when its [`Worker`] is
//! dropped, and ends by itself when its standard input does.

use super::report::{Imported, Joined, Order, Report, Served};
use crate::{
    benchmark::{BenchmarkError, Told, Watch},
    block_file::Next,
};
use futures::channel::oneshot;
use std::{
    io::{self, BufRead, BufReader, Read},
    num::NonZeroU32,
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

/// How often it is looked whether to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Lines that wait to be looked at.
const LINES: usize = 16;

/// The worker's process.
pub(in crate::benchmark) struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Worker {
    /// Starts this program as a worker.
    pub(in crate::benchmark) fn start(order: &Order) -> Result<Self, BenchmarkError> {
        let order = serde_json::to_string(order).expect("an order has text keys only");
        let program = std::env::current_exe().map_err(BenchmarkError::System)?;
        let mut child = Command::new(program)
            .args(["benchmark", "worker", &order])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C on a terminal is for the one that measures; it stops its workers.
            .process_group(0)
            .spawn()
            .map_err(BenchmarkError::System)?;
        let input = child.stdin.take();
        let output = child.stdout.take().expect("it was asked for");
        let (sender, lines) = sync_channel(LINES);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            input,
            lines,
        })
    }

    /// The next thing that it says.
    fn report<W: Watch>(&mut self, watch: &W) -> Result<Report, BenchmarkError> {
        loop {
            if watch.next() == Next::Stop {
                return Err(BenchmarkError::Stopped);
            }
            match self.lines.recv_timeout(LOOK_EVERY) {
                Ok(line) => {
                    return match serde_json::from_str(&line) {
                        Ok(Report::Failed(why)) => Err(BenchmarkError::Worker(why)),
                        Ok(report) => Ok(report),
                        Err(_) => Err(BenchmarkError::Worker(line)),
                    };
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let end = self.child.wait().map_err(BenchmarkError::System)?;
                    return Err(BenchmarkError::WorkerEnded(end));
                }
            }
        }
    }

    /// The first report that `wanted` takes; tells how many blocks are done until then.
    fn wait_for<T, W: Watch>(
        &mut self,
        watch: &mut W,
        blocks: impl Fn(u64) -> Told<'static>,
        wanted: impl Fn(Report) -> Option<T>,
    ) -> Result<T, BenchmarkError> {
        loop {
            match self.report(watch)? {
                Report::Blocks(done) => watch.told(blocks(done)),
                other => {
                    if let Some(found) = wanted(other) {
                        return Ok(found);
                    }
                }
            }
        }
    }

    /// Waits until it serves; says where.
    pub(in crate::benchmark) fn serving<W: Watch>(
        &mut self,
        watch: &mut W,
    ) -> Result<Vec<String>, BenchmarkError> {
        self.wait_for(
            watch,
            |_| Told::Doing("serving"),
            |report| match report {
                Report::Serving(addresses) => Some(addresses),
                _ => None,
            },
        )
    }

    /// Has it stop serving.
    pub(in crate::benchmark) fn served<W: Watch>(
        &mut self,
        watch: &mut W,
    ) -> Result<Served, BenchmarkError> {
        self.input = None;
        self.wait_for(
            watch,
            |_| Told::Doing("serving"),
            |report| match report {
                Report::Served(served) => Some(served),
                _ => None,
            },
        )
    }

    /// Waits until it has joined.
    pub(in crate::benchmark) fn joined<W: Watch>(
        &mut self,
        blocks: NonZeroU32,
        watch: &mut W,
    ) -> Result<Joined, BenchmarkError> {
        self.wait_for(watch, of("joining", blocks), |report| match report {
            Report::Joined(joined) => Some(joined),
            _ => None,
        })
    }

    /// Waits until it has imported.
    pub(super) fn imported<W: Watch>(
        &mut self,
        blocks: NonZeroU32,
        watch: &mut W,
    ) -> Result<Imported, BenchmarkError> {
        let told = of("importing from a file", blocks);
        self.wait_for(watch, told, |report| match report {
            Report::Imported(imported) => Some(imported),
            _ => None,
        })
    }
}

fn of(doing: &'static str, blocks: NonZeroU32) -> impl Fn(u64) -> Told<'static> + use<> {
    let total = blocks.get().into();
    move |done| Told::Blocks { doing, done, total }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Neither fails unless the process has ended, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the end of standard input.
pub(super) async fn end_of_input() -> io::Result<()> {
    let (ended, end) = oneshot::channel();
    thread::Builder::new().spawn(move || {
        wait_for_end();
        let _ = ended.send(());
    })?;
    // The thread ends in no other way.
    let _ = end.await;
    Ok(())
}

/// From now on this process ends when standard input does. What it writes is in a folder that is removed anyway.
pub(super) fn end_with_the_parent() -> io::Result<()> {
    let guard = thread::Builder::new().spawn(|| {
        wait_for_end();
        std::process::exit(1);
    });
    guard.map(drop)
}

fn wait_for_end() {
    let mut input = io::stdin().lock();
    let mut buffer = [0; 256];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return,
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return,
            Ok(_) | Err(_) => {}
        }
    }
}
