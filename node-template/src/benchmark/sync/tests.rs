//! Orders and lies.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{Order, Report, figures::apart, join::JoinOrder, report::Tip};
use crate::{
    Block,
    benchmark::{
        conduct::twisted,
        ground::{self, Accounts, KeyUse, SLOT},
    },
};
use codec::{Decode, Encode};
use sp_core::H256;
use sync_component::{
    ports::{ImportBlocks, ImportError, ReadChain},
    wire::BlocksReply,
};

#[test]
fn orders_and_reports_come_back_as_they_were() {
    let order = Order::Join(JoinOrder {
        store: "/some where".into(),
        accounts: Accounts(12),
        strategy: "sequential".to_owned(),
        addresses: vec!["/ip4/127.0.0.1/tcp/1".to_owned()],
        tip: Tip {
            number: 7,
            hash: H256::repeat_byte(3),
        },
    });
    let text = serde_json::to_string(&order).unwrap();
    assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order);
    let report = Report::Blocks(12);
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

#[test]
fn servers_with_cores_of_their_own_take_no_time_from_a_sync() {
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    assert!(near(apart(3.0, 0.0, 2), 3.0));
    assert!(near(apart(3.0, 1.5, 2), 2.25));
    assert!(near(apart(3.0, 1.5, 1), 1.5));
}

#[test]
fn twisted_reply_is_well_formed_and_its_last_block_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let authorities = ground::keys(KeyUse::Authority, 1);
    let spec = ground::spec(&authorities, SLOT);
    let chain = ground::open(&folder.path().join("served"), &spec).unwrap();
    let last = ground::last_slot(&spec);
    let blocks: Vec<Block> = [1, 0]
        .into_iter()
        .map(|above: u64| {
            let slot = last.saturating_sub(above);
            let id = ground::extend(&chain, &authorities, slot, Vec::new()).unwrap();
            chain.block(id.hash).unwrap().unwrap()
        })
        .collect();
    let honest = BlocksReply::<Block>::Items(blocks.clone()).encode();
    let lie = twisted(honest.clone());
    assert_ne!(lie, honest);
    let BlocksReply::<Block>::Items(told) =
        BlocksReply::<Block>::decode(&mut lie.as_slice()).unwrap()
    else {
        panic!("a lie that nobody would listen to");
    };
    assert_eq!(told[0], blocks[0]);
    assert_eq!(told[1].header, blocks[1].header);
    let joining = ground::open(&folder.path().join("joining"), &spec).unwrap();
    let report = joining.import(told);
    assert_eq!(report.stored, 1);
    assert!(matches!(report.failure, Some(ImportError::Invalid { .. })));
    assert_eq!(joining.best().number, 1);
}
