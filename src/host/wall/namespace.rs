//! Linux namespaces: a private network in which only loopback is up, and private mounts that hide some parts
//! of the project and make others read-only.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change, mount_remount,
};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, recv, sendto, socket};
use rustix::process::{getgid, getuid};
use rustix::thread::UnshareFlags;

use super::ProjectRules;

/// Moves this process into a private network with loopback and nothing else.
pub(super) fn leave_network() -> io::Result<()> {
    enter(UnshareFlags::NEWNET)?;
    raise_loopback()
}

/// Hides the `hidden` parts of a project and makes the `frozen` ones read-only, for this process and all that
/// it starts.
pub(super) fn cover(project: &ProjectRules) -> io::Result<()> {
    enter(UnshareFlags::NEWNS)?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    for path in present(&project.frozen) {
        mount_bind_recursive(path, path)?;
        mount_remount(path, MountFlags::BIND | MountFlags::RDONLY | kept_flags(path)?, c"")?;
    }
    for path in present(&project.hidden).filter(|path| path.is_dir()) {
        hide(path, present(&project.shown).filter(|shown| shown.starts_with(path)).collect())?;
    }
    Ok(())
}

/// Mounts an empty file system over a directory, in which only `shown` appears in its old place.
fn hide(directory: &Path, shown: Vec<&Path>) -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let kept: Vec<(&Path, File)> =
        shown.into_iter().map(|path| Ok((path, File::open(path)?))).collect::<io::Result<_>>()?;
    mount("none", directory, "tmpfs", flags, c"size=64k,mode=755")?;
    for (path, open) in kept {
        std::fs::create_dir_all(path)?;
        mount_bind_recursive(format!("/proc/self/fd/{}", open.as_raw_fd()), path)?;
        mount_remount(path, MountFlags::BIND | MountFlags::RDONLY | kept_flags(path)?, c"")?;
    }
    Ok(mount_remount(directory, flags | MountFlags::RDONLY, c"size=64k,mode=755")?)
}

/// The paths that exist and are not links. A mount on a link would apply to its target.
fn present(paths: &[std::path::PathBuf]) -> impl Iterator<Item = &Path> {
    let is_real = |path: &&Path| path.symlink_metadata().is_ok_and(|found| !found.is_symlink());
    paths.iter().map(std::path::PathBuf::as_path).filter(is_real)
}

/// The flags of the mount below, which a remount must keep.
fn kept_flags(path: &Path) -> io::Result<MountFlags> {
    let below = statvfs(path)?.f_flag;
    let pairs = [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    let kept = pairs.into_iter().filter(|(flag, _)| below.contains(*flag));
    Ok(kept.fold(MountFlags::empty(), |all, (_, flag)| all | flag))
}

/// Enters a new namespace, either with the rights of root or in a new user namespace. Some systems refuse
/// the latter to ordinary users.
fn enter(flag: UnshareFlags) -> io::Result<()> {
    match unshare(flag) {
        Err(Errno::PERM) => {}
        other => return Ok(other?),
    }
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    unshare(UnshareFlags::NEWUSER | flag)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

/// Calls `unshare`. It is safe here: the process has one thread and shares no file table, and `FILES` is
/// never among the flags.
#[expect(deprecated, reason = "the safe form is deprecated for the sake of the flag FILES alone")]
fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    rustix::thread::unshare(flags)
}

/// Sends the kernel an `RTM_NEWLINK` that sets `IFF_UP` on interface 1, which is loopback.
fn raise_loopback() -> io::Result<()> {
    const RTM_NEWLINK: u16 = 16;
    const NLM_F_REQUEST_AND_ACK: u16 = 1 | 4;
    const NLMSG_ERROR: u16 = 2;
    const IFF_UP: u32 = 1;
    const LENGTH: u32 = 32;
    let mut message = Vec::with_capacity(32);
    message.extend(LENGTH.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(NLM_F_REQUEST_AND_ACK.to_ne_bytes());
    // Sequence and port.
    message.extend([0; 8]);
    // Family, padding and type.
    message.extend([0; 4]);
    message.extend(1_i32.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    let kernel = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    sendto(&kernel, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0_u8; 256];
    let (_, length) = recv(&kernel, &mut answer[..], RecvFlags::empty())?;
    let answer = answer.get(..length).unwrap_or_default();
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    let code = answer.get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match (kind, code) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => Err(io::Error::from_raw_os_error(-code)),
        _ => Err(io::Error::other("the kernel's answer about loopback is not understood")),
    }
}
