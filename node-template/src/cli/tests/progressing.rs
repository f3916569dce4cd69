use super::super::shown::{describe, ended, moment};
use crate::rpc::{CountedView, LastRunView, ResyncView};

fn view(counted: CountedView, total: Option<u64>) -> ResyncView {
    ResyncView {
        run: Some("resync".to_owned()),
        stage: Some("downloading".to_owned()),
        active: true,
        doing: Some("working".to_owned()),
        counted,
        done: 500,
        total,
        rate: 10.0,
        eta_seconds: None,
        sources: 2,
        last: None,
    }
}

#[test]
fn run_says_what_it_counts_and_of_how_many_only_where_that_is_known() {
    for (counted, total, line) in [
        (CountedView::Blocks, Some(2_000), "500 of 2000 blocks"),
        (CountedView::Headers, Some(2_000), "500 of 2000 headers"),
        (CountedView::Entries, None, "500 entries"),
    ] {
        let view = view(counted, total);
        assert_eq!(moment(&view).line(), format!("working ({line})"));
        assert_eq!(
            describe(&view),
            format!("resync in stage downloading, {line}: working\n")
        );
    }
}

#[test]
fn interrupted_run_says_what_to_do_once_and_only_while_it_is_under_way() {
    let end = |run: Option<&str>, why: &str| {
        let view = ResyncView {
            run: run.map(str::to_owned),
            active: false,
            last: Some(LastRunView::Interrupted(why.to_owned())),
            ..view(CountedView::Blocks, None)
        };
        ended(&view).unwrap_err().to_string()
    };
    let told = "`resync --resume` goes on, `resync --abort` gives it up";
    let bare = end(Some("resync"), "the disk is broken");
    assert!(
        bare.contains(&format!("the disk is broken; {told}")),
        "{bare}"
    );
    let once = end(Some("resync"), &format!("the source is gone; {told}"));
    assert_eq!(once.matches("--abort").count(), 1, "{once}");
    let over = end(None, "the backup does not open");
    assert!(!over.contains("--resume"), "{over}");
}
