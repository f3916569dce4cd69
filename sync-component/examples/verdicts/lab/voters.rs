//! What the other authorities say, over the component's own wire protocol.

use super::chains::{Block, Id, Store, World};
use async_trait::async_trait;
use codec::Encode;
use sp_core::H256;
use std::collections::BTreeMap;
use sync_component::{
    SyncSettings,
    height_sync::Electorate,
    ports::{Network, PeerId, Protocol, ReadChain as _, RequestFailure},
    serving::{Server, Told},
    wire::{
        ATTESTED_HASHES, Activity, AnnounceReply, Attestation, RangeReply, Roles, Standing, Status,
        StatusReply, StatusRequest, WireLimits,
    },
};

/// One other authority.
#[derive(Clone, Debug)]
pub(super) enum Voice {
    /// Says what it has.
    Holds {
        /// Its chain.
        chain: Store,
        /// What it says that it is doing.
        activity: Activity,
        /// What it signs; `None`: nothing.
        word: Option<Attestation<Block>>,
    },
    /// Names blocks that do not exist, and signs that it has them.
    Invents {
        /// The invented blocks, the highest first.
        ids: Vec<Id>,
        /// What it has below them.
        chain: Store,
        /// What it signs.
        word: Attestation<Block>,
    },
    /// Answers nothing and signs nothing.
    Silent,
}

/// Nine blocks that do not exist, the highest at `height`. The same `salt` invents the same.
pub(super) fn invented(height: u64, salt: u8) -> Vec<Id> {
    let heights = (0..=ATTESTED_HASHES as u64).map(|below| height - below);
    let id = |height| {
        let mut hash = [salt; 32];
        let (number, _) = hash.split_at_mut(8);
        number.copy_from_slice(&u64::to_be_bytes(height));
        let height = u32::try_from(height).expect("a short chain");
        Id::new(height, H256(hash))
    };
    heights.map(id).collect()
}

impl Voice {
    /// An authority that invents `ids`.
    pub(super) fn inventing(world: &World, authority: usize, ids: Vec<Id>, chain: Store) -> Self {
        Self::Invents {
            word: world.word(authority, &ids),
            ids,
            chain,
        }
    }
}

/// The peer id of the node of `authority`.
pub(super) fn peer(authority: usize) -> PeerId {
    PeerId::from_bytes(format!("authority {authority:03}").as_bytes())
}

/// A network in which everybody answers at once, or not at all.
#[derive(Debug)]
pub(super) struct Room {
    server: Server,
    limits: WireLimits,
    electorate: Electorate,
    voices: BTreeMap<PeerId, Voice>,
}

impl Room {
    /// A room with these authorities in it. Attestations are carried where somebody counts them.
    pub(super) fn new(
        settings: &SyncSettings,
        electorate: Electorate,
        voices: &[(usize, Voice)],
    ) -> Self {
        let voices = voices.iter().cloned();
        Self {
            server: Server::new(settings, Roles::Authority),
            limits: WireLimits::new(settings),
            electorate,
            voices: voices
                .map(|(authority, voice)| (peer(authority), voice))
                .collect(),
        }
    }

    fn carried(&self, word: Option<&Attestation<Block>>) -> Vec<Attestation<Block>> {
        match self.electorate {
            Electorate::Peers => Vec::new(),
            Electorate::Authorities => word.into_iter().cloned().collect(),
        }
    }

    fn answer(&self, voice: &Voice, protocol: Protocol, body: &[u8]) -> Option<Vec<u8>> {
        match (voice, protocol) {
            (Voice::Silent, _) => None,
            (_, Protocol::Announce) => Some(AnnounceReply::Taken.encode()),
            (
                Voice::Holds {
                    chain,
                    activity,
                    word,
                },
                _,
            ) => Some(match protocol {
                Protocol::Headers => self.server.headers::<Block>(chain.as_ref(), body),
                Protocol::Blocks => self.server.blocks::<Block>(chain.as_ref(), body),
                Protocol::State => self.server.state::<Block>(chain.as_ref(), body),
                Protocol::Status | Protocol::Announce => {
                    let told = Told {
                        activity: *activity,
                        attestations: self.carried(word.as_ref()),
                    };
                    self.server.status(chain.as_ref(), told, body)
                }
            }),
            (Voice::Invents { ids, chain, word }, Protocol::Status) => {
                let request = self.limits.decode_status_request::<Block>(body).ok()?;
                Some(match request {
                    StatusRequest::Status => self.describe(ids, chain, word),
                    StatusRequest::Hashes(numbers) => {
                        let hashes = numbers.into_iter().map(|number| {
                            let invented = ids.iter().find(|id| id.number == number);
                            let real = chain.canonical_hash(number).ok().flatten();
                            invented.map(|id| id.hash).or(real)
                        });
                        StatusReply::<Block>::Hashes(hashes.collect()).encode()
                    }
                })
            }
            (
                Voice::Invents { ids, .. },
                Protocol::Headers | Protocol::Blocks | Protocol::State,
            ) => {
                let best = ids.first().map_or(0, |tip| tip.number);
                Some(RangeReply::<(), u32>::NotFound { lowest: 0, best }.encode())
            }
        }
    }

    fn describe(&self, ids: &[Id], chain: &Store, word: &Attestation<Block>) -> Vec<u8> {
        let [best, below @ ..] = ids else {
            panic!("whoever invents names a tip");
        };
        let status = Status {
            genesis: chain.genesis_hash(),
            roles: Roles::Authority,
            standing: Standing {
                best: *best,
                finalized: chain.finalized(),
                lowest: 0,
                below: below.iter().map(|id| id.hash).collect(),
                activity: Activity::Serving,
            },
            attestations: self.carried(Some(word)),
        };
        StatusReply::Status(Box::new(status)).encode()
    }
}

#[async_trait]
impl Network for Room {
    async fn request(
        &self,
        peer: &PeerId,
        protocol: Protocol,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, RequestFailure> {
        let voice = self.voices.get(peer).ok_or(RequestFailure::Disconnected)?;
        // The clock stands still, so the time-out comes at once.
        self.answer(voice, protocol, &body)
            .ok_or(RequestFailure::Timeout)
    }

    fn refuse(&self, _: &PeerId) {}

    fn allow(&self, _: &PeerId) {}
}
