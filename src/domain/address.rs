//! Addresses of resources: `maestro://runs`, `maestro://evidence/ID` and so on.

use std::fmt;

/// Maximum length of an id or name.
const LONGEST: usize = 200;

/// A resource with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Every run of the project.
    Runs,
    Run(String),
    /// The report of a stage, identified by the id of its approval request.
    Approval(String),
    /// The newest evidence of the project.
    Trail,
    /// One piece of evidence in full.
    Evidence(String),
    /// A long answer, identified by its file name.
    Answer(String),
}

impl Address {
    pub const SCHEME: &str = "maestro://";

    /// Parses an address. `None` if it is not an address of Maestro. An id or name has only letters, digits,
    /// `.`, `_` and `-`, and no dot at its beginning, so it cannot lead to another place.
    pub fn read(text: &str) -> Option<Self> {
        let path = text.strip_prefix(Self::SCHEME)?;
        let Some((family, id)) = path.split_once('/') else {
            return match path {
                "runs" => Some(Self::Runs),
                "evidence" => Some(Self::Trail),
                _ => None,
            };
        };
        let id = Some(id).filter(|id| is_plain(id))?.to_owned();
        match family {
            "runs" => Some(Self::Run(id)),
            "approvals" => Some(Self::Approval(id)),
            "evidence" => Some(Self::Evidence(id)),
            "answers" => Some(Self::Answer(id)),
            _ => None,
        }
    }

    /// The MIME type of the resource.
    pub fn mime_type(&self) -> &'static str {
        match self {
            Self::Runs | Self::Run(_) | Self::Trail | Self::Evidence(_) => "application/json",
            Self::Approval(_) => "text/plain",
            Self::Answer(_) => "text/markdown",
        }
    }

    /// A title in a few words.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Runs => "Runs of the project",
            Self::Run(_) => "State of a run",
            Self::Approval(_) => "Report of a stage for review",
            Self::Trail => "Newest evidence of the project",
            Self::Evidence(_) => "A piece of evidence",
            Self::Answer(_) => "A long answer, whole",
        }
    }

    /// The path after the scheme, which is also its name in lists.
    pub fn path(&self) -> String {
        match self {
            Self::Runs => "runs".to_owned(),
            Self::Run(id) => format!("runs/{id}"),
            Self::Approval(id) => format!("approvals/{id}"),
            Self::Trail => "evidence".to_owned(),
            Self::Evidence(id) => format!("evidence/{id}"),
            Self::Answer(name) => format!("answers/{name}"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", Self::SCHEME, self.path())
    }
}

fn is_plain(id: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    !id.is_empty() && id.len() <= LONGEST && !id.starts_with('.') && id.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address() -> impl Strategy<Value = Address> {
        let id = "[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}";
        prop_oneof![
            Just(Address::Runs),
            Just(Address::Trail),
            id.prop_map(Address::Run),
            id.prop_map(Address::Approval),
            id.prop_map(Address::Evidence),
            id.prop_map(Address::Answer),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(address in address()) {
            prop_assert_eq!(Address::read(&address.to_string()), Some(address));
        }

        #[test]
        fn whatever_is_read_leads_nowhere_else(text in "maestro://(runs|answers|evidence)/\\PC{0,20}") {
            if let Some(address) = Address::read(&text) {
                prop_assert_eq!(address.to_string(), text.clone());
                prop_assert_eq!(address.path().matches('/').count(), 1);
                prop_assert!(!address.path().contains("/."));
            }
        }
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        for text in [
            "",
            "maestro://",
            "maestro://runs/",
            "maestro://answers",
            "maestro://answers/../maestro.db",
            "maestro://answers/a/b",
            "maestro://answers/.gitignore",
            "maestro://answers/a%2fb",
            "maestro://secrets/x",
            "file:///etc/passwd",
            "Maestro://runs",
        ] {
            assert_eq!(Address::read(text), None, "{text}");
        }
    }
}
