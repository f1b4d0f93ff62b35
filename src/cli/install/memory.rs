//! The settings files that had an empty list of servers before Maestro was registered: one path a line, in
//! the user's state directory. An uninstall leaves such a list as it was. A memory that cannot be kept
//! costs an empty list and stops nothing.

use super::client::Targets;

fn lines(targets: &Targets) -> Vec<String> {
    let text = targets.memory.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    text.unwrap_or_default().lines().map(str::to_owned).collect()
}

fn write(targets: &Targets, lines: &[String]) {
    let Some(file) = &targets.memory else { return };
    let written = if lines.is_empty() {
        std::fs::remove_file(file)
    } else {
        let made = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(file, lines.join("\n") + "\n"))
    };
    if let Err(error) = written {
        tracing::debug!(%error, "the memory of lists of servers");
    }
}

fn line(targets: &Targets) -> String {
    targets.settings.to_string_lossy().into_owned()
}

pub(super) fn has(targets: &Targets) -> bool {
    lines(targets).contains(&line(targets))
}

pub(super) fn remember(targets: &Targets) {
    if !has(targets) {
        write(targets, &[lines(targets), vec![line(targets)]].concat());
    }
}

pub(super) fn forget(targets: &Targets) {
    if has(targets) {
        let own = line(targets);
        write(targets, &lines(targets).into_iter().filter(|line| *line != own).collect::<Vec<_>>());
    }
}
