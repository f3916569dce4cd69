//! Faults of our own: a full or failing disk, a damaged state; and readers beside an import.

use crate::support::{
    Bridge, Fault, Faulty, Maker, canonical_chain, dump, id, import_all, over, tip,
};
use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};
use sync_component::{
    error::Blame,
    ports::{ImportBlocks, ImportError, Presence, ReadChain, VoteStanding},
};

/// Long enough for any machine; no test waits for it unless it fails.
const DEADLINE: Duration = Duration::from_mins(1);

fn faulty_chain(authorities: u64) -> (Arc<Faulty>, Bridge) {
    let db = Arc::new(Faulty::new());
    let bridge = over(Arc::clone(&db) as Arc<dyn kvdb::KeyValueDB>, authorities, 5);
    (db, bridge)
}

#[test]
fn import_that_cannot_be_written_changes_nothing_and_works_when_the_disk_does() {
    let maker = Maker::new(2);
    let (db, bridge) = faulty_chain(2);
    let run = maker.run(maker.genesis(), 1..6);
    import_all(&bridge, &run[..2]);
    let before = dump(db.as_ref());
    let mut events = bridge.events();

    db.set(Fault::NoWrites);
    let report = bridge.import(run.clone());
    assert_eq!(report.stored, 0);
    assert_eq!(report.failure.unwrap().blame(), Blame::Local);
    assert_eq!(
        report.left.blocks(),
        &run[2..],
        "what is not stored comes back"
    );
    let error = bridge.import_own(run[2].clone(), id(&run[1])).unwrap_err();
    assert_eq!(error.blame(), Blame::Local);
    assert_eq!(bridge.best(), id(&run[1]));
    assert_eq!(dump(db.as_ref()), before);
    assert!(events.try_recv().is_err());

    db.set(Fault::None);
    import_all(&bridge, &run);
    assert_eq!(events.try_recv().unwrap().best, tip(&run));
}

#[test]
fn reorganisation_that_cannot_be_written_leaves_the_old_chain() {
    let maker = Maker::new(4);
    let (db, bridge) = faulty_chain(4);
    let ours = maker.run(maker.genesis(), 1..4);
    let theirs = maker.run(maker.genesis(), 11..16);
    bridge.set_vote(VoteStanding::WithUs.into()).unwrap();
    import_all(&bridge, &ours);
    import_all(&bridge, &theirs);
    let chain = canonical_chain(&bridge);

    db.set(Fault::NoWrites);
    bridge.set_vote(VoteStanding::NotWithUs.into()).unwrap_err();
    assert_eq!(bridge.best(), tip(&ours));
    assert_eq!(canonical_chain(&bridge), chain);

    db.set(Fault::None);
    bridge.set_vote(VoteStanding::NotWithUs.into()).unwrap();
    assert_eq!(bridge.best(), tip(&theirs));
}

#[test]
fn damaged_state_is_our_fault_and_not_the_block_s() {
    for fault in [Fault::NoNodes, Fault::UnreadableNodes] {
        let maker = Maker::new(2);
        let (db, bridge) = faulty_chain(2);
        let run = maker.run(maker.genesis(), 1..4);
        import_all(&bridge, &run[..1]);
        // Opened once more: what was imported lately is not read back.
        let bridge = over(Arc::clone(&db) as Arc<dyn kvdb::KeyValueDB>, 2, 5);
        db.set(fault);
        let report = bridge.import(run[1..].to_vec());
        let error = report.failure.unwrap();
        assert!(matches!(error, ImportError::Local(_)), "{error}");
        assert_eq!(report.left.blocks(), &run[1..]);
        db.set(Fault::None);
        import_all(&bridge, &run);
    }
}

#[test]
fn readers_do_not_wait_for_an_import_and_an_own_block_does() {
    let maker = Maker::new(2);
    let (db, bridge) = faulty_chain(2);
    let bridge = Arc::new(bridge);
    let run = maker.run(maker.genesis(), 1..4);
    let own = maker.block(id(&run[0]), 9, &[]);
    import_all(&bridge, &run[..1]);

    let (begins, begun) = mpsc::channel();
    let (let_go, may) = mpsc::channel();
    db.set(Fault::Pause { begins, may });
    let importing = spawn(&bridge, {
        let run = run.clone();
        move |bridge| bridge.import(run).stored
    });
    begun.recv_timeout(DEADLINE).unwrap();

    // The import holds still in the middle of its write. Readers see the chain before it.
    let (best, first) = (id(&run[0]), run[0].clone());
    let reading = spawn(&bridge, move |bridge| {
        assert_eq!(bridge.best(), best);
        assert_eq!(bridge.finalized().number, 0);
        assert_eq!(bridge.block(best.hash).unwrap(), Some(first));
        assert_eq!(bridge.presence(best.hash).unwrap(), Presence::Canonical);
        assert_eq!(bridge.canonical_hash(2).unwrap(), None);
    });
    reading.recv_timeout(DEADLINE).unwrap();

    // An own block was cleared on the best block of before; it comes into the critical section after the import.
    let authoring = spawn(&bridge, move |bridge| bridge.import_own(own, best));
    let_go.send(()).unwrap();
    assert_eq!(importing.recv_timeout(DEADLINE).unwrap(), 3);
    let lost = authoring.recv_timeout(DEADLINE).unwrap().unwrap_err();
    assert!(matches!(lost, ImportError::ClearanceLost { cleared, .. } if cleared == best));
}

/// Runs `job` on a thread of its own; the result arrives on the channel.
fn spawn<T: Send + 'static>(
    bridge: &Arc<Bridge>,
    job: impl FnOnce(&Bridge) -> T + Send + 'static,
) -> mpsc::Receiver<T> {
    let (done, result) = mpsc::channel();
    let bridge = Arc::clone(bridge);
    thread::spawn(move || done.send(job(&bridge)));
    result
}
