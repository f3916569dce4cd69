//! Peers that serve a chain, and what they make of their answers with blocks.

use crate::support::{Block, Bridge, Call, honest};
use codec::{Decode, Encode};
use proptest::prelude::*;
use sp_runtime::{
    DigestItem, OpaqueExtrinsic,
    traits::{BlakeTwo256, Hash as _},
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use sync_component::{
    SyncSettings,
    ports::{NetworkEvent, PeerId, Protocol},
    serving::Server,
    test_kit::MemoryNetwork,
    wire::{BlocksReply, Roles},
};
use tokio::sync::mpsc;

/// What a peer does with some of its answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// It does not send them.
    Loses,
    /// It sends the beginning.
    Cuts,
    /// It sends each block twice.
    Repeats,
    /// One block has another body than its header says.
    OtherBody,
    /// One block has a broken seal.
    OtherSeal,
    /// The first block is missing.
    Shifts,
}

/// With so many of a hundred answers a peer does so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habit {
    way: Way,
    percent: u64,
}

pub(super) fn habit() -> impl Strategy<Value = Habit> {
    let way = prop_oneof![
        3 => Just(Way::Loses),
        3 => Just(Way::Cuts),
        1 => Just(Way::Repeats),
        1 => Just(Way::OtherBody),
        1 => Just(Way::OtherSeal),
        1 => Just(Way::Shifts),
    ];
    (way, 5_u64..=100).prop_map(|(way, percent)| Habit { way, percent })
}

/// Chance that follows from a seed.
#[derive(Debug)]
pub(super) struct Luck {
    seed: (u64, u64),
    drawn: AtomicU64,
}

impl Luck {
    pub(super) fn new(seed: u64, of: u64) -> Self {
        Self {
            seed: (seed, of),
            drawn: AtomicU64::new(0),
        }
    }

    /// A number below `end`.
    pub(super) fn below(&self, end: u64) -> u64 {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        let hash = BlakeTwo256::hash(&(self.seed, drawn).encode());
        hash.to_low_u64_be() % end.max(1)
    }
}

/// Starts an honest peer and one with each habit, all out of one store.
pub(super) fn serve(
    network: &MemoryNetwork,
    settings: &SyncSettings,
    chain: &Arc<Bridge>,
    habits: &[Habit],
    seed: u64,
) -> Vec<PeerId> {
    let habits = habits.iter().copied().map(Some).chain([None]);
    let start = |(n, habit): (u64, Option<Habit>)| {
        let peer = PeerId::from_bytes(&n.to_le_bytes());
        let (sender, inbox) = mpsc::channel(4_096);
        let server = Server::new(settings, Roles::Full);
        let luck = Luck::new(seed, n);
        tokio::spawn(answer_all(inbox, server, chain.clone(), habit, luck));
        network.start(peer.clone(), sender);
        peer
    };
    (0..).zip(habits).map(start).collect()
}

async fn answer_all(
    mut inbox: mpsc::Receiver<NetworkEvent>,
    server: Server,
    chain: Arc<Bridge>,
    habit: Option<Habit>,
    luck: Luck,
) {
    // Nobody hears that an answer will not come.
    let mut lost = Vec::new();
    while let Some(event) = inbox.recv().await {
        let NetworkEvent::Request {
            protocol,
            body,
            reply,
            ..
        } = event
        else {
            continue;
        };
        let honest = honest(&server, chain.as_ref(), protocol, &body);
        let bends = habit.filter(|habit| luck.below(100) < habit.percent);
        let answer = match bends {
            Some(Habit { way, .. }) if protocol == Protocol::Blocks => bent(way, honest, &luck),
            _ => Some(honest),
        };
        match answer {
            // The asker may have given up.
            Some(answer) => drop(reply.send(answer)),
            None => lost.push(reply),
        }
    }
}

fn bent(way: Way, honest: Vec<u8>, luck: &Luck) -> Option<Vec<u8>> {
    let Ok(BlocksReply::<Block>::Items(mut blocks)) = Decode::decode(&mut honest.as_slice()) else {
        return Some(honest);
    };
    let any = usize::try_from(luck.below(blocks.len() as u64)).unwrap();
    match way {
        Way::Loses => return None,
        Way::Cuts => blocks.truncate(any + 1),
        Way::Repeats => {
            let twice = blocks.into_iter().flat_map(|block| [block.clone(), block]);
            blocks = twice.collect();
        }
        Way::OtherBody => blocks[any].extrinsics = vec![OpaqueExtrinsic::from(Call::Clear(7))],
        Way::OtherSeal => {
            let logs = &mut blocks[any].header.digest.logs;
            logs.pop();
            logs.push(DigestItem::Seal(*b"aura", vec![7; 64]));
        }
        Way::Shifts => drop(blocks.remove(0)),
    }
    Some(BlocksReply::Items(blocks).encode())
}
