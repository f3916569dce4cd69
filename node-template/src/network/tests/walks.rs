use super::super::walks::Walks;
use std::time::Duration;
use tokio::time::Instant;

#[test]
fn walks_begin_soon_and_become_rare() {
    let start = Instant::now();
    let mut walks = Walks::new(start);
    let mut pauses = Vec::new();
    let mut last = start;
    for _ in 0..10 {
        let now = walks.next_due();
        pauses.push((now - last).as_secs());
        walks.taken(now);
        last = now;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    // A walk that comes late does not make up for those that were left out.
    let late = last + Duration::from_hours(1);
    walks.taken(late);
    assert_eq!(walks.next_due(), late + Duration::from_mins(1));
}
