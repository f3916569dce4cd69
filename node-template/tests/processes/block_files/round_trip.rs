use super::{FORMATS, World, names};
use crate::harness::{PATIENCE, client, error_line, finish, serving, until_status};
use node_template::status_view::StatusView;
use std::{fs, process::Stdio};

#[tokio::test(flavor = "multi_thread")]
async fn exported_chain_is_the_same_chain_where_it_is_imported() {
    let world = World::new().await;
    let old = world.tip("old");
    for (format, base) in FORMATS.into_iter().zip(["json", "binary"]) {
        let file = format!("chain.{base}");
        let said = world.done(&format!("export-blocks {file} {format}"), "old");
        assert!(said.contains(&format!("{} blocks", old.number)), "{said}");
        let said = world.done(&format!("import-blocks {file} {format}"), base);
        assert!(
            said.contains(&format!("imported {} blocks", old.number)),
            "{said}"
        );
        assert_eq!(world.tip(base), old);
        let again = world.done(&format!("import-blocks {file} {format}"), base);
        assert!(again.contains("imported 0 blocks"), "{again}");
        assert!(
            again.contains(&format!("skipped {}", old.number)),
            "{again}"
        );
        assert_eq!(world.tip(base), old);
    }
    assert!(
        !names(world.0.path())
            .iter()
            .any(|name| name.contains(".part")),
        "{:?}",
        names(world.0.path())
    );

    // From one command into the other.
    for format in FORMATS {
        let base = format!("piped{}", format.trim());
        let mut export = world.command(&format!("export-blocks {format}"), "old");
        let mut export = export
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut import = world.command(&format!("import-blocks {format} -"), &base);
        import.stdin(export.stdout.take().unwrap());
        let imported = finish(import);
        assert!(imported.status.success(), "{imported:?}");
        assert!(export.wait().unwrap().success());
        assert_eq!(world.tip(&base), old);
    }

    // A node has it. One with the author's key goes on with the chain, and begins a new record of what it sealed.
    let is_there = format!("--chain {} --isolated", world.spec_file().display());
    for (base, args) in [
        ("json", is_there.clone()),
        ("binary", is_there + " --alice"),
    ] {
        let mut node = serving(&world.path(base), "quick", &args).await;
        let asked = client(&node);
        let hash = asked.block_hash(old.number).await.unwrap();
        assert_eq!(hash, Some(format!("{:?}", old.hash)));
        if base == "binary" {
            let goes_on = |view: &StatusView| view.best.number > old.number;
            until_status(&asked, "a block on it", goes_on).await;
        }
        assert!(node.stop(PATIENCE).await.unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn part_of_a_chain_is_exported_and_only_blocks_go_to_standard_output() {
    let world = World::new().await;
    let best = world.tip("old").number;
    let whole = world.done("export-blocks", "old");
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!(u64::try_from(lines.len()).unwrap(), best);
    for line in &lines {
        let block: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(block["justifications"].is_null() && block["block"]["header"].is_object());
    }
    let lengths = lines.iter().map(|line| line.len());
    let (shortest, longest) = (lengths.clone().min().unwrap(), lengths.max().unwrap());
    assert!(longest > shortest + 200, "no transfers in it");
    let part = world.done("export-blocks --from 2 --to 4", "old");
    assert_eq!(part.lines().collect::<Vec<_>>(), lines[1..4]);
    // Two parts, one behind the other, with the genesis that every chain has.
    let low = world.done("export-blocks --from 0 --to 3", "old");
    assert_eq!(low.lines().count(), 4);
    let high = world.done("export-blocks --from 4", "old");
    fs::write(world.path("low"), low).unwrap();
    fs::write(world.path("high"), high).unwrap();
    let early = error_line(&world.run("import-blocks high", "parts"));
    assert!(
        early.contains("is not stored; the chain here ends at #0"),
        "{early}"
    );
    world.done("import-blocks low", "parts");
    let rest = world.done("import-blocks high", "parts");
    assert!(
        rest.contains(&format!("imported {} blocks", best - 3)),
        "{rest}"
    );
    assert_eq!(world.tip("parts"), world.tip("old"));

    // Results and progress for programs.
    for line in [
        "export-blocks logged --log json",
        "import-blocks low -l json,info",
    ] {
        let output = world.run(line, "old");
        assert!(
            output.status.success() && output.stdout.is_empty(),
            "{output:?}"
        );
        let text = String::from_utf8(output.stderr).unwrap();
        let lines = text.lines().map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("each line is JSON")
        });
        let lines: Vec<_> = lines.collect();
        let last = lines.last().unwrap();
        assert!(
            last["message"].as_str().unwrap().ends_with("ported") && last["seconds"].is_number(),
            "{last}"
        );
    }

    let table = [
        (
            "export-blocks --from 5 --to 4",
            64,
            "--from 5 is above --to 4",
        ),
        ("export-blocks --to 99999", 1, "the chain here ends at #"),
        ("export-blocks --from 99999", 1, "there is no block #99999"),
        ("export-blocks low", 1, "nothing is overwritten"),
        ("export-blocks old", 1, "nothing is overwritten"),
        (
            "export-blocks no/folder/file",
            1,
            "no/folder/file is not written",
        ),
        ("export-blocks /dev/full", 1, "make room"),
    ];
    let before = names(world.0.path()).len();
    for (line, code, said) in table {
        let output = world.run(line, "old");
        let error = error_line(&output);
        assert_eq!(output.status.code(), Some(code), "{line}: {error}");
        assert!(error.contains(said), "{line}: {error}");
    }
    assert_eq!(names(world.0.path()).len(), before);
    let nothing = error_line(&world.run("export-blocks", "never"));
    assert!(nothing.contains("there is nothing of chain"), "{nothing}");
    assert!(!world.path("never").exists());
}
