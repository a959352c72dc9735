//! Reads what /proc tells about a process: CPU, memory, bytes written, descendants, its port.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

/// The process and all its descendants, itself first.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for child in numbered("/proc") {
        if let Some(parent) = stat(child).and_then(|fields| fields.get(1)?.parse().ok()) {
            children.entry(parent).or_default().push(child);
        }
    }
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(&member) = family.get(next) {
        family.extend(children.remove(&member).unwrap_or_default());
        next += 1;
    }
    family
}

/// The entries of a directory whose names are numbers.
fn numbered(directory: impl AsRef<Path>) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// Fields of /proc/PID/stat from `state` (field 3 of proc_pid_stat(5)) on.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name is in parentheses and may hold spaces and parentheses itself.
    Some(text[text.rfind(')')? + 1..].split_whitespace().map(str::to_owned).collect())
}

/// CPU time of a process, its living threads and its waited-for children (utime, stime, cutime,
/// cstime), microseconds in steps of a clock tick.
pub(crate) fn cpu_by_ticks(pid: u32) -> Option<u64> {
    let fields = stat(pid)?;
    let ticks: u64 = (11..15).map(|index| fields.get(index)?.parse::<u64>().ok()).sum::<Option<u64>>()?;
    Some(ticks * 1_000_000 / rustix::param::clock_ticks_per_second())
}

/// CPU time of the process' living threads by the scheduler's own count, microseconds; it has no
/// tick's coarseness but forgets threads that ended.
pub(crate) fn cpu_by_scheduler(pid: u32) -> Option<u64> {
    let mut nanoseconds = 0;
    for thread in numbered(format!("/proc/{pid}/task")) {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat")).ok();
        nanoseconds += text.and_then(|text| text.split(' ').next()?.parse::<u64>().ok()).unwrap_or(0);
    }
    (nanoseconds > 0).then_some(nanoseconds / 1000)
}

/// One `name: value` line of a file under /proc/PID, as a number.
fn line(pid: u32, file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Bytes the process and its waited-for children caused to be written to storage; `None` if
/// it is another user's.
pub(crate) fn written(pid: u32) -> Option<u64> {
    line(pid, "io", "write_bytes")
}

/// Bytes the process and its waited-for children caused to be read from storage; `None` if it is another user's.
pub(crate) fn read(pid: u32) -> Option<u64> {
    line(pid, "io", "read_bytes")
}

/// Resident memory, bytes.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    Some(line(pid, "status", "VmRSS")? * 1024)
}

/// The most memory that was resident since the start or the last [`reset_peak`], bytes.
pub(crate) fn resident_peak(pid: u32) -> Option<u64> {
    Some(line(pid, "status", "VmHWM")? * 1024)
}

/// Makes the peak begin anew; false if that is not permitted.
pub(crate) fn reset_peak(pid: u32) -> bool {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").is_ok()
}

/// The process that listens on a loopback address' port, if one may see it.
pub(crate) fn listener(address: SocketAddr) -> Option<u32> {
    if !address.ip().is_loopback() {
        return None;
    }
    let tables = [fs::read_to_string("/proc/net/tcp"), fs::read_to_string("/proc/net/tcp6")];
    let inode = tables.iter().flatten().find_map(|table| listening_inode(table, address.port()))?;
    let wanted = format!("socket:[{inode}]");
    numbered("/proc").into_iter().find(|pid| {
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == wanted.as_str()))
    })
}

/// The inode of the socket in state LISTEN on a port, out of /proc/net/tcp or tcp6.
fn listening_inode(table: &str, port: u16) -> Option<u64> {
    const LISTEN: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let local = fields.get(1)?.rsplit_once(':')?.1;
        let here = u16::from_str_radix(local, 16) == Ok(port) && *fields.get(3)? == LISTEN;
        here.then(|| fields.get(9)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn this_process_is_found_by_its_port() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(listener(socket.local_addr().unwrap()), Some(std::process::id()));
        let address = socket.local_addr().unwrap();
        drop(socket);
        assert_eq!(listener(address), None);
    }

    #[test]
    fn this_process_has_cpu_memory_and_a_family() {
        let me = std::process::id();
        let mut value = 1u64;
        loop {
            (0..1_000_000).for_each(|step| value = std::hint::black_box(value.wrapping_mul(31) ^ step));
            if cpu_by_ticks(me).unwrap() >= 20_000 && cpu_by_scheduler(me).unwrap() >= 20_000 {
                break;
            }
        }
        assert!(resident(me).unwrap() > 500_000);
        assert!(resident_peak(me).unwrap() >= resident(me).unwrap() / 2);
        let family = family(me);
        assert_eq!(family[0], me);
        let parent: u32 = stat(me).unwrap()[1].parse().unwrap();
        assert!(super::family(parent).contains(&me));
        assert_eq!(cpu_by_ticks(u32::MAX), None);
    }

    #[test]
    fn only_listening_sockets_count() {
        let table = "  sl  local_address rem_address   st\n\
            0: 0100007F:1628 0100007F:9999 01 0:0 0:0 0 0 0 111 1\n\
            1: 0100007F:1628 00000000:0000 0A 0:0 0:0 0 0 0 222 1\n";
        assert_eq!(listening_inode(table, 0x1628), Some(222));
        assert_eq!(listening_inode(table, 0x1629), None);
    }
}
