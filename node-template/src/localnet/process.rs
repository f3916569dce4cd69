use crate::status_view::{NodeClient, NodeFile};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// How often a process is looked at while we wait for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How much of the end of a log is read to show its last lines.
const LOG_TAIL_BYTES: u64 = 16 * 1024;

/// What to start.
#[derive(Clone, Debug)]
pub struct ProcessPlan {
    /// For people and for the file names.
    pub name: String,
    /// The executable.
    pub program: PathBuf,
    /// Its command line, without the program.
    pub args: Vec<OsString>,
    /// Where its standard output and error go; appended to.
    pub log: PathBuf,
    /// Where it will write `node.json`.
    pub chain_folder: PathBuf,
}

/// A node in a process of its own. Dropping it kills the process and waits for its end. Should *we* be killed, the end
/// of the node's standard input stops it (`--stop-with-stdin`).
#[derive(Debug)]
pub struct NodeProcess {
    plan: ProcessPlan,
    child: Child,
}

/// A process that did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("{name}: {} cannot be started ({source}); check the file and its permissions", .program.display())]
    Start {
        /// The node.
        name: String,
        /// The executable.
        program: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// Its log cannot be written.
    #[error("{name}: the log {} cannot be written ({source}); check the folder and the space on the disk", .path.display())]
    Log {
        /// The node.
        name: String,
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// It ended before it served.
    #[error("{name} ended before it served ({end}); the last that it said: {said}")]
    EndedEarly {
        /// The node.
        name: String,
        /// How it ended.
        end: ExitStatus,
        /// The last line of its log, which may be gone with its folder when this is read.
        said: String,
    },
    /// It neither ended nor served in time.
    #[error("{name} did not serve within {} s; its log says what it was doing", .waited.as_secs())]
    NotServing {
        /// The node.
        name: String,
        /// How long we waited.
        waited: Duration,
    },
    /// It did not end in time after it was asked to.
    #[error("{name} did not stop within {} s of SIGTERM; its log says what it was doing", .waited.as_secs())]
    NotStopping {
        /// The node.
        name: String,
        /// How long we waited.
        waited: Duration,
    },
    /// It could not be looked at, or not be told to stop.
    #[error("{name}: the process cannot be handled ({source}); check the limits of this system")]
    System {
        /// The node.
        name: String,
        /// What happened.
        source: io::Error,
    },
}

impl NodeProcess {
    /// Starts the process. It does not serve yet: see [`Self::serving`].
    pub fn start(plan: ProcessPlan) -> Result<Self, ProcessError> {
        let log_error = |source| ProcessError::Log {
            name: plan.name.clone(),
            path: plan.log.clone(),
            source,
        };
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&plan.log)
            .map_err(log_error)?;
        let errors = log.try_clone().map_err(log_error)?;
        let child = Command::new(&plan.program)
            .args(&plan.args)
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|source| ProcessError::Start {
                name: plan.name.clone(),
                program: plan.program.clone(),
                source,
            })?;
        Ok(Self { plan, child })
    }

    /// What it was started with.
    pub fn plan(&self) -> &ProcessPlan {
        &self.plan
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended; `None` while it runs.
    pub fn end(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        let end = self.child.try_wait();
        end.map_err(|source| self.system(source))
    }

    /// Waits until the node has written its `node.json`, which it does once its RPC and its network listen.
    pub async fn serving(&mut self, patience: Duration) -> Result<NodeFile, ProcessError> {
        let start = Instant::now();
        loop {
            if let Some(file) = self.node_file() {
                return Ok(file);
            }
            if let Some(end) = self.end()? {
                return Err(ProcessError::EndedEarly {
                    name: self.plan.name.clone(),
                    end,
                    said: self.log_tail(1).pop().unwrap_or_else(|| "nothing".into()),
                });
            }
            if start.elapsed() >= patience {
                return Err(ProcessError::NotServing {
                    name: self.plan.name.clone(),
                    waited: patience,
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// `node.json`, if this process wrote it. One that an earlier process left behind, or that is half written, is none.
    pub fn node_file(&self) -> Option<NodeFile> {
        let file = NodeFile::read(&self.plan.chain_folder).ok().flatten()?;
        (file.pid == self.id()).then_some(file)
    }

    /// Asks the node, if it serves.
    pub fn client(&self) -> Option<NodeClient> {
        NodeClient::new(self.node_file()?.rpc_url).ok()
    }

    /// Sends a signal. A process that has ended is no error.
    pub fn signal(&mut self, signal: Signal) -> Result<(), ProcessError> {
        // Once its end was taken note of, the id may belong to another process.
        if self.end()?.is_some() {
            return Ok(());
        }
        match kill_process(Pid::from_child(&self.child), signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(errno) => Err(self.system(errno.into())),
        }
    }

    /// Waits until the process has ended.
    pub async fn ended(&mut self, patience: Duration) -> Result<ExitStatus, ProcessError> {
        let start = Instant::now();
        loop {
            if let Some(end) = self.end()? {
                return Ok(end);
            }
            if start.elapsed() >= patience {
                return Err(ProcessError::NotStopping {
                    name: self.plan.name.clone(),
                    waited: patience,
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Stops the node as an operator would: SIGTERM, then patience.
    pub async fn stop(&mut self, patience: Duration) -> Result<ExitStatus, ProcessError> {
        self.signal(Signal::TERM)?;
        self.ended(patience).await
    }

    /// The last `lines` lines of its log; empty if there is none.
    pub fn log_tail(&self, lines: usize) -> Vec<String> {
        log_tail(&self.plan.log, lines)
    }

    fn system(&self, source: io::Error) -> ProcessError {
        ProcessError::System {
            name: self.plan.name.clone(),
            source,
        }
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // Neither fails unless the process has ended, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last `lines` lines of the log at `path`; empty if there is none. Escape sequences stay as they are.
pub(super) fn log_tail(path: &Path, lines: usize) -> Vec<String> {
    let text = end_of_file(path).unwrap_or_default();
    let mut tail: Vec<String> = text.lines().rev().take(lines).map(str::to_owned).collect();
    tail.reverse();
    tail
}

fn end_of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(match text.split_once('\n') {
        // It begins somewhere in a line.
        Some((_, whole)) if length > LOG_TAIL_BYTES => whole.to_owned(),
        _ => text,
    })
}
