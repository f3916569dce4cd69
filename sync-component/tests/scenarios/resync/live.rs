//! The live chain while another one is fetched.

use super::*;

/// SPEC section 7: the live node goes on importing what is new, and serving what it has.
#[test]
fn r01_live_node_serves_and_imports_during_the_download_under_each_strategy() {
    run(Setup::chain(64).authorities(4).idle(60), async |sim| {
        sim.settings.limits.blocks_per_request = 4;
        sim.settings.limits.requests_in_flight = 2;
        for kind in Kind::ALL {
            let name = |what: &str| format!("{what} {kind:?}");
            let peers = sim.servers(3, &name("P"), 60);
            let slow = Misbehaviour::Slow(4 * SECOND);
            let source = sim.peer(&name("S"), sim.chain(60), slow);
            let mut ours = sim.node(&name("O"), sim.chain(60));
            ours.start();
            sim.connect(&ours.id, ids(&peers).chain([&source.id]));
            let mut asker = sim.node(&name("A"), &[]);
            asker.start();
            sim.slots(4).await;
            let staging = InMemory::by(sim, &ours, kind);
            let named = order(&[&source.id], None);
            let live = async {
                sim.run_for(SECOND).await;
                sim.connect(&asker.id, [&ours.id]);
                let report = peers[0].chain.import(sim.chain(64)[60..].to_vec());
                assert!(report.failure.is_none(), "{report:?}");
                for peer in &peers {
                    let tip = sim.chain(64)[63].header().clone();
                    peer.announce(&ours.id, tip).await;
                }
                let both = || ours.best().height() == 64 && asker.best().height() == 64;
                sim.until(5 * MINUTE, "the new blocks, from O, too", both)
                    .await;
                staging.height()
            };
            let (end, staged) = tokio::join!(insist(&ours, &named, &staging), live);
            if sim.is_calm() {
                assert!(staged < 60, "{kind:?}: it was over already");
            }
            // The source stays behind, within what a vote allows.
            assert_eq!(end.unwrap().height(), 60, "{kind:?}");
        }
    });
}
