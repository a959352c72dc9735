//! The data directory, and the lock that keeps a second process out of it.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const LOCK_FILE: &str = "narumq.lock";
/// The directory's own id: 32 hexadecimal digits.
const IDENTITY_FILE: &str = "narumq.id";

/// A data directory that is ours as long as this value lives. The system takes the lock back when the process ends,
/// however it ends.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    /// Its absolute path.
    pub(crate) path: PathBuf,
    _lock: File,
}

/// Why a data directory cannot be had.
#[derive(Debug)]
pub(crate) enum DataDirectoryError {
    /// Another process has it.
    InUse { path: PathBuf, by: String },
    /// The system refuses it.
    System { path: PathBuf, error: io::Error },
}

impl fmt::Display for DataDirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { path, by } => write!(
                f,
                "the data directory {} is in use by {by}; stop that one, or choose another with --data-dir",
                path.display()
            ),
            Self::System { path, error } => write!(
                f,
                "the data directory {} cannot be used: {error}; choose another with --data-dir, or give this user \
                 the right to write there",
                path.display()
            ),
        }
    }
}

impl std::error::Error for DataDirectoryError {}

impl DataDirectory {
    /// Makes the directory if there is none, and locks it.
    pub(crate) fn lock(path: &Path) -> Result<Self, DataDirectoryError> {
        let system = |error| DataDirectoryError::System { path: path.to_owned(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(system)?;
        let path = path.canonicalize().map_err(system)?;
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path.join(LOCK_FILE));
        let mut lock = lock.map_err(system)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let by = owner(&mut lock);
                return Err(DataDirectoryError::InUse { path, by });
            }
            Err(TryLockError::Error(error)) => return Err(system(error)),
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(system)?;
        Ok(Self { path, _lock: lock })
    }

    /// The id of what is kept here: `fresh` the first time, the same ever after.
    pub(crate) fn identity(&self, fresh: impl FnOnce() -> u128) -> Result<u128, DataDirectoryError> {
        let path = self.path.join(IDENTITY_FILE);
        let read = match fs::read_to_string(&path) {
            Ok(text) => u128::from_str_radix(text.trim(), 16).map_err(|_| io::ErrorKind::InvalidData.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.keep_identity(&path, fresh()),
            Err(error) => Err(error),
        };
        read.map_err(|error| DataDirectoryError::System { path, error })
    }

    /// Under its name there is the whole id or nothing, whenever the power fails.
    fn keep_identity(&self, path: &Path, identity: u128) -> io::Result<u128> {
        let unfinished = path.with_extension("id.new");
        let mut file = File::create(&unfinished)?;
        writeln!(file, "{identity:032x}")?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        File::open(&self.path)?.sync_all()?;
        Ok(identity)
    }
}

/// Who says to have the lock.
fn owner(lock: &mut File) -> String {
    let mut text = String::new();
    let read = lock.take(32).read_to_string(&mut text).is_ok();
    match text.trim().parse::<u32>() {
        Ok(process) if read => format!("process {process}"),
        _ => "another process".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_exclusive_and_ends_with_its_holder() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let first = DataDirectory::lock(&path).unwrap();
        let error = DataDirectory::lock(&path).unwrap_err();
        let process = format!("in use by process {};", std::process::id());
        assert!(error.to_string().contains(&process), "{error}");
        drop(first);
        DataDirectory::lock(&path).unwrap();
    }

    #[test]
    fn the_identity_stays_and_a_damaged_one_is_told() {
        let parent = tempfile::tempdir().unwrap();
        let open = || DataDirectory::lock(parent.path()).unwrap();
        assert_eq!(open().identity(|| 7 << 100).unwrap(), 7 << 100);
        assert_eq!(open().identity(|| unreachable!("it is there")).unwrap(), 7 << 100);
        fs::write(parent.path().join(IDENTITY_FILE), "what?").unwrap();
        let error = open().identity(|| 8).unwrap_err();
        assert!(error.to_string().contains(IDENTITY_FILE), "{error}");
    }

    #[test]
    fn a_file_in_its_place_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = DataDirectory::lock(file.path()).unwrap_err();
        assert!(matches!(error, DataDirectoryError::System { .. }));
        assert!(error.to_string().contains("--data-dir"), "{error}");
    }
}
