//! The document.

use super::{
    cases::LIES,
    refusal::Refusal,
    survey::{
        AUTHORITY_QUORUM, Count, Key, LAGS, Lag, Question, STRATEGIES, Survey, below_a_third,
        numbers_of_liars,
    },
    withheld::{Answer, Reaction, reaction},
};
use std::fmt::{self, Write};
use sync_component::settings::{SyncSettings, Threshold};

/// The size whose lies are shown one by one.
const CLOSE_UP: usize = 10;

/// The whole document.
pub(crate) fn markdown(survey: &Survey) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_all(survey, &mut text);
    text
}

fn write_all(survey: &Survey, out: &mut String) -> fmt::Result {
    introduction(survey, out)?;
    summary(survey, out)?;
    tolerance(out)?;
    for strategy in STRATEGIES {
        rates(survey, strategy, out)?;
    }
    lies(survey, out)?;
    refusals(survey, out)?;
    withheld(survey, out)
}

fn introduction(survey: &Survey, out: &mut String) -> fmt::Result {
    let reach = SyncSettings::default().tier2.most_above_consensus();
    let (rounds, seed) = (survey.plan.rounds, survey.plan.seed);
    write!(
        out,
        "# False verdicts of the Tier 1 strategies

Made by this command, at the top of the repository; do not edit. `tests/verdicts.rs` makes
the text and the figures of n = 4 and 7 again and compares.

```text
cargo run --locked --example verdicts > sync-component/docs/verdicts.md
```

**What is run.** A network of n authorities, ours among them, each with one node; all n − 1 others are our peers. The node that
judges is the component's own `HeightSyncManager` with a strategy from the registry, and so are messages, probes, verified tips,
tallies, outcome rows and settings (the defaults). Where authorities vote, all attestations are signed and checked. One round:
everybody says where it is, in a random order; the node probes what it does not know; it judges. The clock stands still, so
this is about who says what, not about delays. {rounds} rounds for each lie in each cell, seed {seed}; the same rounds for all
three strategies.

**False go**: cleared, although more than half of the other honest authorities hold another chain, or are ahead of us on ours.
**False halt**: refused, although we are at the head of the chain that all honest authorities are on.

**Laggards** are honest and on the honest chain, 1 or 90 blocks below its head: each other honest authority lags with the
chance in the head of the column. In rounds about a false go they are drawn again until going is wrong.

**Liars** act together; who lies follows from the seed. Each cell shows the worst of these:

| rate | what the liars do |
|---|---|
"
    )?;
    for lie in LIES {
        let rate = match lie.question() {
            Question::FalseGo => "false go",
            Question::FalseHalt => "false halt",
        };
        writeln!(out, "| {rate} | {} |", lie.describe())?;
    }
    write!(
        out,
        "
*Sign* means: say so to us and, where authorities vote, attest it. A header that is sealed as it should be while its block is
withheld is another matter, and has a table of its own at the end.

A rate is in percent of the rounds of its worst lie, rounded up, so 0 means never. What follows holds for n peers as well as
for n authorities, with one difference that no table shows: an authority is one of a set that the chain names, a peer id is
free. Under the first two strategies whoever wants a larger share of liars makes one.

Laggards are not faulty. But an authority that is {reach} blocks or more behind (`tier2_max_reorg` − 1) does not vouch for the
last {reach} blocks, and under `authority-quorum` nobody builds on a tip so far above what need(n) hold: forks that come of it
might not heal by themselves. So whoever lags by 90 counts there as one that is down. `tip-quorum` counts it as with us.
Under every strategy a node halts while more than half of the voters are far below it (row 4).

"
    )
}

/// Whose rows are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    BelowThird,
    ThirdOrMore,
}

impl Share {
    fn holds(self, key: &Key) -> bool {
        below_a_third(key.liars, key.size) == (self == Self::BelowThird)
    }
}

impl Survey {
    /// The worst cell among those that `matches`; `None` if there is none.
    fn worst(&self, question: Question, matches: impl Fn(&Key) -> bool) -> Option<u32> {
        let counts = self.counts.iter();
        let matching =
            counts.filter(|(key, _)| LIES[key.lie].question() == question && matches(key));
        matching.map(|(_, count)| percent(*count)).max()
    }

    /// All rounds of `strategy` in which liars are fewer than a third, and those who lag far count as liars.
    pub(crate) fn few_absent(&self, strategy: &str, question: Question) -> Count {
        let mut all = Count::default();
        let counts = self.few_absent.iter();
        for (_, count) in counts
            .filter(|(key, _)| key.strategy == strategy && LIES[key.lie].question() == question)
        {
            all.add(*count);
        }
        all
    }

    /// All rounds of `strategy` with so many liars in which laggards are `blocks` behind.
    pub(crate) fn total(
        &self,
        strategy: &str,
        question: Question,
        matches: impl Fn(&Key) -> bool,
    ) -> Count {
        let mut all = Count::default();
        for (key, count) in &self.counts {
            if key.strategy == strategy && LIES[key.lie].question() == question && matches(key) {
                all.add(*count);
            }
        }
        all
    }
}

fn summary(survey: &Survey, out: &mut String) -> fmt::Result {
    let sizes = survey.plan.sizes.iter().map(ToString::to_string);
    let sizes: Vec<_> = sizes.collect();
    write!(
        out,
        "## The worst of all

Highest rates over n = {}; laggards 0–40 %, liars 0–50 %.

| strategy | liars | false go, laggards by 1 | false halt, laggards by 1 | false go, laggards by 90 | false halt, laggards by 90 |
|---|---|---|---|---|---|
",
        sizes.join(", ")
    )?;
    for strategy in STRATEGIES {
        for (share, name) in [
            (Share::BelowThird, "below a third"),
            (Share::ThirdOrMore, "a third to a half"),
        ] {
            write!(out, "| `{strategy}` | {name} |")?;
            for far in [false, true] {
                for question in [Question::FalseGo, Question::FalseHalt] {
                    let worst = survey.worst(question, |key| {
                        key.strategy == strategy && share.holds(key) && (key.lag.blocks > 1) == far
                    });
                    write!(out, " {} |", shown(worst))?;
                }
            }
            writeln!(out)?;
        }
    }
    let go = survey.few_absent(AUTHORITY_QUORUM, Question::FalseGo);
    let halt = survey.few_absent(AUTHORITY_QUORUM, Question::FalseHalt);
    write!(
        out,
        "
`{AUTHORITY_QUORUM}`, all rounds in which liars, and laggards by 90 with them, are below a third: {} wrong of the {} in which going
is wrong, {} wrong of the {} in which halting is.

",
        go.wrong, go.rounds, halt.wrong, halt.rounds
    )
}

fn tolerance(out: &mut String) -> fmt::Result {
    let threshold = Threshold::default();
    write!(
        out,
        "## What need(n) tolerates

need(n) = ceil({threshold} · n). So many authorities of n may be silent, or lie, and the others go on:

| n | need(n) | may be silent | the most below a third |
|---|---|---|---|
"
    )?;
    for size in (1..=10).chain([25, 100]) {
        let need = threshold.need(size);
        let (silent, third) = (size - need, (size - 1) / 3);
        writeln!(out, "| {size} | {need} | {silent} | {third} |")?;
    }
    let last = (1..=1_000_usize)
        .find(|size| size - threshold.need(*size) < (size - 1) / 3)
        .expect("the threshold is above two thirds, so some network tells the difference")
        - 1;
    writeln!(
        out,
        "
1–3 authorities tolerate none, 4–6 one, 7–9 two. As {threshold} is a little more than two thirds, both last columns agree only up to
n = {last}; above that the threshold costs a vote, on the side of halting.
"
    )
}

fn rates(survey: &Survey, strategy: &str, out: &mut String) -> fmt::Result {
    writeln!(out, "## `{strategy}`: false go / false halt\n")?;
    write!(out, "| n | liars |")?;
    for Lag { percent, blocks } in LAGS {
        if percent == 0 {
            write!(out, " no laggards |")?;
        } else {
            write!(out, " {percent} % by {blocks} |")?;
        }
    }
    writeln!(out, "\n|---|---|{}", "---|".repeat(LAGS.len()))?;
    for size in &survey.plan.sizes {
        for liars in numbers_of_liars(*size) {
            let share = (liars * 200 + size) / (2 * size);
            let third = if below_a_third(liars, *size) {
                ""
            } else {
                " ≥ ⅓"
            };
            write!(out, "| {size} | {liars} ({share} %){third} |")?;
            for lag in LAGS {
                let rate = |question| {
                    shown(survey.worst(question, |key| {
                        key.strategy == strategy
                            && (key.size, key.liars, key.lag) == (*size, liars, lag)
                    }))
                };
                let (go, halt) = (rate(Question::FalseGo), rate(Question::FalseHalt));
                write!(out, " {go} / {halt} |")?;
            }
            writeln!(out)?;
        }
    }
    writeln!(out)
}

fn lies(survey: &Survey, out: &mut String) -> fmt::Result {
    if !survey.plan.sizes.contains(&CLOSE_UP) {
        return Ok(());
    }
    let numbers = [(CLOSE_UP - 1) / 3, CLOSE_UP / 2];
    write!(
        out,
        "## Each lie, n = {CLOSE_UP}

Rates with laggards by 1, the worst column; {} and {} liars. Where two branches of one block compete, a laggard by 1 stands where
both begin and is with both, so liars can make both look voted; longer branches need more than that.

| rate | what the liars do |",
        numbers[0], numbers[1]
    )?;
    for strategy in STRATEGIES {
        write!(out, " `{strategy}` |")?;
    }
    writeln!(out, "\n|---|---|{}", "---|".repeat(STRATEGIES.len()))?;
    for (at, lie) in LIES.iter().enumerate() {
        let rate = match lie.question() {
            Question::FalseGo => "false go",
            Question::FalseHalt => "false halt",
        };
        write!(out, "| {rate} | {} |", lie.describe())?;
        for strategy in STRATEGIES {
            let rates = numbers.map(|liars| {
                shown(survey.worst(lie.question(), |key| {
                    key.strategy == strategy
                        && (key.size, key.liars, key.lie) == (CLOSE_UP, liars, at)
                        && key.lag.blocks <= 1
                }))
            });
            write!(out, " {}, {} |", rates[0], rates[1])?;
        }
        writeln!(out)?;
    }
    writeln!(out)
}

fn refusals(survey: &Survey, out: &mut String) -> fmt::Result {
    write!(
        out,
        "## Why it halts

False halts with fewer than a third liars, all n and all lies together, by the row that refused: without laggards or with laggards by 1, with laggards by 90.

| row |"
    )?;
    for strategy in STRATEGIES {
        write!(out, " `{strategy}` |")?;
    }
    writeln!(out, "\n|---|{}", "---|".repeat(STRATEGIES.len()))?;
    for row in Refusal::ALL {
        write!(out, "| {} |", row.describe())?;
        for strategy in STRATEGIES {
            let [near, far] = [false, true].map(|far| {
                let refusals = survey.refusals.iter().filter(|((key, refusal), _)| {
                    key.strategy == strategy
                        && *refusal == row
                        && Share::BelowThird.holds(key)
                        && (key.lag.blocks > 1) == far
                });
                refusals.map(|(_, count)| count).sum::<u32>()
            });
            write!(out, " {near}, {far} |")?;
        }
        writeln!(out)?;
    }
    writeln!(out)
}

fn withheld(survey: &Survey, out: &mut String) -> fmt::Result {
    write!(
        out,
        "## A block that is sealed and withheld

A liar seals the next block in its slot, shows the header and gives the block to nobody. All others are honest and at the head.
The header is a verified tip above us: while nobody knows better, nobody authors beside it. When the node has asked in vain it
calls the author suspect, and what only a suspect has holds nobody up. `{AUTHORITY_QUORUM}` makes an exception for blocks that so
many others attest that one of these must be honest, and so really holds them: as many as n − need(n), and at least one. A second
liar that attests what it does not have changes nothing below a third, from n = 7 on; of four, two liars are half.

| n | strategy | alone: at first | alone: once suspect | attested by a second: at first | attested by a second: once suspect |
|---|---|---|---|---|---|
"
    )?;
    for size in &survey.plan.sizes {
        for strategy in STRATEGIES {
            write!(out, "| {size} | `{strategy}` |")?;
            for liars in [1, 2] {
                let Reaction {
                    at_first,
                    once_suspect,
                } = reaction(strategy, survey.plan.seed, *size, liars);
                for answer in [at_first, once_suspect] {
                    let answer = match answer {
                        Answer::Go => "go",
                        Answer::Halt => "halt",
                    };
                    write!(out, " {answer} |")?;
                }
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

/// In percent, rounded up: 0 is never.
fn percent(count: Count) -> u32 {
    (count.wrong * 100).div_ceil(count.rounds.max(1))
}

fn shown(rate: Option<u32>) -> String {
    rate.map_or_else(|| "–".to_owned(), |rate| rate.to_string())
}
