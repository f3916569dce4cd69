//! The servers: all peers in one process, over one store.

use super::{
    chain,
    report::{Report, Served},
    worker,
};
use crate::{
    Block,
    benchmark::{
        BenchmarkError,
        conduct::Conduct,
        ground::{self, Accounts},
        member::{Meeting, Member, MemberPlan, aloud, reached_at, socket_of},
        relay::Relay,
        usage,
    },
};
use runtime_bridge::store::Lock;
use serde::{Deserialize, Serialize};
use std::{iter::repeat_n, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};
use sync_component::{observer::Unobserved, ports::Bridge, wire::Roles};

/// What is served, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServeOrder {
    /// The chain's folder.
    pub(in crate::benchmark) folder: PathBuf,
    /// Accounts of its genesis.
    pub(in crate::benchmark) accounts: Accounts,
    /// Peers that answer.
    pub(in crate::benchmark) peers: NonZeroUsize,
    /// Peers that withhold.
    pub(in crate::benchmark) mute: usize,
    /// Peers that lie.
    pub(in crate::benchmark) lying: usize,
    /// Time there and back.
    pub(in crate::benchmark) round_trip: Duration,
}

impl ServeOrder {
    /// How the peers behave. The others come first, so that whoever takes the first that comes is not spared.
    fn conducts(&self) -> impl Iterator<Item = Conduct> + use<> {
        repeat_n(Conduct::Lying, self.lying)
            .chain(repeat_n(Conduct::Withholding, self.mute))
            .chain(repeat_n(Conduct::Honest, self.peers.get()))
    }
}

/// Serves until standard input ends.
pub(super) fn serve(
    order: &ServeOrder,
    tell: &mut (dyn FnMut(&Report) + Send),
) -> Result<(), BenchmarkError> {
    let _lock = Lock::take(&order.folder.join("LOCK"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(BenchmarkError::System)?;
    runtime.block_on(async {
        let spec = chain::spec(order.accounts);
        let store = chain::store_in(&order.folder);
        let chain: Arc<dyn Bridge<Block>> = Arc::new(ground::open(&store, &spec)?);
        let (mut members, mut relays, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
        for conduct in order.conducts() {
            let member = Member::start(MemberPlan {
                chain: Arc::clone(&chain),
                settings: spec.sync.clone(),
                roles: Roles::Full,
                conduct,
                observer: Arc::new(Unobserved),
                meeting: Meeting::Listens,
                voice: aloud,
            });
            let member = member.await?;
            let address = member.addresses.first().expect("it listens on loopback");
            if order.round_trip.is_zero() {
                addresses.push(address.to_string());
            } else {
                let target = socket_of(address).expect("loopback is IPv4 and TCP");
                let relay = Relay::start(target, order.round_trip).await;
                let relay = relay.map_err(BenchmarkError::System)?;
                addresses.push(reached_at(address, relay.address()).to_string());
                relays.push(relay);
            }
            members.push(member);
        }
        let before = usage::cpu().map_err(BenchmarkError::System)?;
        tell(&Report::Serving(addresses));
        worker::end_of_input()
            .await
            .map_err(BenchmarkError::System)?;
        let cpu = usage::cpu().map_err(BenchmarkError::System)?;
        let sent = members.iter().map(|member| member.network.bandwidth().sent);
        tell(&Report::Served(Served {
            cpu_seconds: cpu.saturating_sub(before).as_secs_f64(),
            bytes_sent: sent.sum(),
        }));
        Ok(())
    })
}
