use super::{ALICE, BOB, read, refused};

#[test]
fn balances_are_numbers_or_texts_up_to_the_largest() {
    let most = u128::MAX;
    let spec = read(&format!(
        "[genesis.balances]\n{ALICE} = 0\n{BOB} = \"{most}\""
    ))
    .unwrap();
    let mut balances: Vec<u128> = spec.genesis.balances.into_values().collect();
    balances.sort_unstable();
    assert_eq!(balances, [0, most]);
}

#[test]
fn accounts_and_balances_that_are_none_are_named() {
    let accepted = "a whole number, 0 to 2^128 - 1, or a text with its decimal digits";
    assert_eq!(
        refused(&format!(
            "[genesis.balances]\n{ALICE} = -1\nBob = 5\n{BOB} = \"1e9\""
        )),
        [
            format!("line 6: genesis.balances.{ALICE} = -1: accepted: {accepted}"),
            "line 7: genesis.balances.Bob = 5: accepted: as a key: an SS58 address (sr25519)"
                .to_owned(),
            format!("line 8: genesis.balances.{BOB} = \"1e9\": accepted: {accepted}"),
        ]
    );
}

#[test]
fn one_account_with_two_prefixes_is_refused() {
    let polkadot = "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5";
    let lines = refused(&format!("[genesis.balances]\n{ALICE} = 1\n{polkadot} = 2"));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("line 7: "), "{lines:?}");
    assert!(lines[0].contains("already given at line 6;"), "{lines:?}");
}

#[test]
fn balances_whose_sum_overflows_are_refused() {
    let most = u128::MAX;
    assert_eq!(
        refused(&format!(
            "[genesis.balances]\n{ALICE} = 1\n{BOB} = \"{most}\""
        ))
        .len(),
        1
    );
}

#[test]
fn raw_entries_are_hex() {
    let spec = read("[genesis.raw]\n0x6B = \"0x\"\n0x00ff = \"0xAbCd\"").unwrap();
    let raw: Vec<(Vec<u8>, Vec<u8>)> = spec.genesis.raw.into_iter().collect();
    assert_eq!(
        raw,
        [(vec![0, 0xff], vec![0xab, 0xcd]), (vec![0x6b], vec![])]
    );
}

#[test]
fn raw_entries_that_are_no_hex_or_come_twice_are_refused() {
    let text = "[genesis.raw]\n6b = \"0x00\"\n0x = \"0x00\"\n0x6 = \"0x00\"\n0x01 = \"zz\"\n\
                0x02 = 3\n0xab = \"0x\"\n0xAB = \"0x\"";
    let lines = refused(text);
    assert_eq!(lines.len(), 6, "{lines:#?}");
    let key = "accepted: as a key: 0x and one or more pairs of hex digits";
    assert!(
        lines[0].starts_with("line 6: genesis.raw.6b = ") && lines[0].ends_with(key),
        "{lines:#?}"
    );
    assert!(lines[5].contains("already given at line"), "{lines:#?}");
}

#[test]
fn other_keys_of_genesis_are_refused() {
    assert_eq!(
        refused("[genesis]\nballances = {}"),
        ["line 6: genesis.ballances = a table of 0: no such key; did you mean balances?"]
    );
}
