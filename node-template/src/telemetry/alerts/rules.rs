use super::{Alert, AlertKind};
use sp_runtime::traits::Block as BlockT;
use std::time::Duration;
use sync_component::{
    NetworkError, SyncStatus,
    observer::HoldKind,
    orchestrator::{Hold, HoldStatus, SyncEvent},
    ports::MonoTime,
    status::{CriticalReason, Duty, GapRemedy, Note, StatusReport, Verdict},
};

/// How long slots of ours are let go for want of votes before that is an alert. Lower: every start of a network is one;
/// higher: a lone node is noticed late.
const WITHOUT_VOTES: Duration = Duration::from_mins(1);

/// How long the clock may say that the chain should be higher before that is an alert. Lower: every restart is one, as it
/// takes a while to find peers and to catch up.
const BEHIND_FOR: Duration = Duration::from_mins(1);

/// What is an alert (SPEC sections 0, 5 and 6). No I/O: events and reports in, alerts out.
#[derive(Debug, Default)]
pub(super) struct AlertRules {
    /// Whether the last verdict was a gap that Tier 2 closes in the background.
    far_behind: bool,
    /// Since when slots of ours are let go for want of votes.
    without_votes: Option<MonoTime>,
    stalled: bool,
    /// Since when the clock says that the chain should be higher, and nothing explains it.
    behind_since: Option<MonoTime>,
    behind_told: bool,
}

impl AlertRules {
    pub(super) fn happened<B: BlockT>(
        &mut self,
        event: &SyncEvent<B>,
        now: MonoTime,
    ) -> Option<Alert> {
        match event {
            SyncEvent::StatusChanged(report) => self.judged(&report.verdict),
            SyncEvent::GateCleared { .. } => {
                self.without_votes = None;
                None
            }
            SyncEvent::GateHeld(hold) => self.held(hold, now),
            SyncEvent::CatchUpFailed(NetworkError::Local(fault)) => {
                Some(Alert::new(AlertKind::LocalFault, fault.to_string()))
            }
            SyncEvent::CatchUpFailed(error) => self.far_behind.then(|| {
                let message = format!("catching up failed and starts again by itself: {error}");
                Alert::new(AlertKind::CatchUpFailed, message)
            }),
            SyncEvent::CatchUpPanicked => Some(Alert::new(
                AlertKind::LocalFault,
                "a sync session panicked and is started again; report the panic in the log above",
            )),
            SyncEvent::Equivocation(found) => Some(Alert::new(
                AlertKind::Equivocation,
                format!("{found}; its operator should look for a second node with its key"),
            )),
            // Without the slot, so that the same is told once a minute.
            SyncEvent::NotSigned { duty, why } => Some(Alert::new(
                AlertKind::LocalFault,
                format!("no {duty}: {why}"),
            )),
            SyncEvent::CaughtUp { .. } | SyncEvent::PeerBanned { .. } => None,
        }
    }

    /// A verdict.
    pub(super) fn judged<B: BlockT>(&mut self, verdict: &Verdict<B>) -> Option<Alert> {
        self.far_behind = matches!(
            verdict,
            Verdict::Known(
                SyncStatus::LargeGap(_) | SyncStatus::Critical(CriticalReason::Gap { .. })
            )
        );
        match verdict {
            Verdict::Known(SyncStatus::Critical(reason)) => {
                let kind = kind_of(reason)?;
                Some(Alert {
                    kind,
                    hold: None,
                    about: about(reason),
                    message: reason.explanation(),
                })
            }
            Verdict::Unverified(error @ NetworkError::ClockSuspect { .. }) => {
                Some(Alert::new(AlertKind::ClockSuspect, error.to_string()))
            }
            Verdict::Known(_) | Verdict::Unverified(_) => None,
        }
    }

    fn held<B: BlockT>(&mut self, hold: &Hold<B>, now: MonoTime) -> Option<Alert> {
        let kind = hold.kind();
        // A hold for another reason says that the votes were there; one that came before it was decided says nothing.
        let for_want_of_votes = matches!(
            kind,
            HoldKind::NoPeers
                | HoldKind::NoConsensus
                | HoldKind::Timeout
                | HoldKind::Undecided
                | HoldKind::NotAskedYet
        );
        if !for_want_of_votes {
            self.without_votes = None;
        }
        let is_due = match kind {
            HoldKind::Critical | HoldKind::ClockSuspect | HoldKind::Fault => true,
            HoldKind::NoPeers | HoldKind::NoConsensus | HoldKind::Timeout => {
                let since = *self.without_votes.get_or_insert(now);
                now.since(since) >= WITHOUT_VOTES
            }
            // They end by themselves.
            HoldKind::Undecided
            | HoldKind::SmallGap
            | HoldKind::MediumGap
            | HoldKind::LargeGap
            | HoldKind::CriticalGap
            | HoldKind::NotAskedYet => false,
        };
        let message = format!("nothing is authored: {hold}");
        is_due.then(|| Alert {
            kind: AlertKind::ProductionPaused,
            hold: Some(kind),
            about: match hold {
                Hold::Status(HoldStatus(SyncStatus::Critical(reason))) => about(reason),
                Hold::Status(_) | Hold::Unverified(_) => message.clone(),
            },
            message,
        })
    }

    /// A look at what the clock alone shows: an alert when it appears, and none while it lasts.
    pub(super) fn looked<B: BlockT>(
        &mut self,
        report: &StatusReport<B>,
        now: MonoTime,
    ) -> Vec<Alert> {
        let alerts = [self.stalled(report), self.behind_schedule(report, now)];
        alerts.into_iter().flatten().collect()
    }

    fn stalled<B: BlockT>(&mut self, report: &StatusReport<B>) -> Option<Alert> {
        let stalled = report.notes.iter().find_map(|note| match note {
            Note::Stalled { slots } => Some(*slots),
            _ => None,
        });
        // Where our own slots stay empty, that is the reason, and it was told.
        let ours = |note: &Note<B>| {
            matches!(
                note,
                Note::NotSigned {
                    duty: Duty::Block,
                    ..
                }
            )
        };
        let stalled = stalled.filter(|_| !report.notes.iter().any(ours));
        let was_stalled = std::mem::replace(&mut self.stalled, stalled.is_some());
        let slots = stalled.filter(|_| !was_stalled)?;
        let message = format!(
            "no new block for {slots} slots; see `node-template status` for who is connected, and whether the authorities run"
        );
        Some(Alert::new(AlertKind::Stalled, message))
    }

    fn behind_schedule<B: BlockT>(
        &mut self,
        report: &StatusReport<B>,
        now: MonoTime,
    ) -> Option<Alert> {
        let missed = report.notes.iter().find_map(|note| match note {
            Note::BehindSchedule { missed_slots } => Some(*missed_slots),
            _ => None,
        });
        // Whoever catches up is behind, and whoever was just started does not know yet.
        let missed = missed.filter(|_| match &report.verdict {
            Verdict::Known(status) => matches!(status, SyncStatus::InSync),
            Verdict::Unverified(error) => !matches!(error, NetworkError::NotAskedYet),
        });
        let Some(slots) = missed else {
            self.behind_since = None;
            self.behind_told = false;
            return None;
        };
        let since = *self.behind_since.get_or_insert(now);
        if self.behind_told || now.since(since) < BEHIND_FOR {
            return None;
        }
        self.behind_told = true;
        let message = format!(
            "our best block {} is {slots} slots old and nobody is known to have a later one; check this machine's clock, and whether the authorities run",
            report.best
        );
        Some(Alert::new(AlertKind::BehindSchedule, message))
    }
}

/// What stays the same while the reason lasts, however the tips move on.
fn about<B: BlockT>(reason: &CriticalReason<B>) -> String {
    match reason {
        CriticalReason::Fork { ancestor, .. } => ancestor.to_string(),
        CriticalReason::Ahead { .. } | CriticalReason::Gap { .. } => String::new(),
        CriticalReason::MayBeFaulty { .. }
        | CriticalReason::FinalityConflict { .. }
        | CriticalReason::OwnKeyUsedElsewhere { .. } => reason.to_string(),
    }
}

/// `None` for what mends itself.
fn kind_of<B: BlockT>(reason: &CriticalReason<B>) -> Option<AlertKind> {
    Some(match reason {
        CriticalReason::Gap {
            remedy: GapRemedy::Windows,
            ..
        } => return None,
        CriticalReason::Gap {
            remedy: GapRemedy::Operator,
            ..
        } => AlertKind::CriticalGap,
        CriticalReason::Fork { .. } => AlertKind::Fork,
        CriticalReason::MayBeFaulty { .. } => AlertKind::MayBeFaulty,
        CriticalReason::FinalityConflict { .. } => AlertKind::FinalityConflict,
        CriticalReason::OwnKeyUsedElsewhere { .. } => AlertKind::OwnKeyUsedElsewhere,
        CriticalReason::Ahead { .. } => AlertKind::Ahead,
    })
}
