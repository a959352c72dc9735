//! `narumq topics` and `narumq groups` against a running broker: what they do, show and refuse.
#![allow(clippy::unwrap_used, reason = "a test ends where something unexpected is")]

mod support;

use serde_json::{Value, json};
use support::Broker;

#[test]
fn topics_are_created_listed_described_altered_and_deleted() {
    let broker = Broker::start();
    let said = broker.good(&["topics", "create", "orders", "events", "-p", "3", "-s", "retention.ms=60000"]);
    assert_eq!(said, "Topic 'orders' is there, with 3 partitions.\nTopic 'events' is there, with 3 partitions.\n");
    assert_eq!(
        broker.good(&["topics", "list"]),
        "NAME    PARTITIONS  RECORDS  BYTES  DURABILITY  SETTINGS\n\
         events           3        0    0 B  fsync       retention.ms=60000\n\
         orders           3        0    0 B  fsync       retention.ms=60000\n"
    );
    broker.good(&["topics", "alter", "orders", "-s", "cleanup.policy=compact,delete", "-r", "retention.ms"]);
    broker.good(&["topics", "add-partitions", "orders", "--partitions", "5"]);
    let topic = broker.json(&["topics", "describe", "orders"]);
    assert_eq!((&topic["settings"], &topic["partitions"]), (&json!({"cleanup.policy": "compact,delete"}), &json!(5)));
    let text = broker.good(&["topics", "describe", "orders", "--all"]);
    assert!(
        text.contains("\nPARTITION  START  END  RECORDS  BYTES\n        0      0    0        0    0 B\n"),
        "{text}"
    );
    assert!(text.contains("cleanup.policy ") && text.contains("  compact,delete  ") && text.contains("  default  "));
    let done = broker.json(&["topics", "delete", "events"]);
    assert_eq!(done, json!({"topic": "events", "done": "deleted"}));
    assert_eq!(broker.json(&["topics", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_done_is_told_with_why_and_what_next() {
    let broker = Broker::start();
    broker.good(&["topics", "create", "t"]);
    for (words, code, what, next) in [
        (&["topics", "describe", "nope"][..], 69, "cannot show topic 'nope': it does not exist", "narumq topics list"),
        (&["topics", "create", "a b"], 65, "cannot create topic 'a b': Topic name is invalid", "--help"),
        (&["topics", "create", "t", "-p", "2"], 65, "exists with other partitions or settings", "--help"),
        (&["topics", "alter", "t", "-s", "retention.ms=x"], 65, "Not a number of type LONG", "--help"),
        (&["topics", "alter", "t", "-s", "bogus=1"], 65, "Unknown topic config name: bogus", "--help"),
        (&["topics", "add-partitions", "t", "-p", "1"], 65, "has 1 partitions already", "--help"),
        (&["topics", "trim", "t", "--before", "offset:5"], 65, "offset 5 lies behind the end of partition 0", "--help"),
        (&["groups", "describe", "g"], 69, "cannot show group 'g': it does not exist", "narumq groups list"),
        (&["groups", "lag", "g"], 69, "no group with commits and no queue has this name", "narumq groups list"),
        (&["groups", "reset", "g", "--to", "latest"], 69, "no group 'g' in vhost '/'", "narumq groups list"),
        (&["topics", "list", "--password", "wrong"], 77, "the broker refuses user 'guest'", "--password"),
        (&["topics", "list", "--http", "127.0.0.1:1"], 69, "unable to reach the broker", "--http"),
    ] {
        let said = broker.run(words);
        assert_eq!((said.code, said.out.as_str()), (Some(code), ""), "{words:?}: {said:?}");
        let (first, rest) = said.err.split_once('\n').unwrap();
        assert!(first.starts_with("Error: ") && first.contains(what) && rest.contains(next), "{words:?}: {}", said.err);
    }
    for words in
        [&["topics"][..], &["topics", "create"], &["topics", "alter", "t"], &["groups", "reset", "g", "--to", "x"]]
    {
        let said = broker.run(words);
        assert!(said.code == Some(2) && said.out.is_empty() && !said.err.is_empty(), "{words:?}: {said:?}");
    }
}

#[test]
fn groups_and_queues_are_cursors_with_lag_and_age() {
    let broker = Broker::start();
    broker.good(&["topics", "create", "orders", "-p", "2"]);
    let rows = broker.json(&["groups", "reset", "app", "--to", "earliest", "--topic", "orders:0,1"]);
    assert_eq!(rows[1], json!({"topic": "orders", "partition": 1, "before": null, "offset": 0, "lag": 0}));
    let cursors = broker.json(&["groups", "lag", "app"]);
    assert_eq!(cursors.as_array().unwrap().len(), 2);
    assert_eq!((&cursors[0]["kind"], &cursors[0]["lag"]), (&json!("group"), &json!(0)));
    assert_eq!(broker.json(&["groups", "lag", "--behind"]), json!([]));
    let would = broker.good(&["groups", "reset", "app", "--to", "shift:-5", "--dry-run"]);
    assert!(
        would.contains("WOULD BE") && would.ends_with("Nothing was changed: without --dry-run it is.\n"),
        "{would}"
    );
    let group: Value = broker.json(&["groups", "describe", "app"]);
    assert_eq!((&group["state"], group["cursors"].as_array().unwrap().len()), (&json!("empty"), 2));
    assert!(broker.good(&["groups", "list"]).contains("group  app   empty        0    0       -"));
    assert_eq!(broker.good(&["groups", "delete", "app"]), "Group 'app' is deleted.\n");
    assert_eq!(broker.json(&["groups", "list"]), json!([]));
}

#[test]
fn every_command_explains_itself() {
    let broker = Broker::start();
    for words in ["list", "describe", "create", "alter", "delete", "add-partitions", "trim"] {
        let help = broker.good(&["topics", words, "--help"]);
        assert!(help.contains("Usage: narumq topics") && help.contains("--http"), "{help}");
    }
    for words in ["list", "lag", "describe", "delete", "reset"] {
        let help = broker.good(&["groups", words, "--help"]);
        assert!(help.contains("Usage: narumq groups") && help.contains("--output"), "{help}");
    }
    assert!(broker.good(&["groups", "reset", "--help"]).contains("shift:N"));
}
