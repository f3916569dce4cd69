use super::{read, read_toml};
use crate::settings::{SyncSettings, document::Format};
use toml::{Table, Value};

fn document(settings: &SyncSettings) -> Table {
    [("sync".to_owned(), Value::Table(settings.to_table()))]
        .into_iter()
        .collect()
}

#[test]
fn the_defaults_are_written_out_and_read_back() {
    let written = document(&SyncSettings::default());
    let toml = toml::to_string_pretty(&written).unwrap();
    let json = serde_json::to_string(&written).unwrap();
    assert_eq!(read_toml(&toml).unwrap(), SyncSettings::default());
    assert_eq!(read(Format::Json, &json).unwrap(), SyncSettings::default());
}

#[test]
fn settings_that_differ_from_the_defaults_are_written_out_and_read_back() {
    let settings = read_toml(
        "[sync]\ntier1_timeout_secs = 7\ntier1_consensus_threshold = 0.5001\ntier1_max_gap = 9\n\
         tier1_min_responses = 3\ntier1_fresh_slots = 0.1\ntier1_slot_share = 0.9\ngate_wait = \"letter\"\n\
         tier2_timeout_per_block = 1\ntier2_max_retries = 20\ntier2_max_gap = 101\n\
         tier2_max_reorg = 0\njoin_windows = false\ntier3_trust_hours = 0.1\n\
         tier3_backup_retention_days = 0\nattestation_slots = 1\n\
         [sync.strategies]\ntier1 = \"a\"\ntier2 = \"b\"\ntier3 = \"c\"\n\
         [sync.strategy.b]\nx = 0.1\nlist = [1, [2.0, \"three\"], {four = true}]\n\
         [sync.limits]\ndrift_ms = 0\nblock_bytes = 3\nreply_soft_bytes = 2\nreply_hard_bytes = 4\n\
         status_hashes = 5\npoll_slots = 6\nstalled_slots = 7\nban_secs = 0\n\
         short_disconnect_secs = 8\nbackoff_first_ms = 9\nbackoff_max_ms = 10\nbackoff_jitter = 0.99\n\
         window_blocks = 11\nwindow_bytes = 12\nhashes_per_request = 13\nheaders_per_request = 14\n\
         blocks_per_request = 15\nrequests_per_peer = 16\nannouncements_per_slot = 17\n\
         tracked_tips = 18\nmax_peers = 4294967295\nrefused_peers = 19\n\
         max_authorities = 20\nserving_bytes = 21\nremembered_peers = 22\nfound_peers = 23\n\
         addresses_per_peer = 24\nrequests_in_flight = 25\nheaders_ahead = 26\n\
         state_proofs_at_once = 27\nstate_nodes_per_request = 28\ndisk_reserve_bytes = 29",
    )
    .unwrap();
    let written = document(&settings);
    let toml = toml::to_string_pretty(&written).unwrap();
    let json = serde_json::to_string(&written).unwrap();
    assert_eq!(read_toml(&toml).unwrap(), settings, "{toml}");
    assert_eq!(read(Format::Json, &json).unwrap(), settings, "{json}");
}
