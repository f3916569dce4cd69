//! The transaction pool and what of it goes into blocks, as Prometheus sees them.

use super::{page, until_page};
use crate::harness::{client, serving};
use codec::Encode;
use node_template::{keystore::DevKey, runtime::Extrinsic};
use sp_core::Pair;

const READY: &str = "substrate_ready_transactions_number";
const SUBMITTED: &str = "substrate_sub_txpool_submitted_transactions";
const IN_BLOCK: &str = "substrate_proposer_number_of_transactions";

#[tokio::test]
async fn extrinsics_are_counted_as_they_come_and_while_they_are_ready() {
    let base = tempfile::tempdir().unwrap();
    // Nothing is authored, so that what waits stays.
    let node = serving(base.path(), "local", "--chain local --isolated").await;
    let asked = client(&node);
    let before = page(&node);
    assert_eq!(before.get(READY), Some(0.0));
    assert_eq!(before.get(SUBMITTED), Some(0.0));
    let genesis = asked.genesis_hash().await.unwrap();
    let to = DevKey::Bob.pair().public();
    // The last one waits for another before it.
    for nonce in [0, 1, 3] {
        let one = Extrinsic::transfer(&DevKey::Alice.pair(), to, 1, nonce, genesis);
        asked.submit_extrinsic(&one.encode()).await.unwrap();
    }
    let page = page(&node);
    assert_eq!(page.get(READY), Some(2.0));
    assert_eq!(page.get(SUBMITTED), Some(3.0));
    assert_eq!(
        page.get("substrate_sub_txpool_validations_invalid"),
        Some(0.0)
    );
}

#[tokio::test]
async fn blocks_tell_how_many_they_took_and_why_no_more() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    let asked = client(&node);
    let genesis = asked.genesis_hash().await.unwrap();
    let to = DevKey::Bob.pair().public();
    let one = Extrinsic::transfer(&DevKey::Alice.pair(), to, 1, 0, genesis);
    asked.submit_extrinsic(&one.encode()).await.unwrap();
    let page = until_page(&node, "a block with a transfer", |page| {
        page.get(IN_BLOCK) == Some(1.0)
    })
    .await;
    let all_taken = "substrate_proposer_end_proposal_reason{reason=\"no_more_transactions\"}";
    assert!(page.value(all_taken) >= 1.0);
    let page = until_page(&node, "an empty pool", |page| page.get(READY) == Some(0.0)).await;
    for limit in ["hit_deadline", "hit_block_size_limit"] {
        let series = format!("substrate_proposer_end_proposal_reason{{reason=\"{limit}\"}}");
        assert_eq!(page.get(&series), Some(0.0), "{limit}");
    }
}
