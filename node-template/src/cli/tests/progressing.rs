use super::super::shown::{describe, moment};
use crate::rpc::{CountedView, ResyncView};

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
