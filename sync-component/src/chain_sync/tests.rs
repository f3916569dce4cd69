#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{stray::Apart, *};
use crate::{
    BlockId,
    height_sync::Electorate,
    ports::{PeerId, UnixMillis},
    settings::Threshold,
    test_kit::SmallBlock,
};
use sp_core::H256;

const HOUR: u64 = 3_600_000;

fn resync() -> Run {
    Run::Resync(ResyncRun {
        strategy: "full-chain".to_owned(),
        peers: vec!["12D3KooW".to_owned()],
        checkpoint: Some("12:0xab".to_owned()),
    })
}

fn restore() -> Run {
    Run::Restore(RestoreRun {
        from: BackupName("20260101T000000000Z-5-ab".to_owned()),
    })
}

fn id(text: &str) -> StoreId {
    StoreId(text.to_owned())
}

fn swap() -> Swap {
    Swap {
        live: Some(id("old")),
        staged: id("new"),
        backup: BackupName("b".to_owned()),
    }
}

/// The journals of a whole run.
fn stages(run: Run, stages: Vec<Stage>) -> Vec<Journal> {
    let mut journals = vec![Journal::begin(run, UnixMillis(1_000))];
    for stage in stages {
        let next = journals.last().unwrap().next(stage, UnixMillis(1_000));
        journals.push(next.unwrap());
    }
    journals
}

fn whole_resync() -> Vec<Journal> {
    let rest = vec![
        Stage::Downloading,
        Stage::Validated,
        Stage::Swapping(swap()),
        Stage::Committed(swap()),
    ];
    stages(resync(), rest)
}

#[test]
fn every_stage_is_read_back_from_its_text() {
    let of_restore = stages(
        restore(),
        vec![Stage::Swapping(swap()), Stage::Committed(swap())],
    );
    for journal in whole_resync().into_iter().chain(of_restore) {
        assert_eq!(Journal::parse(&journal.to_text()).unwrap(), journal);
    }
}

#[test]
fn text_of_another_format_or_of_none_is_refused() {
    let text = whole_resync()[0].to_text();
    let newer = text.replace("format = 1", "format = 2");
    assert!(matches!(
        Journal::parse(&newer),
        Err(JournalError::OtherFormat { found: 2 })
    ));
    for cut in 0..text.len() - 1 {
        let _ = Journal::parse(&text[..cut]);
    }
    assert!(matches!(
        Journal::parse("format = 1"),
        Err(JournalError::Malformed(_))
    ));
}

#[test]
fn stages_follow_each_other_and_nothing_else() {
    let all = whole_resync();
    let allowed = [(0, 1), (1, 2), (2, 1), (2, 3), (3, 2), (3, 4)];
    for (from, journal) in all.iter().enumerate() {
        for (to, other) in all.iter().enumerate() {
            let next = journal.next(other.stage.clone(), UnixMillis(2_000));
            assert_eq!(
                next.is_ok(),
                allowed.contains(&(from, to)),
                "{from} to {to}"
            );
        }
    }
    let restore = Journal::begin(restore(), UnixMillis(0));
    assert!(restore.next(Stage::Downloading, UnixMillis(0)).is_err());
}

#[test]
fn start_decides_by_the_ids_in_the_stores() {
    let [preparing, downloading, validated, swapping, committed] =
        <[Journal; 5]>::try_from(whole_resync()).unwrap();
    let (soon, late) = (UnixMillis(2_000), UnixMillis(2_000 + HOUR));
    let store = |text| Held::Store(id(text));
    let decide = |journal: &Journal, live: &Held, waiting: &Held, backup: &Held, now| {
        let found = Found {
            live: live.clone(),
            waiting: waiting.clone(),
            backup: backup.clone(),
        };
        recovery(journal, &found, now)
    };
    let (old, new, other) = (store("old"), store("new"), store("other"));
    let (unread, nothing) = (Held::Unread, Held::Nothing);
    assert_eq!(
        decide(
            &Journal::begin(restore(), UnixMillis(0)),
            &old,
            &nothing,
            &nothing,
            soon
        ),
        Recovery::Forget
    );
    for journal in [&preparing, &downloading, &validated] {
        assert_eq!(decide(journal, &old, &new, &nothing, late), Recovery::GoOn);
    }
    let exchange = Recovery::Exchange(swap());
    let finish = Recovery::Finish(swap());
    for live in [&old, &unread, &other] {
        assert_eq!(decide(&swapping, live, &new, &nothing, soon), exchange);
        assert_eq!(
            decide(&swapping, live, &new, &nothing, late),
            Recovery::AwaitOperator
        );
    }
    for lost in [&nothing, &unread, &other] {
        assert_eq!(
            decide(&swapping, &old, lost, &nothing, soon),
            Recovery::StagedLost
        );
    }
    // Between two renames there is no old chain to start on, however late it is.
    assert_eq!(decide(&swapping, &nothing, &new, &old, late), exchange);
    for journal in [&swapping, &committed] {
        assert_eq!(decide(journal, &new, &old, &nothing, late), finish);
        assert_eq!(decide(journal, &new, &nothing, &old, late), finish);
    }
    // The new store's marker was damaged behind the exchange.
    let back = Recovery::PutBack(swap());
    assert_eq!(decide(&swapping, &unread, &old, &nothing, soon), back);
    assert_eq!(decide(&swapping, &unread, &nothing, &old, late), back);
    assert_eq!(decide(&swapping, &nothing, &nothing, &old, soon), back);
    // Nothing says which is which.
    for (live, waiting) in [(&unread, &nothing), (&nothing, &nothing), (&other, &other)] {
        assert_eq!(
            decide(&swapping, live, waiting, &nothing, soon),
            Recovery::Unclear
        );
    }
    assert_eq!(
        decide(&committed, &nothing, &old, &nothing, soon),
        Recovery::Unclear
    );
    let unmarked = Swap {
        live: None,
        ..swap()
    };
    let unmarked = validated
        .next(Stage::Swapping(unmarked), UnixMillis(1_000))
        .unwrap();
    assert_eq!(
        decide(&unmarked, &unread, &unread, &nothing, soon),
        Recovery::Unclear
    );
    assert_eq!(
        decide(&unmarked, &unread, &nothing, &nothing, soon),
        Recovery::StagedLost
    );
}

#[test]
fn swap_that_is_put_off_goes_back_to_the_stage_before_it() {
    let [.., swapping, committed] = <[Journal; 5]>::try_from(whole_resync()).unwrap();
    let now = UnixMillis(2_000);
    assert_eq!(swapping.before_swap(now).unwrap().stage, Stage::Validated);
    committed.before_swap(now).unwrap_err();
    let of_restore = stages(restore(), vec![Stage::Swapping(swap())]);
    assert_eq!(
        of_restore[1].before_swap(now).unwrap().stage,
        Stage::Preparing
    );
}

fn hash(byte: u8) -> H256 {
    H256::repeat_byte(byte)
}

/// A staged chain with these blocks at 12, 11 and 10.
fn staged() -> StagedChain<SmallBlock> {
    let block = |number, byte| BlockId::new(number, hash(byte));
    StagedChain {
        top: vec![block(12, 12), block(11, 11), block(10, 10)],
        reach: 2,
    }
}

/// A voter that ends at the highest of these heights that it holds.
fn ballot(at_12: Option<u8>, at_11: Option<u8>, at_10: Option<u8>) -> Ballot<SmallBlock> {
    let held = [at_12, at_11, at_10];
    let best = held
        .iter()
        .zip([12, 11, 10])
        .find(|(held, _)| held.is_some());
    Ballot {
        best: best.map_or(0, |(_, height)| height),
        hashes: held.map(|byte| byte.map(hash)).to_vec(),
        told: Vec::new(),
        place: Place::Staged,
    }
}

fn vote(ballots: &[Ballot<SmallBlock>]) -> Result<BlockId<SmallBlock>, NotVoted<SmallBlock>> {
    let threshold: Threshold = "0.67".parse().unwrap();
    let votes = Votes {
        electorate: Electorate::Peers,
        heard: ballots.to_vec(),
        silent: 0,
    };
    voted_block(&staged(), &votes, threshold)
}

#[test]
fn voted_is_the_highest_staged_block_that_enough_voters_hold() {
    let same = ballot(Some(12), Some(11), Some(10));
    let below = ballot(None, Some(11), Some(10));
    assert_eq!(vote(std::slice::from_ref(&same)).unwrap(), staged().top[0]);
    assert_eq!(
        vote(&[same.clone(), below.clone(), below]).unwrap(),
        staged().top[1]
    );
    assert_eq!(vote(&[]), Err(NotVoted::NoVoters));
    // Split above 10, so 10 is what all share: at most the reach below the tip.
    let elsewhere = ballot(Some(99), Some(98), Some(10));
    assert_eq!(
        vote(&[same.clone(), elsewhere.clone(), elsewhere]).unwrap(),
        staged().top[2]
    );
    let nothing = ballot(None, None, None);
    assert!(matches!(
        vote(&[same, nothing.clone(), nothing]),
        Err(NotVoted::NoConsensus {
            most: 1,
            voters: 3,
            need: 3,
            ..
        })
    ));
}

#[test]
fn staged_chain_on_a_fork_is_refused_and_on_a_short_one_tried_again() {
    let short = ballot(Some(99), Some(98), Some(10));
    assert!(matches!(
        vote(&[short.clone(), short.clone(), short]),
        Err(NotVoted::ShortFork { on_other: 3, voters: 3, staged, .. }) if staged.number == 12
    ));
    let deep = ballot(Some(99), Some(98), Some(97));
    assert!(matches!(
        vote(&[deep.clone(), deep.clone(), deep]),
        Err(NotVoted::OtherChain { on_other: 3, voters: 3, staged, .. }) if staged.number == 12
    ));
}

#[test]
fn staged_chain_that_ends_far_below_the_voters_is_refused() {
    let at = |best| Ballot {
        best,
        ..ballot(Some(12), Some(11), Some(10))
    };
    // The network goes on while it is asked.
    assert!(vote(&[at(14), at(14), at(14)]).is_ok());
    assert!(matches!(
        vote(&[at(15), at(15), at(15)]),
        Err(NotVoted::Behind {
            theirs: 15,
            voters: 3,
            ahead: 3,
            ..
        })
    ));
    // The lagging source holds what it has, and so do all others.
    assert!(matches!(
        vote(&[at(1_000), at(900), at(12)]),
        Err(NotVoted::Behind {
            theirs: 900,
            voters: 3,
            ahead: 2,
            ..
        })
    ));
    // One that claims much is no veto where enough others are near.
    assert!(vote(&[at(1_000), at(12), at(12), at(13)]).is_ok());
}

/// A clock that is set by hand.
#[derive(Debug, Default)]
struct Watch(std::sync::atomic::AtomicU64);

#[async_trait::async_trait]
impl crate::ports::Clock for Watch {
    fn wall(&self) -> UnixMillis {
        UnixMillis(0)
    }

    fn now(&self) -> crate::ports::MonoTime {
        let seconds = self.0.load(std::sync::atomic::Ordering::Relaxed);
        crate::ports::MonoTime(std::time::Duration::from_secs(seconds))
    }

    async fn sleep(&self, _: std::time::Duration) {}
}

#[test]
fn only_blocks_of_a_download_have_an_estimate_and_each_part_has_its_own_rate() {
    let (clock, watch) = (Watch::default(), ResyncWatch::default());
    watch.stage(ResyncStage::Downloading);
    let shown = |counted, done, total| {
        clock.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        watch.counted(counted, done, total, &clock);
        let progress = watch.progress();
        assert_eq!((progress.counted, progress.done), (counted, done));
        (
            progress.total,
            progress.rate,
            progress.eta.map(|eta| eta.as_secs()),
        )
    };
    shown(Counted::Headers, 1_000, Some(9_000));
    let headers = shown(Counted::Headers, 2_000, Some(9_000));
    assert_eq!(headers, (Some(9_000), 1_000.0, None));
    // What headers a second were says nothing of entries.
    assert_eq!(shown(Counted::Entries, 5_000, None), (None, 0.0, None));
    assert_eq!(shown(Counted::Entries, 5_300, None), (None, 300.0, None));
    // A newer state begins from nothing.
    assert_eq!(shown(Counted::Entries, 0, None), (None, 0.0, None));
    shown(Counted::Blocks, 9_000, Some(9_030));
    let blocks = shown(Counted::Blocks, 9_010, Some(9_030));
    assert_eq!(blocks, (Some(9_030), 10.0, Some(2)));
}

/// The votes of four authorities, of which these are heard.
fn attested(heard: &[Ballot<SmallBlock>]) -> Result<BlockId<SmallBlock>, NotVoted<SmallBlock>> {
    let votes = Votes {
        electorate: Electorate::Authorities,
        heard: heard.to_vec(),
        silent: 4 - heard.len(),
    };
    voted_block(&staged(), &votes, "0.67".parse().unwrap())
}

/// What an authority tells of blocks from `height` down, of the staged chain or of a branch.
fn told(height: u32, down: u32, branch: u8) -> Ballot<SmallBlock> {
    let hash_at = |number: u32| hash(u8::try_from(number).unwrap() + branch);
    let blocks = (height - down..=height).rev();
    let blocks = blocks.map(|number| BlockId::new(number, hash_at(number)));
    let canonical = |number: u32| {
        let own = (number <= 12).then(|| hash(u8::try_from(number).unwrap()));
        Ok::<_, std::convert::Infallible>(own)
    };
    Ballot::of_told(blocks.collect(), &staged(), canonical).unwrap()
}

#[test]
fn silent_authorities_are_voters() {
    let with = told(12, 4, 0);
    let three = vec![with.clone(); 3];
    assert_eq!(attested(&three).unwrap(), staged().top[0]);
    assert!(matches!(
        attested(&[with.clone(), with]),
        Err(NotVoted::TooFewAttest {
            heard: 2,
            agreeing: 2,
            authorities: 4,
            need: 3
        })
    ));
    assert!(matches!(
        attested(&[]),
        Err(NotVoted::TooFewAttest { heard: 0, .. })
    ));
}

#[test]
fn authorities_above_the_staged_tip_count_by_what_they_signed_below() {
    let above = told(14, 4, 0);
    assert_eq!(
        attested(&[above.clone(), above.clone(), above]).unwrap(),
        staged().top[0]
    );
    // Nothing that they signed reaches down to it.
    let far = told(40, 4, 0);
    assert!(matches!(
        attested(&[far.clone(), far.clone(), far]),
        Err(NotVoted::Behind {
            theirs: 40,
            ahead: 3,
            ..
        })
    ));
}

#[test]
fn authorities_on_another_chain_are_that_however_short_it_is() {
    for height in [8, 12] {
        let other = told(height, 4, 100);
        let refused = attested(&[other.clone(), other.clone(), other]);
        assert!(
            matches!(
                refused,
                Err(NotVoted::OtherChain {
                    on_other: 3,
                    voters: 4,
                    ..
                })
            ),
            "{height}: {refused:?}"
        );
    }
    // Split, no chain can be the voted one.
    let split = [told(12, 4, 0), told(12, 4, 0), told(12, 4, 100)];
    assert!(matches!(
        attested(&split),
        Err(NotVoted::TooFewAttest {
            heard: 3,
            agreeing: 2,
            ..
        })
    ));
}

#[test]
fn voters_that_share_a_block_and_not_the_staged_tip_are_elsewhere() {
    let elsewhere = |ballot: &Ballot<SmallBlock>, heard: usize| {
        let votes = Votes {
            electorate: Electorate::Authorities,
            heard: vec![ballot.clone(); heard],
            silent: 4 - heard,
        };
        votes.elsewhere(&staged(), "0.67".parse().unwrap())
    };
    // Far above the staged tip nobody knows whether they come from there.
    let far = told(40, 4, 0);
    assert_eq!(elsewhere(&far, 3), Some(BlockId::new(40, hash(40))));
    assert_eq!(elsewhere(&far, 2), None);
    let other = told(12, 4, 100);
    assert_eq!(elsewhere(&other, 3), Some(BlockId::new(12, hash(112))));
    // They hold the staged tip.
    assert_eq!(elsewhere(&told(14, 4, 0), 4), None);
}

#[test]
fn what_sources_tell_of_two_blocks_says_who_is_on_another_chain() {
    let block = |number, branch| BlockId::<SmallBlock>::new(number, H256::repeat_byte(branch));
    let peer = |name: &str| PeerId::from_bytes(name.as_bytes());
    let (yes, no) = (Some(true), Some(false));
    let strays = |names: &[&str]| Apart::Strays(names.iter().map(|name| peer(name)).collect());
    let forsaken = |wanted| Apart::Forsaken {
        holder: peer("a"),
        wanted,
    };
    let (staged, rival, above) = (block(10, 1), block(10, 2), block(20, 2));
    let cases = [
        // Refused: whoever is on it strays, whether or not another one is there by now.
        (rival, true, vec![[yes, no]], strays(&["a"])),
        (rival, true, vec![[no, yes], [yes, no]], strays(&["b"])),
        (rival, true, vec![[no, yes], [None, None]], forsaken(rival)),
        (rival, true, vec![[no, no], [None, None]], Apart::Unknown),
        // Of one height nobody has both: who says so spares no stray.
        (rival, true, vec![[no, yes], [yes, yes]], strays(&["b"])),
        // A checkpoint that nobody holds may be wrong.
        (rival, false, vec![[yes, no], [None, None]], Apart::Unknown),
        (rival, false, vec![[no, yes], [yes, no]], strays(&["b"])),
        // What ends below is another chain only where somebody has the one block and not the other.
        (above, false, vec![[yes, None]], Apart::Unknown),
        (above, false, vec![[yes, yes], [yes, None]], Apart::Unknown),
        (above, false, vec![[no, yes], [yes, None]], strays(&["b"])),
        (above, false, vec![[no, yes]], forsaken(above)),
        // A source that begins above the staged block tells nothing of it.
        (above, false, vec![[None, yes], [yes, None]], Apart::Unknown),
    ];
    for (wanted, is_refused, held, expected) in cases {
        let told: Vec<_> = ["a", "b"].map(peer).into_iter().zip(held).collect();
        let apart = Apart::of_told(&told, [staged, wanted], is_refused);
        assert_eq!(apart, expected, "{told:?}");
    }
}
