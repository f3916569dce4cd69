//! The chain that is measured on.

use super::super::ground::{self, ACCOUNTS, KeyUse, Payments, SLOT};
use crate::runtime::{Call, Extrinsic};
use std::collections::BTreeSet;
use sync_component::ports::ReadChain;

#[test]
fn every_payment_of_block_after_block_applies() {
    let folder = tempfile::tempdir().unwrap();
    let authorities = ground::keys(KeyUse::Authority, 3);
    let spec = ground::spec(&authorities, SLOT);
    let chain = ground::open(&folder.path().join("store"), &spec).unwrap();
    let mut payments = Payments::new(chain.genesis_hash());
    let last = ground::last_slot(&spec);
    // More than there are accounts, so that some pay twice.
    let per_block = ACCOUNTS * 2 / 5;
    for above in (0..3_u64).rev() {
        let slot = last.saturating_sub(above);
        let offered = payments.next(per_block);
        let id = ground::extend(&chain, &authorities, slot, offered).unwrap();
        let block = chain.block(id.hash).unwrap().unwrap();
        assert_eq!(block.extrinsics.len(), per_block + 1);
    }
    assert_eq!(chain.best().number, 3);
}

#[test]
fn payments_go_between_many_accounts() {
    let mut payments = Payments::new(sp_core::H256::zero());
    let made = payments.next(200);
    let ends = made.iter().map(|Extrinsic(call)| match call {
        Call::Transfer(transfer) => (transfer.from, transfer.to),
        Call::SetTimestamp(_) => panic!("no payment"),
    });
    let (from, to): (BTreeSet<_>, BTreeSet<_>) = ends.unzip();
    assert_eq!((from.len(), to.len()), (200, 200));
}
