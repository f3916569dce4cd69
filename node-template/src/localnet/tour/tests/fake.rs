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
}

struct Member {
    name: String,
    duty: Duty,
    running: bool,
    restarted: bool,
    /// Where a node that gets no blocks stays.
    held_at: u64,
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
        if stuck {
            member.held_at
        } else {
            self.chain_height()
        }
    }

    fn hash(&self, node: usize, number: u64) -> String {
        let chain = match self.sabotage {
            Sabotage::TwoChains if number > 0 => node % 2,
            _ => 0,
        };
        format!("0x{chain:032x}{number:032x}")
    }

    fn view(&self, node: usize, member: &Member) -> StatusView {
        let best = self.height(member);
        let behind = self.chain_height() - best;
        let number_and_hash = |number| BlockView {
            number,
            hash: self.hash(node, number),
        };
        StatusView {
            verdict: if behind == 0 {
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
        });
        Ok(NodeIndex(self.nodes.len() - 1))
    }

    async fn stop(&mut self, node: NodeIndex) -> Result<(), StageError> {
        let height = self.chain_height();
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
