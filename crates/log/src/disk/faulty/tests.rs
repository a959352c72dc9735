//! What survives a power cut, what a failed sync drops, and how a full device and errors are told.

use super::*;

#[test]
fn synced_bytes_survive_and_unsynced_ones_may_not() {
    let disk = FaultyDisk::new(Plan::default());
    let file = disk.open("a", true).unwrap();
    disk.sync_names().unwrap();
    file.write_at(&[1; 4096], 0).unwrap();
    file.sync().unwrap();
    file.write_at(&[2; 4096], 4096).unwrap();
    disk.cut_power();
    assert!(file.write_at(&[3; 4096], 0).is_err());
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..64 {
        let after = disk.after_power_cut(seed * 977 + 5, Plan::default());
        let bytes = after.bytes("a");
        assert_eq!(&bytes[4096.min(bytes.len())..].iter().filter(|b| **b != 0 && **b != 2).count(), &0);
        outcomes.insert(bytes[4096.min(bytes.len())..].iter().filter(|b| **b == 2).count());
    }
    assert!(outcomes.len() > 3, "kept, dropped and torn all happen: {outcomes:?}");
}

#[test]
fn a_sync_that_failed_once_leaves_its_writes_dropped() {
    let disk = FaultyDisk::new(Plan { sync_error_at: Some(4), ..Plan::default() });
    let file = disk.open("a", true).unwrap();
    disk.sync_names().unwrap();
    file.write_at(&[1; 4096], 0).unwrap();
    assert!(file.sync().is_err());
    file.write_at(&[2; 4096], 4096).unwrap();
    file.sync().unwrap();
    let bytes = disk.after_power_cut(3, Plan::default()).bytes("a");
    assert!(bytes[..4096].iter().all(|b| *b == 0) && bytes[4096..].iter().all(|b| *b == 2));
    assert!(disk.bytes("a")[..4096].iter().all(|b| *b == 1), "yet a reader saw them all the while");
}

#[test]
fn changes_of_names_are_kept_in_order() {
    let disk = FaultyDisk::new(Plan::default());
    disk.open("a", true).unwrap();
    disk.sync_names().unwrap();
    disk.rename("a", "b").unwrap();
    disk.open("c", true).unwrap();
    let found: std::collections::BTreeSet<Vec<String>> =
        (0..64).map(|seed| disk.after_power_cut(seed, Plan::default()).list().unwrap()).collect();
    let expected = [vec!["a"], vec!["b"], vec!["b", "c"]];
    assert!(found.iter().eq(expected.iter()), "{found:?}");
}

#[test]
fn a_full_device_and_errors_are_told() {
    let disk = FaultyDisk::new(Plan { capacity: Some(8192), sync_error_at: Some(3), ..Plan::default() });
    let file = disk.open("a", true).unwrap();
    file.write_at(&[1; 8192], 0).unwrap();
    assert_eq!(file.sync().unwrap_err().raw_os_error(), Some(5));
    assert_eq!(file.write_at(&[1; 1], 8192).unwrap_err().raw_os_error(), Some(28));
}
