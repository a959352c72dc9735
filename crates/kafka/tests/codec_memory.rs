//! Numbers that ask for gigabytes: the process does not grow by them. The one test of this file, as it looks at the
//! address space of the whole process.
#![cfg(target_os = "linux")]

mod codec_support;

use codec_support::{Kind, golden};
use narumq_kafka::codec::{Reader, Request, RequestHeader, Response, read_response_header};

/// How much the process may grow, in KiB: far more than any of the messages, far less than any of the numbers.
const GROWTH_KIB_MAX: u64 = 2048;

/// The largest address space the process has had, in KiB: it grows with what is allocated, used or not.
fn address_space_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the process's own status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).expect("the line");
    line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}

#[test]
fn no_number_in_a_message_allocates_memory_that_its_bytes_do_not_fill() {
    let messages = golden();
    let decode = |kind, api, version, content: &[u8]| {
        let mut reader = Reader::new(content);
        match kind {
            Kind::Request => RequestHeader::read(&mut reader)
                .and_then(|header| Ok((header.api()?, header.api_version)))
                .and_then(|(api, version)| Request::read(api, version, &mut reader).map(drop)),
            Kind::Response => read_response_header(api, version, &mut reader)
                .and_then(|_| Response::read(api, version, &mut reader).map(drop)),
        }
    };
    let before = address_space_kib();
    let mut refused = 0;
    // Numbers of 2^31 - 1, 2^24 and 2^16, as i32 and as a varint of length + 1, in the place of any bytes.
    let numbers: [&[u8]; 6] = [
        &[0x7F, 0xFF, 0xFF, 0xFF],
        &[1, 0, 0, 0],
        &[0, 1, 0, 0],
        &[0x80, 0x80, 0x80, 0x80, 8],
        &[0x80, 0x80, 0x80, 8],
        &[0x80, 0x80, 4],
    ];
    for message in &messages {
        for position in 4..message.bytes.len() - 4 {
            for number in numbers {
                let mut content = message.bytes[4..position].to_vec();
                content.extend(number);
                content.extend(message.bytes.iter().skip(position + number.len()));
                refused += usize::from(decode(message.kind, message.api, message.version, &content).is_err());
            }
        }
    }
    let growth = address_space_kib() - before;
    assert!(refused > 100_000, "only {refused} refused");
    assert!(growth <= GROWTH_KIB_MAX, "the process grew by {growth} KiB");
}
