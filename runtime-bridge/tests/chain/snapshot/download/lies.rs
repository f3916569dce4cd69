//! Sources that bend the state.

use super::*;

/// A peer whose answers on the state are bent.
fn with_nodes(bend: impl Fn(Vec<Vec<u8>>) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Arc<Bend> {
    Arc::new(move |protocol, _, honest| {
        let nodes = nodes_of(&honest).filter(|_| protocol == Protocol::State);
        Some(match nodes {
            Some(nodes) => StateReply::<Block>::Items(bend(nodes)).encode(),
            None => honest,
        })
    })
}

#[tokio::test(start_paused = true)]
async fn whoever_bends_the_state_is_banned_and_the_others_deliver_it() {
    let (_, server) = world(120);
    let bends: [(&str, Arc<Bend>); 5] = [
        (
            "drops",
            with_nodes(|mut nodes| {
                nodes.remove(nodes.len() / 2);
                nodes
            }),
        ),
        (
            "adds",
            with_nodes(|mut nodes| {
                nodes.insert(1, vec![7; 40]);
                nodes
            }),
        ),
        (
            "repeats",
            with_nodes(|mut nodes| {
                nodes.insert(1, nodes[1].clone());
                nodes
            }),
        ),
        (
            "alters",
            with_nodes(|mut nodes| {
                let last = nodes.last_mut().unwrap();
                last[0] ^= 1;
                nodes
            }),
        ),
        (
            "turns round",
            with_nodes(|mut nodes| {
                nodes.reverse();
                nodes
            }),
        ),
    ];
    for (name, bend) in bends {
        let mut net = Net::new();
        // The first in the order is asked first.
        let liar = net.source(name, server.clone(), bend).await;
        let honest = net.honest("honest", &server).await;
        let staged = staged();
        net.download(&staged).await.unwrap();
        assert_eq!(staged.tip().unwrap(), server.tip().unwrap(), "{name}");
        assert!(net.client.table().is_banned(&liar), "{name}");
        assert!(!net.client.table().is_banned(&honest), "{name}");
        assert_eq!(net.asked(&liar, Protocol::State), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_all_lie_nothing_of_the_state_is_stored_and_an_honest_source_goes_on() {
    let (_, server) = world(120);
    let mut net = Net::new();
    for name in ["A", "B"] {
        let drops = with_nodes(|mut nodes| {
            nodes.remove(0);
            nodes
        });
        net.source(name, server.clone(), drops).await;
    }
    let staged = staged();
    let error = net.download(&staged).await.unwrap_err();
    let ResyncError::SourcesFailed { faults, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(faults.len(), 2);
    assert!(
        faults
            .iter()
            .all(|(_, fault)| matches!(fault, SourceFault::Proof(_))),
        "{error}"
    );
    assert!(error.is_resumable());
    assert!(matches!(
        staged.standing().state,
        StateStanding::Partly { entries: 0, .. }
    ));
    let mut net = Net::new();
    let honest = net.honest("honest", &server).await;
    net.download(&staged).await.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    // The headers were there.
    assert!(net.asked(&honest, Protocol::Headers) <= 3);
}
