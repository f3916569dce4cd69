//! Commands that need no running node.

use crate::harness::{error_line, run, stdout};
use chain_spec::{ChainSpec, ChainType, Preset};

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
fn build_spec_gives_the_chain_the_type_that_is_wanted() {
    for (word, wanted) in [
        ("development", ChainType::Development),
        ("local", ChainType::Local),
        ("live", ChainType::Live),
    ] {
        for format in ["toml", "json"] {
            let line = format!("build-spec --chain dev --id mine --type {word} --format {format}");
            let text = stdout(&run(&line));
            let spec = match format {
                "toml" => ChainSpec::from_toml("printed", &text),
                _ => ChainSpec::from_json("printed", &text),
            };
            assert_eq!(spec.unwrap().chain_type, wanted, "{line}");
        }
    }
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
}

#[test]
fn bash_completes_what_follows_a_command() {
    // What a line offers when somebody presses the tab key at its end; offered, and not.
    let table: [(&str, &[&str], &[&str]); 8] = [
        ("node-template ", &["status", "benchmark"], &["worker"]),
        ("node-template --force", &["--force-authoring"], &["--dev"]),
        ("node-template key ", &["generate", "insert"], &["status"]),
        (
            "node-template status --",
            &["--watch", "--json"],
            &["--amount"],
        ),
        (
            "node-template tx transfer --",
            &["--from", "--amount"],
            &["--watch"],
        ),
        ("node-template export-blocks --f", &["--from"], &["--to"]),
        (
            "node-template key generate-node-key --",
            &["--file"],
            &["--words"],
        ),
        ("node-template benchmark ", &["gate", "sync"], &["worker"]),
    ];
    let script = stdout(&run("completions bash"));
    for (line, offered, others) in table {
        let Some(words) = completed(&script, line) else {
            crate::harness::skipped("bash is not installed");
            return;
        };
        for word in offered {
            assert!(
                words.iter().any(|one| one == word),
                "{line}{word}: {words:?}"
            );
        }
        for word in others {
            assert!(
                !words.iter().any(|one| one == word),
                "{line}{word}: {words:?}"
            );
        }
    }
}

#[test]
fn no_shell_offers_what_only_the_program_itself_calls() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&run(&format!("completions {shell}")));
        assert!(!script.contains("worker"), "{shell}");
    }
}

/// What bash offers at the end of `line`; `None` where there is no bash.
fn completed(script: &str, line: &str) -> Option<Vec<String>> {
    // As bash does it: the program, the word at the cursor, the one before it.
    let ask = r#"
        eval "$SCRIPT"
        [[ $(complete -p node-template) =~ -F\ ([^ ]+) ]]
        read -ra COMP_WORDS <<< "$LINE"
        [[ $LINE == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
        "${BASH_REMATCH[1]}" node-template "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let output = std::process::Command::new("bash")
        .args(["--norc", "-c", ask])
        .env("SCRIPT", script)
        .env("LINE", line)
        .output()
        .ok()?;
    assert!(output.stderr.is_empty(), "{output:?}");
    Some(stdout(&output).lines().map(str::to_owned).collect())
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

/// A node that starts and stops, as a terminal shows it; `None` where nothing plays a terminal.
fn on_a_terminal(no_color: Option<&str>) -> Option<Vec<u8>> {
    let line = "--dev --isolated --rpc-port 0 --no-prometheus --stop-with-stdin";
    let line = format!("{} {line}", crate::harness::binary().display());
    let version = std::process::Command::new("script")
        .arg("--version")
        .output();
    version.ok()?;
    let mut terminal = std::process::Command::new("script");
    terminal
        .args(["-qec", &line, "/dev/null"])
        .stdin(std::process::Stdio::null())
        .env_remove("RUST_LOG")
        .env_remove("NO_COLOR");
    if let Some(value) = no_color {
        terminal.env("NO_COLOR", value);
    }
    Some(crate::harness::finish(terminal).stdout)
}

#[test]
fn log_on_a_terminal_has_colors_unless_no_color_is_set() {
    for (no_color, is_colored) in [(None, true), (Some(""), true), (Some("1"), false)] {
        let Some(said) = on_a_terminal(no_color) else {
            crate::harness::skipped("`script` is not installed; it comes with util-linux");
            return;
        };
        let text = String::from_utf8_lossy(&said);
        assert!(text.contains("INFO"), "{text}");
        assert_eq!(said.contains(&0x1b), is_colored, "{no_color:?}: {text}");
    }
}
