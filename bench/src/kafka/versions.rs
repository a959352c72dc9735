//! What a broker speaks: its answer to ApiVersions, whose header has no tags, so that any client can read it.

use super::code::check;
use super::request::{Api, USED};
use super::wire::Fields;
use crate::error::{Error, Result};

/// What ApiVersions told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Versions {
    /// The highest metadata.version the broker supports, if it tells.
    pub(crate) metadata_version: Option<i16>,
}

/// ApiVersions, of which the frame includes its header; an error if one of the requests used is not spoken.
pub(crate) fn read(frame: &[u8]) -> Result<Versions> {
    let mut fields = Fields(frame);
    fields.i32()?;
    check(fields.i16()?, "ApiVersions")?;
    let mut spoken = Vec::new();
    for _ in 0..fields.array()? {
        spoken.push((fields.i16()?, fields.i16()?..=fields.i16()?));
        fields.tags()?;
    }
    for Api { key, version, name } in USED {
        if !spoken.iter().any(|(known, range)| *known == key && range.contains(&version)) {
            return Err(Error::new(format!("the broker does not speak {name} version {version}")));
        }
    }
    fields.i32()?;
    let mut versions = Versions::default();
    for _ in 0..fields.varint()? {
        let (tag, size) = (fields.varint()?, fields.varint()? as usize);
        let mut content = Fields(fields.take(size)?);
        const SUPPORTED_FEATURES: u32 = 0;
        if tag == SUPPORTED_FEATURES {
            for _ in 0..content.array()? {
                let (name, _, highest) = (content.string()?, content.i16()?, content.i16()?);
                content.tags()?;
                if name == "metadata.version" {
                    versions.metadata_version = Some(highest);
                }
            }
        }
    }
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use super::super::wire::{put_array, put_string, put_varint};
    use super::*;

    /// ApiVersions that speaks all but the last `missing` requests.
    fn spoken(missing: usize) -> Vec<u8> {
        let mut out = vec![0; 6];
        put_array(&mut out, &USED[..USED.len() - missing], |out, api| {
            [api.key, 0, api.version].iter().for_each(|number| out.extend(number.to_be_bytes()));
        });
        out.extend([0; 4]);
        let mut features = Vec::new();
        put_array(&mut features, &[("group.version", 1i16), ("metadata.version", 27)], |out, (name, highest)| {
            put_string(out, name);
            out.extend(1i16.to_be_bytes());
            out.extend(highest.to_be_bytes());
        });
        out.extend([2, 0]);
        put_varint(&mut out, features.len() as u32);
        out.extend(features);
        out.extend([1, 1, 9]);
        out
    }

    #[test]
    fn a_broker_must_speak_what_is_used() {
        assert_eq!(read(&spoken(0)).unwrap(), Versions { metadata_version: Some(27) });
        let error = read(&spoken(1)).unwrap_err().to_string();
        assert_eq!(error, "the broker does not speak DeleteTopics version 4");
        assert!(read(&[0, 0, 0, 0, 0, 35]).unwrap_err().to_string().contains("UNSUPPORTED_VERSION"));
    }
}
