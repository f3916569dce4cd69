use crate::advice::advice;
use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// `<base>/chains/<id>/node.json`: how to find the node that holds this folder. Written when the node serves, removed
/// when it stops; after a crash it stays behind and names a process that is gone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFile {
    /// The process.
    pub pid: u32,
    /// Address of its RPC on this machine, such as `http://127.0.0.1:9944`.
    pub rpc_url: String,
    /// Address of its Prometheus metrics on this machine, such as `http://127.0.0.1:9615/metrics`, if it serves them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus_url: Option<String>,
    /// Addresses at which peers reach it, each with `/p2p/<peer id>`.
    pub listen_addresses: Vec<String>,
    /// What the unsafe methods of its RPC ask for. Whoever can read this file may use them.
    pub token: String,
}

impl fmt::Debug for NodeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token.
        f.debug_struct("NodeFile")
            .field("pid", &self.pid)
            .field("rpc_url", &self.rpc_url)
            .finish_non_exhaustive()
    }
}

/// `node.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NodeFileError {
    /// It cannot be read, written or removed.
    #[error("{} cannot be used ({source}); {}", .path.display(), advice(.source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// It was not written by a node of this version.
    #[error(
        "{} is not what a node writes ({source}); restart the node, or remove the file if none runs",
        .path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl NodeFile {
    /// The file's name in the chain's folder.
    pub const NAME: &str = "node.json";

    /// Reads the file of the chain whose data lie in `chain_folder`; `None` if there is none.
    pub fn read(chain_folder: &Path) -> Result<Option<Self>, NodeFileError> {
        let path = chain_folder.join(Self::NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(NodeFileError::Io { path, source }),
        };
        match serde_json::from_slice(&text) {
            Ok(file) => Ok(Some(file)),
            Err(source) => Err(NodeFileError::Malformed { path, source }),
        }
    }

    /// Whether the process that wrote it still runs. Another one may have its number by now, so yes means perhaps.
    pub fn may_run(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        // Another user's process answers with a refusal: it is there.
        pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
    }

    /// Writes the file, readable for its owner only. A reader sees all of it or nothing.
    pub fn write(&self, chain_folder: &Path) -> Result<(), NodeFileError> {
        let path = chain_folder.join(Self::NAME);
        let draft = chain_folder.join(format!("{}.new", Self::NAME));
        let text =
            serde_json::to_vec_pretty(self).expect("texts and numbers are always valid JSON");
        let written = remove(&draft)
            .and_then(|()| {
                OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&draft)
            })
            .and_then(|mut file| file.write_all(&text))
            .and_then(|()| fs::rename(&draft, &path));
        written.map_err(|source| NodeFileError::Io { path, source })
    }

    /// Removes the file; none is no error.
    pub fn remove(chain_folder: &Path) -> Result<(), NodeFileError> {
        let path = chain_folder.join(Self::NAME);
        remove(&path).map_err(|source| NodeFileError::Io { path, source })
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
