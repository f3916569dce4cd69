use super::{PEER, read, refused};
use crate::Checkpoint;
use sp_core::H256;

fn hash(byte: u8) -> String {
    format!("0x{}", hex::encode([byte; 32]))
}

#[test]
fn node_addresses_are_such_as_a_node_can_dial() {
    let good = [
        format!("/ip4/127.0.0.1/tcp/30333/p2p/{PEER}"),
        format!("/ip6/::1/tcp/30333/p2p/{PEER}"),
        format!("/dns/example.org/tcp/30333/p2p/{PEER}"),
        format!("/dns4/example.org/tcp/30333/p2p/{PEER}"),
    ];
    for key in ["bootnodes", "reserved_nodes"] {
        for address in &good {
            assert!(
                read(&format!("{key} = [\"{address}\"]")).is_ok(),
                "{address}"
            );
        }
        let bad = [
            "/ip4/127.0.0.1/tcp/30333".to_owned(),
            format!("/p2p/{PEER}"),
            format!("/ip4/127.0.0.1/p2p/{PEER}"),
            format!("/ip4/127.0.0.1/tcp/0/p2p/{PEER}"),
            format!("/ip4/127.0.0.1/udp/30333/quic-v1/p2p/{PEER}"),
            format!("/dns4/example.org/tcp/30333/ws/p2p/{PEER}"),
            format!("/unix/%2Ftmp%2Fsocket/p2p/{PEER}"),
            format!("/ip4/127.0.0.1/tcp/30333/p2p/{PEER}/p2p-circuit/p2p/{PEER}"),
            format!("/memory/7/p2p/{PEER}"),
            format!("/ip4/127.0.0.1/tcp/30333/p2p/{PEER}x"),
            format!("/ip4/127.0.0.1/p2p/{PEER}/tcp/30333"),
            "127.0.0.1:30333".to_owned(),
            String::new(),
        ];
        for address in bad {
            let lines = refused(&format!("{key} = [\"{address}\"]"));
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].contains("a TCP port and a peer id"), "{lines:?}");
        }
        assert_eq!(refused(&format!("{key} = [7]")).len(), 1);
    }
}

#[test]
fn a_node_twice_is_refused() {
    let address = format!("/ip4/127.0.0.1/tcp/30333/p2p/{PEER}");
    let lines = refused(&format!("bootnodes = [\n\"{address}\",\n\"{address}\",\n]"));
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("line 7: bootnodes.1 = "), "{lines:?}");
    assert!(lines[0].contains("already given at line 6"), "{lines:?}");
}

#[test]
fn bad_blocks_are_hashes_each_once() {
    let spec = read(&format!("bad_blocks = [\"{}\"]", hash(7))).unwrap();
    assert_eq!(spec.bad_blocks, [H256([7; 32])]);
    let wrong = [
        "\"0x00\"",
        "7",
        "\"\"",
        &format!("\"{}00\"", hash(7)),
        &format!("\"{}\"", &hash(7)[2..]),
    ];
    for wrong in wrong {
        let lines = refused(&format!("bad_blocks = [{wrong}]"));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].ends_with("accepted: a hash: 0x and 64 hex digits"),
            "{lines:?}"
        );
    }
    assert_eq!(
        refused(&format!("bad_blocks = [\"{}\", \"{}\"]", hash(7), hash(7))).len(),
        1
    );
}

fn checkpoint(number: &str, hash: &str) -> String {
    format!("[[checkpoints]]\nnumber = {number}\nhash = \"{hash}\"\n")
}

#[test]
fn checkpoints_have_a_number_and_a_hash() {
    let text = checkpoint("1", &hash(1)) + &checkpoint("4294967295", &hash(2));
    let expected = [(1, 1), (u32::MAX, 2)].map(|(number, byte)| Checkpoint {
        number,
        hash: H256([byte; 32]),
    });
    assert_eq!(read(&text).unwrap().checkpoints, expected);
    for number in ["0", "-1", "4294967296", "\"1\""] {
        let lines = refused(&checkpoint(number, &hash(1)));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].starts_with("line 6: checkpoints.0.number = "),
            "{lines:?}"
        );
    }
    assert_eq!(refused("[[checkpoints]]\nnumber = 5\nhasch = 1").len(), 2);
    assert_eq!(refused("checkpoints = [5]").len(), 1);
}

#[test]
fn checkpoints_that_contradict_each_other_are_refused() {
    let same_height = checkpoint("5", &hash(1)) + &checkpoint("5", &hash(2));
    let lines = refused(&same_height);
    assert_eq!(
        lines,
        [
            "line 9: checkpoints.1.number = 5: already given at line 6; accepted: once, so remove one of the two"
        ]
    );
    let same_hash = checkpoint("5", &hash(1)) + &checkpoint("6", &hash(1));
    assert!(refused(&same_hash)[0].starts_with("line 10: checkpoints.1.hash = "));
}

#[test]
fn a_checkpoint_that_is_a_bad_block_is_refused() {
    let text = format!(
        "bad_blocks = [\"{}\"]\n{}",
        hash(1),
        checkpoint("5", &hash(1))
    );
    let lines = refused(&text);
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].starts_with("line 8: checkpoints.0.hash = "),
        "{lines:?}"
    );
    assert!(lines[0].contains("not in bad_blocks"), "{lines:?}");
}
