//! The informant's lines as texts, so that tests can hold them to the letter (SPEC section 12).

use crate::status_view::Session;
use sp_runtime::traits::Block as BlockT;
use std::{fmt, time::Duration};
use sync_component::{
    BlockId, chain_sync::Progress as ResyncProgress, ports::ChainEvent, status::StatusReport,
};

/// Bytes per second in both directions since the last line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Traffic {
    pub(super) received: f64,
    pub(super) sent: f64,
}

/// The line that comes every few seconds: `💤 Idle …` or `⚙️  Syncing …`.
pub(super) struct StateLine<'a, B: BlockT> {
    pub(super) report: &'a StatusReport<B>,
    /// The operator's resync, while it works beside the live chain.
    pub(super) resync: Option<&'a ResyncProgress>,
    pub(super) traffic: Traffic,
}

impl<B: BlockT> fmt::Display for StateLine<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        let session = Session::of(report, self.resync);
        match &session {
            None => f.write_str("💤 Idle ")?,
            Some(session) => {
                f.write_str("⚙️  Syncing ")?;
                match (session.rate, session.target) {
                    (Some(rate), Some(target)) => write!(f, "{rate:.1} bps, target=#{target} ")?,
                    (Some(rate), None) => write!(f, "{rate:.1} bps ")?,
                    (None, Some(target)) => write!(f, "target=#{target} ")?,
                    (None, None) => {}
                }
            }
        }
        write!(
            f,
            "({} peers), best: {}, finalized {}",
            report.peers, report.best, report.finalized
        )?;
        if let Some(session) = session {
            write!(f, ", {session}")?;
        }
        write!(
            f,
            ", ⬇ {} ⬆ {}",
            Rate(self.traffic.received),
            Rate(self.traffic.sent)
        )
    }
}

/// `Tier 2, 37%, ETA 12s`.
impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.tier)?;
        if let Some(stage) = self.stage {
            write!(f, " {stage}")?;
        }
        if let Some(percent) = self.done.saturating_mul(100).checked_div(self.total) {
            write!(f, ", {}%", percent.min(100))?;
        }
        match self.eta {
            Some(eta) => write!(f, ", ETA {}", Eta(eta)),
            None => Ok(()),
        }
    }
}

struct Eta(Duration);

impl fmt::Display for Eta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, seconds) => write!(f, "{seconds}s"),
            (0, minutes, seconds) => write!(f, "{minutes}m{seconds:02}s"),
            (hours, minutes, _) => write!(f, "{hours}h{minutes:02}m"),
        }
    }
}

/// Bytes per second, as Substrate writes them.
struct Rate(f64);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KIB: f64 = 1024.0;
        let bytes = self.0;
        if bytes < 1.0 {
            f.write_str("0")
        } else if bytes < KIB * KIB {
            write!(f, "{:.1}kiB/s", bytes / KIB)
        } else {
            write!(f, "{:.1}MiB/s", bytes / (KIB * KIB))
        }
    }
}

/// `🏆 Imported #N (0x… → 0x…)`: the parent, and the new best block.
pub(super) struct ImportedLine<B: BlockT> {
    pub(super) parent: B::Hash,
    pub(super) best: BlockId<B>,
}

impl<B: BlockT> fmt::Display for ImportedLine<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parent, best } = self;
        write!(f, "🏆 Imported #{} ({parent} → {})", best.number, best.hash)
    }
}

/// `♻️  Reorg on #a,0x… to #b,0x…, common ancestor #c,0x…`; `None` if nothing was left.
pub(super) fn reorg_line<B: BlockT>(event: &ChainEvent<B>) -> Option<String> {
    let retracted = event.retracted?;
    Some(format!(
        "♻️  Reorg on {} to {}, common ancestor {}",
        Pair(retracted.old_best),
        Pair(event.best),
        Pair(retracted.common_ancestor)
    ))
}

/// `#12,0x1234…abcd`.
struct Pair<B: BlockT>(BlockId<B>);

impl<B: BlockT> fmt::Display for Pair<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{},{}", self.0.number, self.0.hash)
    }
}
