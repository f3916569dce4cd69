//! Commands that need no running node.

use crate::harness::{error_line, run, stdout};
use chain_spec::{ChainSpec, Preset};

#[test]
fn build_spec_prints_a_preset_that_reads_back_in_both_formats() {
    for preset in Preset::ALL {
        let toml = run(&format!("build-spec --chain {}", preset.name()));
        let json = run(&format!(
            "build-spec --chain {} --format json",
            preset.name()
        ));
        let from_toml = ChainSpec::from_toml("printed", &stdout(&toml)).unwrap();
        let from_json = ChainSpec::from_json("printed", &stdout(&json)).unwrap();
        assert_eq!(from_toml, preset.spec());
        assert_eq!(from_json, preset.spec());
    }
}

#[test]
fn build_spec_reads_a_file_and_prints_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.json");
    let mut spec = Preset::Local.spec();
    spec.id = "mine".into();
    std::fs::write(&path, spec.to_json()).unwrap();
    let output = run(&format!("build-spec --chain {}", path.display()));
    let printed = ChainSpec::from_toml("printed", &stdout(&output)).unwrap();
    assert_eq!(printed, spec);
}

#[test]
fn strategies_lists_each_tier_and_marks_the_selected_ones() {
    let text = stdout(&run("strategies"));
    assert!(text.contains("* authority-quorum"), "{text}");
    assert!(text.contains("* pipelined"), "{text}");
    for tier in ["Tier 1", "Tier 2", "Tier 3"] {
        assert!(text.contains(tier), "{text}");
    }
}

#[test]
fn strategies_fails_after_the_list_if_a_selected_one_is_not_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec.toml");
    let text = Preset::Local
        .text()
        .replace("\"pipelined\"", "\"teleport\"");
    std::fs::write(&path, text).unwrap();
    let output = run(&format!("strategies --chain {}", path.display()));
    let error = error_line(&output);
    assert!(error.contains("teleport"), "{error}");
    assert!(error.contains("sequential"), "{error}");
    assert!(stdout(&output).contains("height-majority"));
}

#[test]
fn chain_info_of_an_absent_chain_shows_its_identity_and_creates_nothing() {
    let base = tempfile::tempdir().unwrap();
    let output = run(&format!("chain-info --dev -d {}", base.path().display()));
    assert!(output.status.success(), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("Development"), "{text}");
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
}

#[test]
fn purge_chain_without_yes_and_without_input_removes_nothing() {
    let base = tempfile::tempdir().unwrap();
    let store = base.path().join("chains/dev/db/full");
    std::fs::create_dir_all(&store).unwrap();
    let line = format!("purge-chain --dev -d {}", base.path().display());
    let error = error_line(&run(&line));
    assert!(error.contains("nothing was changed"), "{error}");
    assert!(store.exists());
    assert!(run(&format!("{line} -y")).status.success());
    assert!(!store.exists());
}

#[test]
fn completions_know_the_commands_and_options_in_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&run(&format!("completions {shell}")));
        for word in [
            "purge-chain",
            "generate-node-key",
            "force-authoring",
            "dry-run",
        ] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let mut bash = std::process::Command::new("bash");
    let script = stdout(&run("completions bash"));
    bash.args(["-n", "-c", &script]);
    // Not every machine has it.
    if let Ok(checked) = bash.output() {
        assert!(checked.status.success(), "{checked:?}");
    }
}

#[test]
fn nothing_is_colored_where_nobody_looks() {
    let base = tempfile::tempdir().unwrap();
    let at = base.path().display();
    let lines = [
        "strategies".to_owned(),
        "--help".to_owned(),
        "nonsense".to_owned(),
        format!("chain-info --dev -d {at}"),
        format!("--chain nowhere.toml -d {at}"),
    ];
    for line in lines {
        for no_color in [None, Some("1")] {
            let mut command = crate::harness::command(&line);
            if let Some(value) = no_color {
                command.env("NO_COLOR", value);
            }
            let output = crate::harness::finish(command);
            let said = [output.stdout, output.stderr].concat();
            assert!(!said.is_empty(), "{line}");
            assert!(
                !said.contains(&0x1b),
                "{line}: {}",
                String::from_utf8_lossy(&said)
            );
        }
    }
}
