use super::{
    NodeIndex, NodeProcess, NodeRow, NodeState, ProcessPlan,
    process::log_tail,
    tour::{Duty, NodePlan, Stage, StageError},
};
use crate::status_view::{HeaderView, NodeClient};
use futures::future::join_all;
use rustix::process::Signal;
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

/// How long a node may take from its start until it serves: opening the store and binding two ports.
const SERVE_PATIENCE: Duration = Duration::from_secs(20);
/// How long a node may take to stop: it drains its store.
const STOP_PATIENCE: Duration = Duration::from_secs(15);
/// Lines of a log that are shown when something fails.
const LOG_LINES: usize = 15;

/// What the nodes of a network have in common.
#[derive(Clone, Debug)]
pub struct NetworkPlan {
    /// The executable of a node.
    pub program: PathBuf,
    /// `--chain`.
    pub chain: String,
    /// The chain's id: the name of its folder.
    pub chain_id: String,
    /// The chain's slot.
    pub slot: Duration,
    /// Where all files go. Must exist.
    pub folder: PathBuf,
}

/// Real node processes on loopback. Dropping it kills them all.
#[derive(Debug)]
pub struct LocalNetwork {
    plan: NetworkPlan,
    nodes: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    plan: NodePlan,
    state: MemberState,
}

#[derive(Debug)]
enum MemberState {
    Started(NodeProcess),
    Stopped,
}

impl LocalNetwork {
    /// A network without nodes.
    pub fn new(plan: NetworkPlan) -> Self {
        Self {
            plan,
            nodes: Vec::new(),
        }
    }

    /// How many nodes were started so far.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether no node was started yet.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node's process, if it was not stopped.
    pub fn process(&mut self, node: NodeIndex) -> Option<&mut NodeProcess> {
        match &mut self.nodes.get_mut(node.0)?.state {
            MemberState::Started(process) => Some(process),
            MemberState::Stopped => None,
        }
    }

    /// Stops all nodes at once, gracefully where they let us.
    pub async fn stop_all(&mut self) {
        let processes: Vec<&mut NodeProcess> = self
            .nodes
            .iter_mut()
            .filter_map(|member| match &mut member.state {
                MemberState::Started(process) => Some(process),
                MemberState::Stopped => None,
            })
            .collect();
        // One that does not stop is killed when it is dropped; that is all that is left to do about an error here.
        join_all(processes.into_iter().map(|process| async {
            let _ = process.stop(STOP_PATIENCE).await;
        }))
        .await;
        for member in &mut self.nodes {
            member.state = MemberState::Stopped;
        }
    }

    fn member(&self, node: NodeIndex) -> Result<&Member, StageError> {
        self.nodes
            .get(node.0)
            .ok_or_else(|| StageError::NotServing {
                name: format!("node {}", node.0),
            })
    }

    fn client(&self, node: NodeIndex) -> Result<(&str, NodeClient), StageError> {
        let member = self.member(node)?;
        let name = member.plan.name.as_str();
        match &member.state {
            MemberState::Started(process) => process.client(),
            MemberState::Stopped => None,
        }
        .map(|client| (name, client))
        .ok_or_else(|| StageError::NotServing {
            name: name.to_owned(),
        })
    }

    /// Addresses of the nodes that serve, of those that `plan` names.
    fn bootnodes(&self, plan: &NodePlan) -> Vec<String> {
        plan.bootnodes
            .iter()
            .filter_map(|node| self.nodes.get(node.0))
            .filter_map(|member| match &member.state {
                MemberState::Started(process) => process.node_file(),
                MemberState::Stopped => None,
            })
            .flat_map(|file| file.listen_addresses)
            .collect()
    }

    fn process_plan(&self, plan: &NodePlan) -> ProcessPlan {
        let base = self.base_path(&plan.name);
        ProcessPlan {
            name: plan.name.clone(),
            program: self.plan.program.clone(),
            args: arguments(&self.plan.chain, &base, plan, self.bootnodes(plan)),
            log: self.log_path(&plan.name),
            chain_folder: base.join("chains").join(&self.plan.chain_id),
        }
    }

    fn base_path(&self, name: &str) -> PathBuf {
        self.plan.folder.join(name)
    }

    fn log_path(&self, name: &str) -> PathBuf {
        self.plan.folder.join(format!("{name}.log"))
    }

    /// Runs a command of the node's program on the node's files to its end.
    async fn command(&self, node: NodeIndex, words: &[&OsStr]) -> Result<(), StageError> {
        let mut command = tokio::process::Command::new(&self.plan.program);
        command
            .args(words)
            .args(["--chain", &self.plan.chain, "--base-path"])
            .arg(self.base_path(&self.member(node)?.plan.name))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let failed = |said: String| StageError::Command {
            command: words
                .iter()
                .map(|word| word.to_string_lossy())
                .collect::<Vec<_>>()
                .join(" "),
            said,
        };
        match command.output().await {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(failed(
                String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            )),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    fn peer_id(&self, node: NodeIndex) -> Result<String, StageError> {
        let member = self.member(node)?;
        let file = match &member.state {
            MemberState::Started(process) => process.node_file(),
            MemberState::Stopped => None,
        };
        let address = file.and_then(|file| file.listen_addresses.into_iter().next());
        let id = address.and_then(|address| Some(address.rsplit_once("/p2p/")?.1.to_owned()));
        id.ok_or_else(|| StageError::NotServing {
            name: member.plan.name.clone(),
        })
    }

    async fn only_backup(&self, node: NodeIndex) -> Result<String, StageError> {
        let (name, client) = self.client(node)?;
        let backups = client
            .backups()
            .await
            .map_err(|source| StageError::Client {
                name: name.to_owned(),
                source,
            })?;
        match backups.as_slice() {
            [only] => Ok(only.id.clone()),
            all => Err(StageError::Backups {
                name: name.to_owned(),
                found: all.len(),
            }),
        }
    }

    /// Starts the node's process and waits until it serves. The process is the node's before it serves, so that it is
    /// asked for its end and killed like any other.
    async fn boot(&mut self, node: NodeIndex) -> Result<(), StageError> {
        let process = NodeProcess::start(self.process_plan(&self.member(node)?.plan))?;
        if let Some(member) = self.nodes.get_mut(node.0) {
            member.state = MemberState::Started(process);
        }
        if let Some(process) = self.process(node) {
            process.serving(SERVE_PATIENCE).await?;
        }
        Ok(())
    }
}

fn arguments(chain: &str, base: &Path, plan: &NodePlan, bootnodes: Vec<String>) -> Vec<OsString> {
    let mut args: Vec<OsString> = [
        "--name",
        &plan.name,
        "--chain",
        chain,
        "--prometheus-port",
        "0",
        "--rpc-port",
        "0",
        "--stop-with-stdin",
    ]
    .map(OsString::from)
    .into();
    args.push("--base-path".into());
    args.push(base.into());
    match plan.duty {
        Duty::Author(key) => args.push(format!("--{}", key.flag()).into()),
        Duty::Alone(key) => {
            args.extend(
                [format!("--{}", key.flag()), "--force-authoring".to_owned()].map(Into::into),
            );
        }
        Duty::Follow | Duty::Show => {}
    }
    if matches!(plan.duty, Duty::Alone(_) | Duty::Show) {
        args.push("--isolated".into());
        return args;
    }
    args.extend(["--no-mdns", "--listen-addr", "/ip4/127.0.0.1/tcp/0"].map(Into::into));
    for address in bootnodes {
        args.push("--bootnodes".into());
        args.push(address.into());
    }
    args
}

impl Stage for LocalNetwork {
    fn slot(&self) -> Duration {
        self.plan.slot
    }

    async fn start(&mut self, plan: NodePlan) -> Result<NodeIndex, StageError> {
        let base = self.base_path(&plan.name);
        std::fs::create_dir_all(&base).map_err(|source| StageError::Files {
            path: base.clone(),
            source,
        })?;
        let node = NodeIndex(self.nodes.len());
        self.nodes.push(Member {
            plan,
            state: MemberState::Stopped,
        });
        self.boot(node).await?;
        Ok(node)
    }

    async fn stop(&mut self, node: NodeIndex) -> Result<(), StageError> {
        let name = self.member(node)?.plan.name.clone();
        let process = self
            .process(node)
            .ok_or_else(|| StageError::NotServing { name: name.clone() })?;
        let end = process.stop(STOP_PATIENCE).await?;
        if !end.success() {
            return Err(StageError::UncleanEnd { name, end });
        }
        if let Some(member) = self.nodes.get_mut(node.0) {
            member.state = MemberState::Stopped;
        }
        Ok(())
    }

    async fn restart(&mut self, node: NodeIndex) -> Result<(), StageError> {
        self.boot(node).await
    }

    async fn restart_as(&mut self, node: NodeIndex, duty: Duty) -> Result<(), StageError> {
        if let Some(member) = self.nodes.get_mut(node.0) {
            member.plan.duty = duty;
        }
        self.boot(node).await
    }

    async fn resync(&mut self, node: NodeIndex, source: NodeIndex) -> Result<(), StageError> {
        let peer = self.peer_id(source)?;
        let words = ["resync", "-y", "--peer", &peer].map(OsStr::new);
        self.command(node, &words).await
    }

    async fn restore(&mut self, node: NodeIndex) -> Result<NodeIndex, StageError> {
        let name = format!("{}-restored", self.member(node)?.plan.name);
        let scratch = self.base_path(&name);
        let backup = self.only_backup(node).await?;
        let words = ["backups", "restore", &backup, "--to"].map(OsStr::new);
        let words = [words.as_slice(), &[scratch.as_os_str()]].concat();
        self.command(node, &words).await?;
        self.start(NodePlan {
            name,
            duty: Duty::Show,
            bootnodes: Vec::new(),
        })
        .await
    }

    async fn survey(&mut self) -> Result<Vec<NodeRow>, StageError> {
        let mut asked = Vec::with_capacity(self.nodes.len());
        for member in &mut self.nodes {
            let state = match &mut member.state {
                MemberState::Stopped => Err(NodeState::Stopped),
                MemberState::Started(process) => match process.end()? {
                    Some(end) => Err(NodeState::Died {
                        end: end.to_string(),
                    }),
                    None => process.client().ok_or(NodeState::Silent {
                        reason: "it does not serve yet".to_owned(),
                    }),
                },
            };
            asked.push((member.plan.name.clone(), state));
        }
        Ok(join_all(asked.into_iter().map(ask)).await)
    }

    async fn block_hash(&self, node: NodeIndex, number: u64) -> Result<Option<String>, StageError> {
        let (name, client) = self.client(node)?;
        let answer = client.block_hash(number).await;
        answer.map_err(|source| StageError::Client {
            name: name.to_owned(),
            source,
        })
    }

    async fn header(&self, node: NodeIndex, hash: &str) -> Result<Option<HeaderView>, StageError> {
        let (name, client) = self.client(node)?;
        let answer = client.header(hash).await;
        answer.map_err(|source| StageError::Client {
            name: name.to_owned(),
            source,
        })
    }

    fn log_tail(&self, node: NodeIndex) -> Vec<String> {
        match self.member(node) {
            Ok(member) => log_tail(&self.log_path(&member.plan.name), LOG_LINES),
            Err(_) => Vec::new(),
        }
    }
}

async fn ask((name, client): (String, Result<NodeClient, NodeState>)) -> NodeRow {
    let state = match client {
        Err(state) => state,
        Ok(client) => match client.status().await {
            Ok(view) => NodeState::Live(Box::new(view)),
            Err(error) => NodeState::Silent {
                reason: error.to_string(),
            },
        },
    };
    NodeRow { name, state }
}

impl Drop for LocalNetwork {
    /// All are asked before the first is waited for, so that they end together.
    fn drop(&mut self) {
        for member in &mut self.nodes {
            if let MemberState::Started(process) = &mut member.state {
                // The process is killed right after; this only saves time.
                let _ = process.signal(Signal::KILL);
            }
        }
    }
}
