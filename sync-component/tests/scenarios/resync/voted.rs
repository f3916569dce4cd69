//! What the voters have to say of a chain that is valid in itself, under each strategy.

use super::*;

/// O on a dead fork; the network is at 60, and T, whom the operator trusts, on a branch above 20, `length` blocks long, sealed by all.
fn with_a_trusted_stray(sim: &mut Sim, length: u64) -> (Vec<Peer>, Node, Peer) {
    let (peers, ours) = stranded(sim);
    let other = sim.branch(20, length, 1, 77);
    let trusted = sim.peer("T", &other, Misbehaviour::Nothing);
    sim.connect(&ours.id, [&trusted.id]);
    (peers, ours, trusted)
}

#[test]
fn r04_valid_chain_that_is_not_the_voted_one_is_refused_under_each_strategy() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        // Shorter than the network's chain, as long, and longer.
        let length = [30, 40, 50][usize::try_from(sim.seed % 3).unwrap()];
        let (_peers, ours, trusted) = with_a_trusted_stray(sim, length);
        let before = ours.best();
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let refused = insist(&ours, &order(&[&trusted.id], None), &staging).await;
            assert!(
                is_refusal(refused.as_ref().unwrap_err()),
                "{kind:?}: {refused:?}"
            );
            // It is whole, and valid, and that changes nothing.
            assert_eq!(staging.height(), 20 + length, "{kind:?}");
            let begins = staging.chain.lowest_served();
            assert_eq!(begins > 20, kind == Kind::Snapshot, "{kind:?}: {begins}");
            assert!(!staging.stages().contains(&"validated"), "{kind:?}");
            assert_eq!(ours.best(), before, "{kind:?}");
        }
    });
}

/// A run that was validated and then interrupted is voted on once more before its swap.
#[test]
fn r04_chain_that_was_voted_for_and_is_no_more_is_refused_under_each_strategy() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (peers, ours) = stranded(sim);
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let named = order(&[&peers[0].id], None);
            let tip = insist(&ours, &named, &staging).await.unwrap();
            assert_eq!(staging.stages().last(), Some(&"validated"));
            // The voters leave that chain, and the one that vouched for it stays.
            let other = sim.branch(20, 40, 1, 78);
            let name = format!("{kind:?}");
            let elsewhere = sim.crowd(9, &name, &other, &Misbehaviour::Nothing);
            sim.connect(&ours.id, ids(&elsewhere));
            sim.slots(2).await;
            let refused = insist(&ours, &named, &staging).await;
            assert!(
                is_refusal(refused.as_ref().unwrap_err()),
                "{kind:?}: {refused:?}"
            );
            assert_eq!(staging.stages().last(), Some(&"downloading"), "{kind:?}");
            assert_eq!(staging.chain.best(), tip);
            // And back.
            for peer in &elsewhere {
                peer.turns_to(Misbehaviour::OtherGenesis);
            }
            drop(elsewhere);
            sim.slots(3).await;
            insist(&ours, &named, &staging).await.unwrap();
            assert_eq!(staging.stages().last(), Some(&"validated"), "{kind:?}");
        }
    });
}

/// The stray one is nearer, and claims less than the network has, as much, or more.
#[test]
fn r05_trusted_source_on_a_stray_chain_is_left_for_one_on_the_voted_chain() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let length = [30, 40, 50][usize::try_from(sim.seed / 3 % 3).unwrap()];
        let (peers, ours, trusted) = with_a_trusted_stray(sim, length);
        for peer in ids(&peers) {
            sim.network.cut(&ours.id, peer);
            let far = Link::with_latency(Duration::from_millis(200));
            sim.network.connect(&ours.id, peer, far);
        }
        let near = Link::with_latency(Duration::from_millis(1));
        sim.network.cut(&ours.id, &trusted.id);
        sim.network.connect(&ours.id, &trusted.id, near);
        sim.slots(4).await;
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let both = order(&[&trusted.id, &peers[0].id], None);
            let staged = insist(&ours, &both, &staging).await.unwrap();
            assert_eq!(staged, BlockId::of(sim.chain(60)[59].header()), "{kind:?}");
            // Alone it is named.
            let staging = InMemory::by(sim, &ours, kind);
            let alone = order(&[&trusted.id], None);
            let refused = insist(&ours, &alone, &staging).await.unwrap_err();
            assert!(
                matches!(&refused, ResyncError::Stray { strays, .. } if *strays == [trusted.id.clone()]),
                "{kind:?}: {refused}"
            );
        }
    });
}
