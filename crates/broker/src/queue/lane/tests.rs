//! Order and memory of a lane, whatever is let go and comes back.

use super::*;
use narumq_model::{FormatId, MessageBuilder, MessageParts};

fn ready(seq: u64) -> Ready {
    let parts = MessageParts { payload: &[7; 100], ..Default::default() };
    Ready { seq: Seq(seq), lsn: Lsn(seq), message: MessageBuilder::default().build(&parts, FormatId(1)) }
}

/// Takes everything out, cold messages as if they had been read.
fn drain(lane: &mut Lane) -> Vec<u64> {
    let mut seqs = Vec::new();
    while lane.len() > 0 {
        if let Some(ready) = lane.pop() {
            seqs.push(ready.seq.0);
        } else if let Some(NextCold::Log(cold)) = lane.next_cold(0) {
            let range = cold[0];
            lane.warm((range.first.0..=range.last.0).map(ready).collect(), &[range], range.last, &mut |_| {});
        }
    }
    seqs
}

#[test]
fn order_holds_through_cold_and_back() {
    let mut lane = Lane::default();
    (1..=100).for_each(|n| lane.push(ready(n)));
    let freed = lane.chill(1000, Lsn(90), usize::MAX, &mut |_| {});
    assert!(freed > 80 * 100);
    (101..=110).for_each(|n| lane.push(ready(n)));
    assert_eq!(lane.len(), 110);
    let first = lane.pop().expect("the window at the head");
    lane.put_back(first);
    while lane.pop().is_some() {}
    assert!(matches!(lane.front(), Front::Cold));
    let Some(NextCold::Log(cold)) = lane.next_cold(0) else { panic!("cold") };
    let cold = cold[0];
    assert_eq!(cold.last, Seq(90));
    let read = (cold.first.0..=50).filter(|n| *n != 20).map(ready).collect();
    assert_eq!(lane.warm(read, &[cold], Seq(50), &mut |_| {}), [Seq(20)]);
    lane.put_back(ready(3));
    let expected: Vec<u64> = std::iter::once(3).chain((cold.first.0..=110).filter(|n| *n != 20)).collect();
    assert_eq!(drain(&mut lane), expected);
    assert_eq!((lane.len(), lane.memory()), (0, 0));
}

#[test]
fn transient_messages_stay_in_memory_and_in_order() {
    let mut lane = Lane::default();
    for n in 1..=40 {
        let mut message = ready(n);
        if n % 10 == 0 {
            message.lsn = Lsn(0);
        }
        lane.push(message);
    }
    lane.chill(0, Lsn(100), usize::MAX, &mut |_| {});
    lane.chill(0, Lsn(100), usize::MAX, &mut |_| {});
    assert_eq!(drain(&mut lane), (1..=40).collect::<Vec<_>>());
}

#[test]
fn spilling_touches_nothing_but_transient_messages_behind_the_front() {
    let mut lane = Lane::default();
    for n in 1..=70 {
        let mut message = ready(n);
        if (21..=30).contains(&n) || (51..=55).contains(&n) {
            message.lsn = Lsn(0);
        }
        lane.push(message);
    }
    lane.chill(1000, Lsn(100), usize::MAX, &mut |_| {});
    assert!(!lane.spill(usize::MAX, &mut |_| None), "a disk that refuses");
    let mut spilled = Vec::new();
    let file = narumq_log::disk::Disk::scratch(&narumq_log::disk::memory::MemoryDisk::default()).expect("a file");
    assert!(lane.spill(usize::MAX, &mut |run| {
        spilled.extend(run.iter().map(|r| r.seq.0));
        let (count, last) = (run.len() as u64, run[run.len() - 1].seq);
        Some(Block { file: file.clone(), offset: spilled.len() as u64, len: 1, count, last, payload: 100 * count })
    }));
    assert!(spilled.into_iter().eq((21..=30).chain(51..=55)));
    assert_eq!(lane.len(), 70);
    assert!(lane.memory() < 1100);
}

#[test]
fn what_comes_back_finds_its_place_in_every_kind_of_stretch() {
    let mut lane = Lane::default();
    let late = [13, 25, 40, 47, 60, 71];
    (1..=60).filter(|n| !late.contains(n)).for_each(|n| lane.push(ready(n)));
    lane.chill(1000, Lsn(45), usize::MAX, &mut |_| {});
    late.into_iter().rev().for_each(|n| lane.put_back(ready(n)));
    let mut expected: Vec<u64> = (1..=60).collect();
    expected.push(71);
    assert_eq!(drain(&mut lane), expected);
    assert_eq!((lane.len(), lane.memory()), (0, 0));
}

#[test]
fn what_comes_back_cold_while_a_read_is_under_way_stays_cold() {
    let mut lane = Lane::default();
    let out = [1, 2, 15, 40, 41, 60];
    (1..=60).filter(|n| !out.contains(n)).for_each(|n| lane.push(ready(n)));
    lane.chill(0, Lsn(100), usize::MAX, &mut |_| {});
    let Some(NextCold::Log(cold)) = lane.next_cold(0) else { panic!("cold") };
    let wanted: Vec<SeqRange> = cold.iter().copied().collect();
    // Asked for 3..=14, 16..=39 and so on; then all comes back that was out.
    out.into_iter().rev().for_each(|n| lane.put_back_cold(Seq(n)));
    let read = (3..=50).filter(|n| !out.contains(n)).map(ready).collect();
    assert!(lane.warm(read, &wanted, Seq(50), &mut |_| {}).is_empty(), "nothing is missing");
    assert_eq!(lane.len(), 60);
    assert_eq!(drain(&mut lane), (1..=60).collect::<Vec<_>>());
}

#[test]
fn cold_and_warm_ones_come_back_in_any_order() {
    let mut random = 88_172_645_463_325_252u64;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    for _ in 0..200 {
        let mut lane = Lane::default();
        let mut out: Vec<u64> = (1..=60).filter(|_| next(3) == 0).collect();
        (1..=60).filter(|n| !out.contains(n)).for_each(|n| lane.push(ready(n)));
        lane.chill(next(4_000) as usize, Lsn(next(80)), next(6_000) as usize, &mut |_| {});
        while !out.is_empty() {
            let n = out.swap_remove(next(out.len() as u64) as usize);
            if next(2) == 0 { lane.put_back_cold(Seq(n)) } else { lane.put_back(ready(n)) }
        }
        assert_eq!(lane.len(), 60);
        assert_eq!(drain(&mut lane), (1..=60).collect::<Vec<_>>());
        assert_eq!((lane.len(), lane.memory()), (0, 0));
    }
}
