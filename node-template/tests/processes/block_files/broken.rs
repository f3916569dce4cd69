use super::{FORMATS, World};
use crate::harness::{chain_folder, error_line};
use std::fs;

/// Which file is given, how many of its blocks come before the fault, and what is said.
type Case = (&'static str, &'static str, Vec<u8>, u64, &'static str);

/// The place of the `nth` occurrence of `what`.
fn find(file: &[u8], what: &[u8], nth: usize) -> usize {
    let mut places = file.windows(what.len()).enumerate();
    let mut found = places.by_ref().filter(|(_, part)| *part == what);
    found.nth(nth).unwrap().0
}

fn flipped(file: &[u8], at: usize) -> Vec<u8> {
    let mut file = file.to_vec();
    file[at] ^= 1;
    file
}

fn json_cases(file: &[u8]) -> Vec<Case> {
    let lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    let third = lines[..2].concat().len();
    let root = third + find(lines[2], b"\"stateRoot\":\"0x", 0) + 20;
    let number = third + find(lines[2], b"\"number\":\"0x", 0) + 12;
    // A hex digit stays one with its lowest bit flipped, but for the ones at the ends.
    let digits = file[root..]
        .iter()
        .position(|digit| (b'1'..=b'8').contains(digit));
    let digit = root + digits.unwrap();
    vec![
        (
            "flipped state root",
            "",
            flipped(file, digit),
            2,
            "is refused",
        ),
        (
            "another number",
            "",
            flipped(file, number),
            2,
            "it does not follow its parent",
        ),
        (
            "flipped brace",
            "",
            flipped(file, third),
            2,
            "block #3, which begins at byte",
        ),
        (
            "cut",
            "",
            file[..file.len() - 9].to_vec(),
            5,
            "it is not whole",
        ),
        (
            "trailing",
            "",
            [file, b"and more"].concat(),
            6,
            "no block in JSON",
        ),
        ("no json", "", b"GIF89a".to_vec(), 0, "no block in JSON"),
        (
            "json of something else",
            "",
            b"{\"jsonrpc\":\"2.0\"}".to_vec(),
            0,
            "no block in JSON",
        ),
        ("empty", "", vec![], 0, "there is no block in it"),
        (
            "other format",
            "--binary",
            file.to_vec(),
            0,
            "leave --binary out",
        ),
        (
            "a gap",
            "",
            [&lines[..2].concat(), &lines[3..].concat()[..]].concat(),
            2,
            "is not stored",
        ),
    ]
}

fn binary_cases(file: &[u8]) -> Vec<Case> {
    let mut many = file.to_vec();
    many[6] = 0xff;
    let mut few = file.to_vec();
    few[0] = 5;
    vec![
        // Within the state root of the first block: its seal is of another header.
        (
            "flipped in the first header",
            "--binary",
            flipped(file, 60),
            0,
            "block #1",
        ),
        (
            "cut",
            "--binary",
            file[..file.len() - 9].to_vec(),
            5,
            "it is not whole",
        ),
        ("count too large", "--binary", many, 6, "it is not whole"),
        (
            "count too small",
            "--binary",
            few,
            5,
            "bytes follow its last block",
        ),
        (
            "trailing",
            "--binary",
            [file, &[0]].concat(),
            6,
            "bytes follow its last block",
        ),
        ("empty", "--binary", vec![], 0, "ends at byte 0"),
        (
            "other format",
            "",
            file.to_vec(),
            0,
            "give --binary if it was exported with --binary",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_file_is_named_with_the_place_and_what_was_before_it_stays() {
    let world = World::new().await;
    // Of six blocks, however many the node had time for.
    world.done("export-blocks exported --to 6", "old");
    world.done("export-blocks exported--binary --to 6 --binary", "old");
    let [json, binary] = FORMATS.map(|format| world.exported(format));
    let cases = json_cases(&json).into_iter().chain(binary_cases(&binary));
    for (at, (what, option, file, before, said)) in cases.enumerate() {
        let base = format!("new{at}");
        fs::write(world.path("broken"), file).unwrap();
        let output = world.run(&format!("import-blocks broken {option}"), &base);
        let error = error_line(&output);
        assert_eq!(output.status.code(), Some(1), "{what}: {error}");
        assert!(error.starts_with("error: broken: "), "{what}: {error}");
        assert!(error.contains(said), "{what}: {error}");
        if before == 0 {
            assert!(!world.path(&base).exists(), "{what}: {error}");
        } else {
            assert_eq!(world.tip(&base).number, before, "{what}: {error}");
        }
        let kept = match before {
            0 => "nothing was imported".to_owned(),
            before => format!("{before} blocks before that were imported and stay"),
        };
        assert!(error.contains(&kept), "{what}: {error}");
        // The whole file goes on from there.
        let rest = world.done("import-blocks exported", &base);
        assert!(
            rest.contains(&format!("imported {} blocks", 6 - before)),
            "{rest}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_of_this_chain_makes_and_changes_nothing() {
    let world = World::new().await;
    world.exported("");
    let table = [
        ("import-blocks missing", "missing cannot be read"),
        ("import-blocks old", "old cannot be read"),
    ];
    for (line, said) in table {
        let error = error_line(&world.run(line, "new"));
        assert!(error.contains(said), "{line}: {error}");
        assert!(!world.path("new").exists(), "{line}");
    }
    // Another chain: the same spec, slots that are twice as long.
    let mut other = World::spec();
    "other".clone_into(&mut other.id);
    other.slot_duration = sp_consensus_aura::SlotDuration::from_millis(1_000);
    fs::write(world.path("other.toml"), other.to_toml()).unwrap();
    let line = "import-blocks exported --chain other.toml -d other";
    let mut command = crate::harness::command(line);
    command.current_dir(world.0.path());
    let error = error_line(&crate::harness::finish(command));
    assert!(error.contains("a file of another chain"), "{error}");
    assert!(error.contains("nothing was imported"), "{error}");
    assert!(!world.path("other").exists(), "a chain was made");
    // What was there before stays, as far as it goes.
    let folder = chain_folder(&world.path("other"), "other");
    fs::create_dir_all(folder.join("keystore")).unwrap();
    let mut command = crate::harness::command(line);
    command.current_dir(world.0.path());
    error_line(&crate::harness::finish(command));
    assert_eq!(super::names(&folder), ["keystore"]);

    // A run of Tier 3 that is not over has the store.
    let journal = chain_folder(&world.path("old"), "quick").join("journal");
    fs::write(&journal, "nonsense").unwrap();
    for line in ["import-blocks exported", "export-blocks"] {
        let error = error_line(&world.run(line, "old"));
        assert!(error.contains("journal"), "{line}: {error}");
    }
}
