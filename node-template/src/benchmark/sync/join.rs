//! The node that joins.

use super::{
    chain,
    report::{Joined, Report, Tip},
};
use crate::{
    Block,
    authoring::Chain,
    benchmark::{
        BenchmarkError,
        conduct::Conduct,
        ground::{self, Accounts},
        member::{Meeting, Member, MemberPlan, aloud},
        meter::Meter,
        usage,
    },
};
use libp2p::Multiaddr;
use serde::{Deserialize, Serialize};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use sync_component::{BlockId, ports::ReadChain, wire::Roles};

/// How often it is looked whether the chain is whole. The time that is measured is that of the last import, not of the look.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How often it is told how far it is.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// After how long without a block it is given up.
const PATIENCE: Duration = Duration::from_mins(3);

/// Whom to join, and where to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JoinOrder {
    /// The new store.
    pub(in crate::benchmark) store: PathBuf,
    /// Accounts of its genesis.
    pub(in crate::benchmark) accounts: Accounts,
    /// The strategy of Tier 2.
    pub(in crate::benchmark) strategy: String,
    /// The peers.
    pub(in crate::benchmark) addresses: Vec<String>,
    /// The chain's end.
    pub(in crate::benchmark) tip: Tip,
}

/// Joins until the chain is whole.
pub(super) fn join(
    order: JoinOrder,
    tell: &mut (dyn FnMut(&Report) + Send),
) -> Result<(), BenchmarkError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(BenchmarkError::System)?;
    let joined = runtime.block_on(async {
        let mut spec = chain::spec(order.accounts);
        spec.sync.strategies.tier2 = Some(order.strategy);
        let limits = &mut spec.sync.limits;
        limits.max_peers = limits.max_peers.max(order.addresses.len());
        let meter = Arc::new(Meter::default());
        let chain = ground::open(&order.store, &spec)?;
        let chain: Arc<Chain> = Arc::new(chain.observed_by(Arc::<Meter>::clone(&meter)));
        let addresses = order.addresses.iter();
        let addresses = addresses.filter_map(|address| address.parse::<Multiaddr>().ok());
        let member = Member::start(MemberPlan {
            chain: Arc::<Chain>::clone(&chain),
            settings: spec.sync,
            roles: Roles::Full,
            conduct: Conduct::Honest,
            observer: Arc::<Meter>::clone(&meter),
            meeting: Meeting::Dials(addresses.collect()),
            voice: aloud,
        });
        let member = member.await?;
        until_whole(&member, &chain, &meter, order.tip, tell).await?;
        let seconds = meter.span().unwrap_or_default().as_secs_f64();
        let stages = meter
            .stages()
            .map(|(stage, time)| (stage.name().to_owned(), time.as_secs_f64()));
        Ok::<_, BenchmarkError>(Joined {
            seconds,
            lead_seconds: meter.lead().unwrap_or_default().as_secs_f64(),
            cpu_seconds: usage::cpu().map_err(BenchmarkError::System)?.as_secs_f64(),
            peak_rss_bytes: usage::peak_memory().map_err(BenchmarkError::System)?,
            bytes_received: member.network.bandwidth().received,
            stages: stages.collect(),
        })
    })?;
    tell(&Report::Joined(joined));
    Ok(())
}

async fn until_whole(
    member: &Member,
    chain: &Chain,
    meter: &Meter,
    tip: Tip,
    tell: &mut (dyn FnMut(&Report) + Send),
) -> Result<(), BenchmarkError> {
    let wanted = BlockId::<Block>::new(tip.number, tip.hash);
    let (mut moved, mut told) = (Instant::now(), Instant::now());
    let mut before = chain.best();
    loop {
        let best = chain.best();
        if best == wanted && meter.imports() >= wanted.height() {
            return Ok(());
        }
        if best != before {
            (before, moved) = (best, Instant::now());
        }
        if moved.elapsed() > PATIENCE {
            let status = member.manager.get_sync_status();
            return Err(BenchmarkError::NoProgress {
                height: best.height(),
                of: wanted.height(),
                waited: PATIENCE,
                status: match status {
                    Ok(status) => format!("{status:?}"),
                    Err(reason) => reason.to_string(),
                },
            });
        }
        if told.elapsed() > TELL_EVERY {
            tell(&Report::Blocks(best.height()));
            told = Instant::now();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
