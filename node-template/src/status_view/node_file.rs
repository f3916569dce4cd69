use serde::{Deserialize, Serialize};
use std::{
    io,
    path::{Path, PathBuf},
};

/// `<base>/chains/<id>/node.json`: how to find the node that holds this folder. Written when the node serves, removed
/// when it stops; after a crash it stays behind and names a process that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFile {
    /// The process.
    pub pid: u32,
    /// Address of its RPC on this machine, such as `http://127.0.0.1:9944`.
    pub rpc_url: String,
    /// Addresses at which peers reach it, each with `/p2p/<peer id>`.
    pub listen_addresses: Vec<String>,
}

/// `node.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NodeFileError {
    /// It cannot be read.
    #[error("{} cannot be read ({source}); check its permissions", .path.display())]
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
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(NodeFileError::Io { path, source }),
        };
        match serde_json::from_slice(&text) {
            Ok(file) => Ok(Some(file)),
            Err(source) => Err(NodeFileError::Malformed { path, source }),
        }
    }
}
