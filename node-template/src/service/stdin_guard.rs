use rustix::process::{Signal, getpid, kill_process};
use std::{io::Read, thread, time::Duration};

/// How long a graceful stop may take once standard input has ended.
const GRACE: Duration = Duration::from_secs(15);

/// `--stop-with-stdin`: once standard input ends, asks this process to stop as SIGTERM does, and ends it if it does not.
/// The input itself is read and thrown away.
pub(super) fn watch() -> std::io::Result<()> {
    thread::Builder::new()
        .name("stdin-guard".to_owned())
        .spawn(|| {
            wait_for_end();
            // We may always signal ourselves.
            let _ = kill_process(getpid(), Signal::TERM);
            thread::sleep(GRACE);
            let _ = kill_process(getpid(), Signal::KILL);
        })
        .map(drop)
}

fn wait_for_end() {
    let mut buffer = [0; 256];
    let mut input = std::io::stdin().lock();
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
