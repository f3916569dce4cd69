//! Reads what Prometheus reads.

use std::collections::BTreeMap;

/// One answer of `GET /metrics`.
#[derive(Debug)]
pub(crate) struct Page(Vec<Sample>);

/// One line of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

impl Page {
    pub(crate) fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a series and its value");
            let (name, labels) = selector(series);
            Sample {
                name,
                labels,
                value: value.parse().expect("a number"),
            }
        });
        Self(samples.collect())
    }

    /// All series with this name and, among others, these labels: `sync_stage_seconds_count{stage="verify"}`.
    pub(crate) fn all(&self, series: &str) -> Vec<&Sample> {
        let (name, labels) = selector(series);
        let fits = |sample: &&Sample| {
            let has = |(key, value)| sample.labels.get(key) == Some(value);
            sample.name == name && labels.iter().all(has)
        };
        self.0.iter().filter(fits).collect()
    }

    /// The value of the only series that fits; `None` if there is none.
    pub(crate) fn get(&self, series: &str) -> Option<f64> {
        match self.all(series).as_slice() {
            [] => None,
            [sample] => Some(sample.value),
            more => panic!("{series} is not one series: {more:?}"),
        }
    }

    /// The same, for a series that must be there.
    pub(crate) fn value(&self, series: &str) -> f64 {
        match self.get(series) {
            Some(value) => value,
            None => panic!("{series} is not served"),
        }
    }

    pub(crate) fn samples(&self) -> &[Sample] {
        &self.0
    }
}

/// Name and labels of `name{label="value"}`. Our label values hold no quotes.
pub(crate) fn selector(text: &str) -> (String, BTreeMap<String, String>) {
    let Some((name, rest)) = text.split_once('{') else {
        return (text.to_owned(), BTreeMap::new());
    };
    let inside = rest.strip_suffix('}').expect("a closing brace");
    let pairs = inside.split("\",").filter(|pair| !pair.is_empty());
    let labels = pairs.map(|pair| {
        let (key, value) = pair.split_once("=\"").expect("a label and its value");
        let value = value.strip_suffix('"').unwrap_or(value);
        (key.trim().to_owned(), value.to_owned())
    });
    (name.to_owned(), labels.collect())
}
