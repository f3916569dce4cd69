//! `node-template localnet`: a network of real node processes on loopback, and the tour on it (SPEC section 11).
//!
//! The nodes are children of this process and run the same executable. None of them outlives it, however it ends: they
//! are stopped when it stops, killed when it panics, and stop by themselves when it is killed.

mod network;
mod output;
mod process;
mod row;
mod table;
pub mod tour;

#[cfg(test)]
mod tests;

pub use network::{LocalNetwork, NetworkPlan};
pub use process::{NodeProcess, ProcessError, ProcessPlan};
pub use row::{NodeIndex, NodeRow, NodeState};

use crate::{advice::advice, cli::LocalnetArgs, service::DevKey};
use chain_spec::{ChainSpec, Preset};
use output::{Output, Report};
use runtime_bridge::store::{Lock, LockError};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tour::{Duty, NodePlan, Stage, StageError, Step, TourFailure};

/// Pause between two looks at a network that just runs.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Held in the network's folder, so that two networks do not run in one.
const LOCK_FILE: &str = "LOCK";

/// Why `localnet` failed.
#[derive(Debug, thiserror::Error)]
pub enum LocalnetError {
    /// A step of the tour failed.
    #[error("{0}; the lines above are the end of that node's log")]
    Tour(#[from] Box<TourFailure>),
    /// SIGINT or SIGTERM in the middle of the tour.
    #[error("the tour was interrupted; start it again to see the rest")]
    Interrupted,
    /// A node of the network.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The tour shows how a node joins from nothing, so nothing may be there.
    #[error("{} is not empty; give the tour a new folder, or leave out --base-path", .path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// Somebody else runs a network in the folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A folder cannot be made or read.
    #[error("{} cannot be used ({source}); {}", .path.display(), advice(.source))]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The system does not give us what every process has.
    #[error("this system does not let us run a network ({0}); check its limits")]
    System(#[from] io::Error),
}

/// Where the network's files are.
enum Folder {
    /// Removed at the end.
    Temporary(TempDir),
    /// The user's, and ours alone while the network runs.
    Kept { path: PathBuf, _lock: Lock },
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Temporary(dir) => dir.path(),
            Self::Kept { path, .. } => path,
        }
    }
}

/// Runs the command. Returns when the tour is over, or at SIGINT or SIGTERM.
pub fn run(args: &LocalnetArgs) -> Result<(), LocalnetError> {
    // One thread: all the work is done by the nodes.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let folder = folder(args)?;
    let spec = Preset::Local.spec();
    let plan = NetworkPlan {
        program: std::env::current_exe()?,
        chain: Preset::Local.name().to_owned(),
        chain_id: spec.id.clone(),
        slot: Duration::from_millis(spec.slot_duration.as_millis()),
        folder: folder.path().to_owned(),
    };
    let mut output = if args.json {
        Output::for_programs()
    } else {
        Output::for_people()
    };
    let mut network = LocalNetwork::new(plan);
    let result = runtime.block_on(async {
        let mut stop = Stop::listen()?;
        let result = if args.tour {
            tour_until(&mut network, &mut output, &mut stop).await
        } else {
            run_until(&mut network, &spec, args.nodes, &mut output, &mut stop).await
        };
        network.stop_all().await;
        result
    });
    // The processes must be gone before their files go.
    drop(network);
    drop(folder);
    result
}

async fn tour_until(
    network: &mut LocalNetwork,
    output: &mut Output,
    stop: &mut Stop,
) -> Result<(), LocalnetError> {
    let of = Step::ALL.len();
    let passed = tokio::select! {
        biased;
        () = stop.asked() => return Err(LocalnetError::Interrupted),
        played = tour::play(network, output) => played.map_err(Box::new)?,
    };
    let text = format!("tour: {passed} of {of} steps passed");
    output.say(&text, &Report::Tour { passed, of });
    Ok(())
}

async fn run_until(
    network: &mut LocalNetwork,
    spec: &ChainSpec,
    nodes: u8,
    output: &mut Output,
    stop: &mut Stop,
) -> Result<(), LocalnetError> {
    let shown = async {
        for plan in plans(spec, nodes) {
            network.start(plan).await?;
        }
        let nodes = network.len();
        let text = format!("{nodes} nodes run; Ctrl-C stops them");
        output.say(&text, &Report::Started { nodes });
        loop {
            output.rows(&network.survey().await?);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        biased;
        () = stop.asked() => Ok(()),
        ended = shown => ended,
    }
}

/// A validator for each authority of the chain, then full nodes; each knows all earlier ones.
fn plans(spec: &ChainSpec, nodes: u8) -> Vec<NodePlan> {
    let keys = DevKey::ALL.into_iter().take(spec.authorities.len());
    let duties = keys
        .map(|key| (key.flag().to_owned(), Duty::Author(key)))
        .chain((1..).map(|number: u32| (format!("full-{number}"), Duty::Follow)));
    duties
        .take(nodes.into())
        .enumerate()
        .map(|(index, (name, duty))| NodePlan {
            name,
            duty,
            bootnodes: (0..index).map(NodeIndex).collect(),
        })
        .collect()
}

fn folder(args: &LocalnetArgs) -> Result<Folder, LocalnetError> {
    let Some(path) = &args.base_path else {
        let dir = tempfile::Builder::new().prefix("localnet-").tempdir()?;
        return Ok(Folder::Temporary(dir));
    };
    let failed = |source| LocalnetError::Folder {
        path: path.clone(),
        source,
    };
    std::fs::create_dir_all(path).map_err(failed)?;
    let mut entries = std::fs::read_dir(path).map_err(failed)?;
    if args.tour && entries.next().is_some() {
        return Err(LocalnetError::NotEmpty { path: path.clone() });
    }
    drop(entries);
    Ok(Folder::Kept {
        path: path.clone(),
        _lock: Lock::take(&path.join(LOCK_FILE))?,
    })
}

/// SIGINT and SIGTERM.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Returns at the first signal.
    async fn asked(&mut self) {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
