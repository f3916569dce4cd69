use super::World;
use crate::{
    full_disk::SmallDisk,
    harness::{error_line, until},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::Write,
    process::{Child, Command, Stdio},
};

fn begun(mut command: Command) -> Child {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    piped.stderr(Stdio::piped()).spawn().unwrap()
}

/// The threads of a process that wait in a read or a write of a pipe.
fn waits_in_a_pipe(child: &Child) -> bool {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    tasks.flatten().any(|task| {
        let place = fs::read_to_string(task.path().join("wchan"));
        place.is_ok_and(|place| place.contains("pipe"))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_import_says_how_far_it_came_and_the_next_one_goes_on() {
    let world = World::new().await;
    let file = world.exported("--binary");
    let signals = [(Signal::INT, "SIGINT", 130), (Signal::TERM, "SIGTERM", 143)];
    for (signal, name, code) in signals {
        let base = format!("new-{name}");
        let mut import = begun(world.command("import-blocks --binary", &base));
        // All but the end, which never comes.
        let mut input = import.stdin.take().unwrap();
        input.write_all(&file[..file.len() - 1]).unwrap();
        until("an import that waits", || {
            let store = crate::harness::chain_folder(&world.path(&base), "quick");
            store.join("db/full/STORE").exists() && waits_in_a_pipe(&import)
        });
        kill_process(Pid::from_child(&import), signal).unwrap();
        let output = import.wait_with_output().unwrap();
        drop(input);
        let error = error_line(&output);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(
            error.contains(&format!("{name}: the import was stopped")),
            "{error}"
        );
        assert!(error.contains("import the same file once more"), "{error}");
        world.done("import-blocks --binary exported--binary", &base);
        assert_eq!(world.tip(&base), world.tip("old"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn second_signal_ends_a_command_that_waits_for_its_output() {
    let world = World::new().await;
    let fifo = world.path("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    // Nobody reads it.
    let mut export = begun(world.command("export-blocks fifo", "old"));
    let pid = Pid::from_child(&export);
    let mut sent = 0;
    until("its end", || {
        sent += 1;
        let _ = kill_process(pid, Signal::TERM);
        // The very first may come before anybody listens.
        sent > 1 && export.try_wait().unwrap().is_some()
    });
    let code = export.wait().unwrap().code();
    assert!(code == Some(143) || code.is_none(), "{code:?}");
    assert!(fifo.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_that_is_too_small_for_the_file_has_no_file_afterwards() {
    let world = World::new().await;
    let Some(disk) = SmallDisk::new(&world.path("mount"), 4_096) else {
        #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
        {
            eprintln!(
                "skipped: this system lets no user make a mount namespace (unshare --user --mount)"
            );
        }
        return;
    };
    let path = disk.root().join("chain.json");
    let line = format!("export-blocks {}", path.display());
    let error = error_line(&world.run(&line, "old"));
    assert!(
        error.contains("cannot be written (No space left"),
        "{error}"
    );
    assert!(super::names(disk.root()).is_empty());
}
