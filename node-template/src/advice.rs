//! What to do about a file or a folder that the system refuses.

use std::io;

/// Fits the reason: permissions are rarely what is wrong with a file that is not there.
pub(crate) fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "check that it is there",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a file stands where a folder is needed"
        }
        io::ErrorKind::IsADirectory => "a folder stands where a file is needed",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on its disk",
        io::ErrorKind::ReadOnlyFilesystem => "its file system is read-only",
        _ => "check its permissions",
    }
}
