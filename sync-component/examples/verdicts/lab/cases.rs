//! What liars do, and what is true meanwhile.

use super::{
    chains::{Branch, Growth, Store, TRUNK, World},
    node::OURS,
    survey::{Lag, Question},
    voters::{Voice, invented},
};
use rand_chacha::{ChaCha8Rng, rand_core::RngCore};
use std::collections::BTreeSet;
use sync_component::{ports::ReadChain as _, wire::Activity};

/// What the liars do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    /// All sign one invented tip 3 above the head.
    InventedAbove,
    /// All sign one invented block at the height of the head.
    InventedAtHead,
    /// Each signs a block of its own invention at the height of the head.
    Scattered,
    /// All sign a fork that leaves the chain this far below the head, sealed by them in their slots, no longer than the chain.
    Fork(u64),
    /// All sign the block 90 below the head.
    FarBehind,
    /// All say that they are syncing, and sign nothing.
    Syncing,
    /// None answers, none signs.
    Silent,
    /// We are on a branch of our own and theirs, this many blocks long and as high as the honest chain; they sign our tip.
    VouchForFork(u64),
    /// We are this many blocks behind; they sign our tip.
    VouchForOld(u64),
}

/// Every lie, in the order of the document.
pub(super) const LIES: [Lie; 13] = [
    Lie::InventedAbove,
    Lie::InventedAtHead,
    Lie::Scattered,
    Lie::Fork(3),
    Lie::Fork(30),
    Lie::FarBehind,
    Lie::Syncing,
    Lie::Silent,
    Lie::VouchForFork(1),
    Lie::VouchForFork(3),
    Lie::VouchForFork(30),
    Lie::VouchForOld(1),
    Lie::VouchForOld(6),
];

/// How far behind liars say that they are.
const FAR: u64 = 90;

impl Lie {
    /// Which of the two rates it is made for.
    pub(super) fn question(self) -> Question {
        match self {
            Self::VouchForFork(_) | Self::VouchForOld(_) => Question::FalseGo,
            _ => Question::FalseHalt,
        }
    }

    /// In words.
    pub(super) fn describe(self) -> String {
        match self {
            Self::InventedAbove => "sign one invented tip, 3 above the head".to_owned(),
            Self::InventedAtHead => "sign one invented block at the height of the head".to_owned(),
            Self::Scattered => {
                "each signs a block of its own invention at the height of the head".to_owned()
            }
            Self::Fork(depth) => {
                format!(
                    "sign a fork that leaves the chain {depth} below the head, which they sealed in their own slots"
                )
            }
            Self::FarBehind => format!("sign the block {FAR} below the head"),
            Self::Syncing => "say that they are syncing, sign nothing".to_owned(),
            Self::Silent => {
                "answer nothing, sign nothing; they are new, so answers are expected of them"
                    .to_owned()
            }
            Self::VouchForFork(length) => {
                format!("sign our tip, the end of a branch of {length} that we and they sealed")
            }
            Self::VouchForOld(behind) => format!("sign our tip, {behind} below the head"),
        }
    }
}

/// A world in which some lie, in one way.
pub(super) struct Scene {
    pub(super) world: World,
    lie: Lie,
    honest: Vec<usize>,
    liars: Vec<usize>,
}

/// Who says what in one round, in the order in which it is heard.
pub(super) type Voices = Vec<(usize, Voice)>;

impl Scene {
    /// A world of `size` authorities, of which those in `liars` lie.
    pub(super) fn new(size: usize, liars: &[usize], lie: Lie) -> Self {
        let others = || (0..size).filter(|authority| *authority != OURS);
        let lying: BTreeSet<_> = liars.iter().copied().collect();
        let honest = others().filter(|authority| !lying.contains(authority));
        let honest: Vec<_> = honest.collect();
        let all = |length| Growth {
            authors: (0..size).collect(),
            least: length,
            most: length,
        };
        let (main, rival) = match lie {
            Lie::Fork(depth) => {
                let main = Growth {
                    authors: honest.iter().copied().chain([OURS]).collect(),
                    least: depth,
                    most: depth,
                };
                let rival = Growth {
                    least: u64::from(!lying.is_empty()),
                    most: depth,
                    authors: lying,
                };
                (main, rival)
            }
            Lie::VouchForFork(length) => {
                let branch = |authors| Growth {
                    authors,
                    least: length,
                    most: length,
                };
                let ours = lying.into_iter().chain([OURS]).collect();
                (branch(honest.iter().copied().collect()), branch(ours))
            }
            _ => (all(6), Growth::default()),
        };
        Self {
            world: World::new(size, &main, &rival),
            lie,
            honest,
            liars: liars.to_vec(),
        }
    }

    /// The chain of the node that judges.
    pub(super) fn ours(&self) -> Store {
        let (branch, height) = self.ours_at();
        self.world.store(branch, height)
    }

    fn ours_at(&self) -> (&Branch, u64) {
        let world = &self.world;
        match self.lie {
            Lie::VouchForFork(_) => (&world.side, world.side.height()),
            Lie::VouchForOld(behind) => (&world.main, world.main.height() - behind),
            _ => (&world.main, world.main.height()),
        }
    }

    /// Draws who lags, and in what order all are heard. For [`Question::FalseGo`] it draws again until more than half of the
    /// other honest authorities hold a chain that clearing would go against.
    pub(super) fn draw(&self, lag: Lag, rng: &mut ChaCha8Rng) -> Draw {
        loop {
            let lagging: BTreeSet<_> = self
                .honest
                .iter()
                .copied()
                .filter(|_| rng.next_u32() % 100 < lag.percent)
                .collect();
            let mut order: Vec<_> = self.honest.iter().chain(&self.liars).copied().collect();
            shuffle(&mut order, rng);
            let draw = Draw {
                lag,
                lagging,
                order,
            };
            if self.lie.question() == Question::FalseHalt || self.is_wrong_to_go(&draw) {
                return draw;
            }
        }
    }

    /// Whether more than half of the other honest authorities hold a block that is not ours at or above a height that
    /// clearing would have us author at.
    fn is_wrong_to_go(&self, draw: &Draw) -> bool {
        let against = match self.lie {
            Lie::VouchForFork(_) => TRUNK,
            _ => self.ours_at().1,
        };
        let honest = self.honest.iter();
        let elsewhere = honest.filter(|authority| self.height_of(**authority, draw) > against);
        elsewhere.count() * 2 > self.honest.len()
    }

    fn height_of(&self, honest: usize, draw: &Draw) -> u64 {
        let head = self.world.main.height();
        if draw.lagging.contains(&honest) {
            head - draw.lag.blocks
        } else {
            head
        }
    }

    /// What everybody says.
    pub(super) fn voices(&self, draw: &Draw) -> Voices {
        let voice = |authority: usize| {
            let voice = if self.liars.contains(&authority) {
                self.lie_of(authority)
            } else {
                self.holds(authority, &self.world.main, self.height_of(authority, draw))
            };
            (authority, voice)
        };
        draw.order.iter().copied().map(voice).collect()
    }

    fn holds(&self, authority: usize, branch: &Branch, height: u64) -> Voice {
        Voice::Holds {
            chain: self.world.store(branch, height),
            activity: Activity::Serving,
            word: Some(self.world.word(authority, &branch.attested(height))),
        }
    }

    fn lie_of(&self, liar: usize) -> Voice {
        let world = &self.world;
        let head = world.main.height();
        let invents = |height, salt| {
            let chain = world.store(&world.main, head);
            Voice::inventing(world, liar, invented(height, salt), chain)
        };
        match self.lie {
            Lie::InventedAbove => invents(head + 3, 0xEE),
            Lie::InventedAtHead => invents(head, 0xEE),
            Lie::Scattered => invents(head, u8::try_from(liar).unwrap_or(u8::MAX)),
            Lie::Fork(_) => self.holds(liar, &world.side, world.side.height()),
            Lie::FarBehind => self.holds(liar, &world.main, head - FAR),
            Lie::Syncing => Voice::Holds {
                chain: world.store(&world.main, head - FAR),
                activity: Activity::Syncing,
                word: None,
            },
            Lie::Silent => Voice::Silent,
            Lie::VouchForFork(_) | Lie::VouchForOld(_) => {
                let (branch, height) = self.ours_at();
                self.holds(liar, branch, height)
            }
        }
    }

    /// Whether the liars and those who lag further than `reach` are fewer than a third of all.
    pub(super) fn absent_below_a_third(&self, draw: &Draw, reach: u64) -> bool {
        let far = if draw.lag.blocks < reach {
            0
        } else {
            draw.lagging.len()
        };
        let size = self.honest.len() + self.liars.len() + 1;
        super::below_a_third(self.liars.len() + far, size)
    }

    /// Checks that the world is what the document says of it.
    pub(super) fn assert_truth(&self) {
        let (main, ours) = (&self.world.main, self.ours().best());
        let head = self.world.store(main, main.height()).best();
        match self.lie {
            Lie::VouchForFork(length) => {
                assert_ne!(ours, head);
                assert_eq!(ours.number, head.number);
                assert_eq!(ours.height(), TRUNK + length);
            }
            Lie::VouchForOld(behind) => assert_eq!(ours.height() + behind, head.height()),
            Lie::Fork(_) if !self.liars.is_empty() => {
                assert_eq!(ours, head);
                let side = &self.world.side;
                assert!(side.height() > TRUNK && side.height() <= head.height());
                assert_ne!(self.world.store(side, side.height()).best(), head);
            }
            _ => assert_eq!(ours, head),
        }
    }
}

/// The chance of one round.
#[derive(Clone, Debug)]
pub(super) struct Draw {
    lag: Lag,
    lagging: BTreeSet<usize>,
    order: Vec<usize>,
}

/// Puts `items` in an order that `rng` chooses.
pub(super) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        let other = rng.next_u64() % (last as u64 + 1);
        items.swap(last, usize::try_from(other).expect("below a length"));
    }
}
