//! mDNS, on a network of the test's own: it must not tell anybody else on this machine's network of the nodes.

use crate::harness::{PATIENCE, binary, chain_folder, finish, namespace};
use node_template::{
    localnet::{NodeProcess, ProcessPlan},
    status_view::StatusView,
};
use std::{
    ffi::OsString,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

/// One interface that leads nowhere, with an address of its own. Systems differ in what they have for that.
const SCRIPT: &str = "ip link set lo up \
    && { ip link add d0 type dummy || ip link add d0 type veth peer name d1; } 2>/dev/null \
    && ip addr add 10.83.0.1/24 dev d0 \
    && ip link set d0 up multicast on \
    && { ip link set d1 up 2>/dev/null; true; }";

/// A network namespace, held by a process; gone when dropped.
struct LocalNetwork(Child);

impl LocalNetwork {
    /// `None` where the system lets nobody make namespaces or interfaces.
    fn new() -> Option<Self> {
        namespace(&["--net"], SCRIPT, Path::new("network")).map(Self)
    }

    /// The beginning of a command line that runs there.
    fn enter(&self) -> [OsString; 6] {
        let holder = self.0.id().to_string();
        let words = ["--user", "--net", "--preserve-credentials", "--target"];
        let [user, net, credentials, target] = words.map(OsString::from);
        [
            user,
            net,
            credentials,
            target,
            holder.into(),
            binary().into(),
        ]
    }

    async fn node(&self, base: &Path, args: &str) -> NodeProcess {
        let mut line = Vec::from(self.enter());
        line.extend(args.split_whitespace().map(OsString::from));
        let common = "--chain local --port 0 --rpc-port 0 --no-prometheus";
        line.extend(common.split_whitespace().map(OsString::from));
        line.extend([
            "--stop-with-stdin".into(),
            "--base-path".into(),
            base.into(),
        ]);
        std::fs::create_dir_all(base).unwrap();
        let mut process = NodeProcess::start(ProcessPlan {
            name: "node".into(),
            program: "nsenter".into(),
            args: line,
            log: base.join("node.log"),
            chain_folder: chain_folder(base, "local"),
        })
        .unwrap();
        if let Err(error) = process.serving(PATIENCE).await {
            panic!("{error}\n{}", process.log_tail(40).join("\n"));
        }
        process
    }

    /// The status of the node in `base`.
    fn status(&self, base: &Path) -> StatusView {
        let mut command = Command::new("nsenter");
        command
            .args(self.enter())
            .args(["status", "--json", "--chain", "local", "--base-path"])
            .arg(base)
            .stdin(Stdio::null());
        let output = finish(command);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }
}

/// Whether root may make a network here, whatever the tools for it say.
fn can_make_namespaces() -> bool {
    let made = Command::new("unshare")
        .args(["--net", "ip", "link", "set", "lo", "up"])
        .status();
    rustix::process::geteuid().is_root() && made.is_ok_and(|status| status.success())
}

impl Drop for LocalNetwork {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_on_one_local_network_find_each_other_unless_told_not_to() {
    let Some(network) = LocalNetwork::new() else {
        #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
        {
            eprintln!(
                "skipped: this system lets no user make a network namespace with an interface (unshare --user --net, ip link)"
            );
        }
        // Where it can run and somebody relies on it, it must.
        let relied_on = std::env::var_os("CI").is_some() && can_make_namespaces();
        assert!(!relied_on, "the network of this test cannot be made");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let base = |name: &str| folder.path().join(name);
    let _quiet = network.node(&base("quiet"), "--no-mdns").await;
    let _one = network.node(&base("one"), "").await;
    let _other = network.node(&base("other"), "").await;
    let start = Instant::now();
    for name in ["one", "other"] {
        while network.status(&base(name)).peers != 1 {
            assert!(start.elapsed() < PATIENCE, "{name} found nobody");
        }
    }
    assert_eq!(network.status(&base("quiet")).peers, 0);
}
