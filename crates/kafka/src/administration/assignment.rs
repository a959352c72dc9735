//! What a member of a consumer group has, as the clients' assignors write it.
//!
//! ```text
//!   version i16 │ count i32 │ count × (topic: length i16, text │ count i32 │ count × partition i32) │ user data
//! ```
//! All numbers are big endian. The group itself does not look into these bytes.

/// Topics with their partitions; `None` if the bytes are no such assignment. No bytes are an empty one.
pub fn read_assignment(bytes: &[u8]) -> Option<Vec<(String, Vec<u32>)>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let mut rest = bytes;
    let version = i16::from_be_bytes(take(&mut rest)?);
    if version < 0 {
        return None;
    }
    let topics = count(&mut rest, 6)?;
    let mut all = Vec::with_capacity(topics);
    for _ in 0..topics {
        let length = usize::try_from(i16::from_be_bytes(take(&mut rest)?)).ok()?;
        let (name, behind) = rest.split_at_checked(length)?;
        rest = behind;
        let partitions = count(&mut rest, 4)?;
        let number = |rest: &mut &[u8]| u32::try_from(i32::from_be_bytes(take(rest)?)).ok();
        let partitions = (0..partitions).map(|_| number(&mut rest)).collect::<Option<Vec<u32>>>()?;
        all.push((String::from_utf8(name.to_vec()).ok()?, partitions));
    }
    Some(all)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*head)
}

/// A count of things that take at least `least` bytes each: never more than could be there.
fn count(rest: &mut &[u8], least: usize) -> Option<usize> {
    let count = usize::try_from(i32::from_be_bytes(take(rest)?)).ok()?;
    (count <= rest.len() / least).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_and_nothing_else_is_one() {
        let mut bytes = vec![0, 1, 0, 0, 0, 2];
        bytes.extend([0, 1, b't', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3]);
        bytes.extend([0, 1, b'u', 0, 0, 0, 0]);
        bytes.extend([0xff, 0xff, 0xff, 0xff]);
        let expected = vec![("t".to_owned(), vec![0, 3]), ("u".to_owned(), vec![])];
        assert_eq!(read_assignment(&bytes), Some(expected));
        assert_eq!(read_assignment(&[]), Some(Vec::new()));
        for end in 1..bytes.len() - 4 {
            assert_eq!(read_assignment(&bytes[..end]), None, "{end}");
        }
        assert_eq!(read_assignment(&[0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0]), None);
        assert_eq!(read_assignment(b"range says so"), None);
    }
}
