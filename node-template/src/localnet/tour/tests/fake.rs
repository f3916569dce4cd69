//! A network without processes: blocks appear as (paused) time passes, one per slot.

use crate::{
    localnet::{
        NodeIndex, NodeRow, NodeState,
        tour::{Duty, NodePlan, Stage, StageError},
    },
    status_view::{BlockView, DigestView, HeaderView, StatusView, VerdictKind},
};
use codec::Encode;
use sp_runtime::DigestItem;
use std::time::Duration;
use tokio::time::Instant;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sabotage {
    None,
    NoBlocks,
    TwoChains,
    IdleValidator,
    JoinsNothing,
    FollowsNothing,
    NewcomerDies,
    NoRestart,
    CatchesNothingUp,
    NetworkStops,
    AuthorsNoFork,
    SeesNoFork,
    ResyncFails,
    ResyncChangesNothing,
    NoBackup,
    OtherBackup,
}

struct Member {
    name: String,
    duty: Duty,
    running: bool,
    restarted: bool,
    /// Where a node that gets no blocks stays.
    held_at: u64,
    /// Height at which it left the network's chain.
    forked_at: Option<u64>,
}

pub(super) struct Fake {
    sabotage: Sabotage,
    start: Instant,
    nodes: Vec<Member>,
    frozen_at: Option<u64>,
}

const SLOT: Duration = Duration::from_secs(2);

impl Fake {
    pub(super) fn with(sabotage: Sabotage) -> Self {
        Self {
            sabotage,
            start: Instant::now(),
            nodes: Vec::new(),
            frozen_at: None,
        }
    }

    fn chain_height(&self) -> u64 {
        if self.sabotage == Sabotage::NoBlocks {
            return 0;
        }
        let slots = self.start.elapsed().as_secs() / SLOT.as_secs();
        self.frozen_at.unwrap_or(slots)
    }

    fn height(&self, member: &Member) -> u64 {
        let stuck = member.duty == Duty::Follow
            && match self.sabotage {
                Sabotage::JoinsNothing | Sabotage::FollowsNothing => true,
                Sabotage::CatchesNothingUp => member.restarted,
                _ => false,
            };
        if let Some(forked_at) = member.forked_at {
            // One slot in four while it is alone, and nothing afterwards.
            match member.duty {
                Duty::Alone(_) if self.sabotage != Sabotage::AuthorsNoFork => {
                    forked_at + (self.chain_height() - forked_at) / 4
                }
                _ => member.held_at,
            }
        } else if stuck {
            member.held_at
        } else {
            self.chain_height()
        }
    }

    fn hash(&self, node: usize, number: u64) -> String {
        let forked_at = self.nodes.get(node).and_then(|member| member.forked_at);
        let chain = match (self.sabotage, forked_at) {
            (Sabotage::TwoChains, _) if number > 0 => node % 2,
            (_, Some(forked_at)) if number > forked_at => 7,
            _ => 0,
        };
        format!("0x{chain:032x}{number:032x}")
    }

    fn view(&self, node: usize, member: &Member) -> StatusView {
        let best = self.height(member);
        let behind = self.chain_height() - best;
        let is_on_dead_fork = member.forked_at.is_some() && matches!(member.duty, Duty::Author(_));
        let number_and_hash = |number| BlockView {
            number,
            hash: self.hash(node, number),
        };
        StatusView {
            verdict: if is_on_dead_fork && self.sabotage != Sabotage::SeesNoFork {
                VerdictKind::Critical
            } else if behind == 0 {
                VerdictKind::InSync
            } else {
                VerdictKind::SmallGap
            },
            reason: None,
            gap: behind,
            health: String::new(),
            best: number_and_hash(best),
            finalized: number_and_hash(0),
            target: None,
            consensus: None,
            peers: self.nodes.len() - 1,
            voters: 0,
            with_us: 0,
            round: 1,
            age_ms: 0,
            tier: 1,
            progress: None,
            notes: Vec::new(),
        }
    }
}

impl Stage for Fake {
    fn slot(&self) -> Duration {
        SLOT
    }

    async fn start(&mut self, plan: NodePlan) -> Result<NodeIndex, StageError> {
        let held_at = match self.sabotage {
            Sabotage::FollowsNothing => self.chain_height(),
            _ => 0,
        };
        self.nodes.push(Member {
            name: plan.name,
            duty: plan.duty,
            running: true,
            restarted: false,
            held_at,
            forked_at: None,
        });
        Ok(NodeIndex(self.nodes.len() - 1))
    }

    async fn stop(&mut self, node: NodeIndex) -> Result<(), StageError> {
        let height = self.height(&self.nodes[node.0]);
        let member = &mut self.nodes[node.0];
        member.running = false;
        member.held_at = height;
        if self.sabotage == Sabotage::NetworkStops {
            self.frozen_at = Some(height);
        }
        Ok(())
    }

    async fn restart(&mut self, node: NodeIndex) -> Result<(), StageError> {
        let member = &mut self.nodes[node.0];
        if self.sabotage == Sabotage::NoRestart {
            return Err(StageError::NotServing {
                name: member.name.clone(),
            });
        }
        member.running = true;
        member.restarted = true;
        Ok(())
    }

    async fn restart_as(&mut self, node: NodeIndex, duty: Duty) -> Result<(), StageError> {
        let member = &mut self.nodes[node.0];
        if matches!(duty, Duty::Alone(_)) {
            member.forked_at = Some(member.held_at);
        }
        member.duty = duty;
        member.running = true;
        Ok(())
    }

    async fn resync(&mut self, node: NodeIndex, _source: NodeIndex) -> Result<(), StageError> {
        match self.sabotage {
            Sabotage::ResyncFails => Err(StageError::Command {
                command: "resync".into(),
                said: "error: no".into(),
            }),
            Sabotage::ResyncChangesNothing => Ok(()),
            _ => {
                self.nodes[node.0].forked_at = None;
                Ok(())
            }
        }
    }

    async fn restore(&mut self, node: NodeIndex) -> Result<NodeIndex, StageError> {
        let old = &self.nodes[node.0];
        if self.sabotage == Sabotage::NoBackup {
            return Err(StageError::Backups {
                name: old.name.clone(),
                found: 0,
            });
        }
        let held_at = old.held_at;
        let forked_at = held_at.saturating_sub(1);
        self.nodes.push(Member {
            name: "restored".into(),
            duty: Duty::Show,
            running: true,
            restarted: false,
            held_at,
            forked_at: (self.sabotage != Sabotage::OtherBackup).then_some(forked_at),
        });
        Ok(NodeIndex(self.nodes.len() - 1))
    }

    async fn survey(&mut self) -> Result<Vec<NodeRow>, StageError> {
        let state = |(index, member): (usize, &Member)| {
            if self.sabotage == Sabotage::NewcomerDies && member.duty == Duty::Follow {
                NodeState::Died {
                    end: "signal: 9".into(),
                }
            } else if member.running {
                NodeState::Live(Box::new(self.view(index, member)))
            } else {
                NodeState::Stopped
            }
        };
        let members = self.nodes.iter().enumerate();
        Ok(members
            .map(|(index, member)| NodeRow {
                name: member.name.clone(),
                state: state((index, member)),
            })
            .collect())
    }

    async fn block_hash(&self, node: NodeIndex, number: u64) -> Result<Option<String>, StageError> {
        let height = self.height(&self.nodes[node.0]);
        Ok((number <= height).then(|| self.hash(node.0, number)))
    }

    async fn header(&self, _node: NodeIndex, hash: &str) -> Result<Option<HeaderView>, StageError> {
        let number = u64::from_str_radix(&hash[34..], 16).unwrap();
        let slot = match self.sabotage {
            Sabotage::IdleValidator => number + number / 3,
            _ => number,
        };
        let item = DigestItem::PreRuntime(*b"aura", slot.encode());
        let logs = if number == 0 {
            Vec::new()
        } else {
            vec![format!("0x{}", hex::encode(item.encode()))]
        };
        Ok(Some(HeaderView {
            number: format!("0x{number:x}"),
            parent_hash: self.hash(0, number.saturating_sub(1)),
            digest: DigestView { logs },
        }))
    }

    fn log_tail(&self, node: NodeIndex) -> Vec<String> {
        vec![format!("last words of {}", self.nodes[node.0].name)]
    }
}
