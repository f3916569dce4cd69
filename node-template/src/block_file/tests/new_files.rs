use crate::block_file::{NewFile, NewFileError};
use std::{fs, io::Write, path::Path};

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn file_has_its_name_only_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.json");
    let mut file = NewFile::create(&path).unwrap();
    file.write_all(b"whole").unwrap();
    let [part] = names(folder.path()).try_into().unwrap();
    let random = part.strip_prefix("chain.json.").unwrap();
    assert!(random.strip_suffix(".part").is_some(), "{part}");
    file.finish().unwrap();
    assert_eq!(names(folder.path()), ["chain.json"]);
    assert_eq!(fs::read(&path).unwrap(), b"whole");
}

#[test]
fn file_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = NewFile::create(&folder.path().join("chain.json")).unwrap();
    file.write_all(b"half").unwrap();
    drop(file);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn nothing_is_overwritten_not_even_what_came_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.json");
    let mut file = NewFile::create(&path).unwrap();
    file.write_all(b"ours").unwrap();
    fs::write(&path, "theirs").unwrap();
    assert!(matches!(
        NewFile::create(&path),
        Err(NewFileError::Exists { .. })
    ));
    assert!(matches!(file.finish(), Err(NewFileError::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"theirs");
    assert_eq!(names(folder.path()), ["chain.json"]);
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    assert!(matches!(
        NewFile::create(&link),
        Err(NewFileError::Exists { .. })
    ));
}

#[test]
fn places_where_no_file_can_be_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = NewFile::create(&folder.path().join("no/folder/chain.json"));
    assert!(
        missing
            .unwrap_err()
            .to_string()
            .contains("no/folder/chain.json")
    );
    assert!(matches!(
        NewFile::create(folder.path()),
        Err(NewFileError::Exists { .. })
    ));
    assert!(NewFile::create(Path::new("")).is_err());
}
