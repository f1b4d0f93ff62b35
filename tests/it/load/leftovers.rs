//! Checks after every server has ended: the files and processes that may remain, and the memory of a working
//! server.

use std::path::{Path, PathBuf};

use crate::harness::memory_kb;

/// Processes whose environment names a directory: everything that the test started.
pub(crate) fn processes_with(directory: &Path) -> Vec<String> {
    let wanted = directory.as_os_str().as_encoded_bytes();
    let is_of_test = |pid: &u32| {
        std::fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environ| environ.windows(wanted.len()).any(|piece| piece == wanted))
    };
    let describe = |pid: u32| {
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        format!("{pid} {}", String::from_utf8_lossy(&command).replace('\0', " "))
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(is_of_test)
        .map(describe)
        .collect()
}

/// Every file and directory below a directory, by its name relative to it.
pub(crate) fn below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path.clone());
            }
            found.push(path.strip_prefix(directory).unwrap().to_owned());
        }
    }
    found.sort();
    found
}

/// The memory, open files and threads of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holdings {
    pub(crate) resident_kb: u64,
    pub(crate) files: usize,
    pub(crate) threads: usize,
}

impl Holdings {
    /// None if the process is gone.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let resident_kb = memory_kb(pid, "VmRSS")?;
        let entries = |name: &str| Some(std::fs::read_dir(format!("/proc/{pid}/{name}")).ok()?.count());
        Some(Self { resident_kb, files: entries("fd")?, threads: entries("task")? })
    }

    /// The median of each holding over some samples.
    pub(crate) fn median(samples: &[Self]) -> Self {
        let middle = |mut values: Vec<u64>| {
            values.sort_unstable();
            values[values.len() / 2]
        };
        let count = |value: usize| u64::try_from(value).unwrap();
        let size = |value: u64| usize::try_from(value).unwrap();
        Self {
            resident_kb: middle(samples.iter().map(|one| one.resident_kb).collect()),
            files: size(middle(samples.iter().map(|one| count(one.files)).collect())),
            threads: size(middle(samples.iter().map(|one| count(one.threads)).collect())),
        }
    }
}
