//! Reads roles, skills, schemas and the reference from the library.

use minijinja::context;
use pulldown_cmark::{Event, HeadingLevel, Parser, Tag, TagEnd};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::configuration::Configuration;
use super::template;
use crate::domain::alike::{LIKE_ENOUGH, likeness};
use crate::domain::order::Order;
use crate::domain::policy::StagePolicy;
use crate::domain::rule;
use crate::domain::stage::{Role, SchemaName, Stage};
use crate::domain::typed::from_yaml;
use crate::error::{Error, reference};

/// A persona.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleDocument {
    /// Its display name.
    pub name: String,
    /// Its focus, in a sentence.
    pub focus: String,
    /// The stage that it leads; `any` for the judge.
    pub stage: String,
    pub traits: Vec<String>,
    #[serde(skip_serializing)]
    #[expect(dead_code, reason = "the tests hold it against the schemas")]
    schema: SchemaName,
    /// The text below the front matter.
    #[serde(skip_deserializing)]
    pub prompt: String,
}

/// The persona of a role.
///
/// # Errors
///
/// A file that replaces ours cannot be used.
pub fn role(config: &Configuration, role: Role) -> Result<RoleDocument, Error> {
    let document = config.document(&format!("roles/{}.md", role.name()))?;
    let (head, prompt) = parse::<RoleDocument>(&document.text)
        .map_err(|reason| Error::Document { name: document.origin, reason })?;
    Ok(RoleDocument { prompt: prompt.to_owned(), ..head })
}

/// The guide to a stage.
#[derive(Clone, Debug)]
pub struct SkillDocument {
    pub head: SkillHead,
    /// The guide, with the current figures filled in.
    pub content: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkillHead {
    /// The display name of the stage.
    pub name: String,
    /// The stage's number, from 1.
    pub stage_id: u32,
    pub stage: Stage,
    /// Its goal, in a sentence.
    pub goal: String,
    /// The role that leads it.
    pub persona: Role,
    pub entry_condition: String,
    /// The schema of its output.
    pub schema: SchemaName,
    /// The stage that follows.
    pub next: Option<Stage>,
}

/// The guide to a stage, with the current figures.
///
/// # Errors
///
/// A file that replaces ours cannot be used, for example because a placeholder does not exist.
pub fn skill(config: &Configuration, stage: Stage, policy: &StagePolicy) -> Result<SkillDocument, Error> {
    let path = match stage {
        Stage::Analyze => "skills/stage1_example_analysis.md",
        Stage::Hypothesize => "skills/stage2_hypothesis.md",
        Stage::Implement => "skills/stage3_implementation.md",
        Stage::Debug => "skills/stage4_debug_loop.md",
        Stage::Improve => "skills/stage5_recursive_improve.md",
    };
    let document = config.document(path)?;
    let invalid = |reason: String| Error::Document { name: document.origin.clone(), reason };
    let (head, body) = parse::<SkillHead>(&document.text).map_err(invalid)?;
    if head.stage != stage {
        return Err(invalid(format!("it is the guide to {}, not to {}", head.stage.name(), stage.name())));
    }
    let settings = &config.settings().policy;
    let content = template::environment()
        .render_str(
            body,
            context! {
                max_consults => policy.max_consults,
                max_consults_total => settings.max_consults_total,
                max_iterations => policy.max_iterations,
                capability_threshold => settings.capability_threshold,
                topology => policy.topology.name(),
            },
        )
        .map_err(|error| invalid(error.to_string()))?;
    Ok(SkillDocument { head, content })
}

/// Splits a document into its front matter and the text below it.
///
/// # Errors
///
/// The front matter is missing, or its keys are not the expected ones; the text names the line.
fn parse<T: DeserializeOwned>(document: &str) -> Result<(T, &str), String> {
    let after = document.strip_prefix("---\n").ok_or("it must begin with YAML between two lines of ---")?;
    let (head, body) = after.split_once("\n---\n").ok_or("the line --- that ends its YAML is missing")?;
    rule::check(head).map_err(|error| error.to_string())?;
    Ok((from_yaml(head)?, body.trim()))
}

/// A schema.
///
/// # Errors
///
/// A file that replaces ours is not JSON.
pub fn schema(config: &Configuration, name: SchemaName) -> Result<Value, Error> {
    let document = config.document(&format!("schemas/{}.json", name.name()))?;
    serde_json::from_str(&document.text)
        .map_err(|error| Error::Document { name: document.origin, reason: error.to_string() })
}

/// A section of the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its heading.
    pub name: String,
    /// Its text, heading included.
    pub content: String,
    /// Other names of the section.
    also: Vec<String>,
}

/// The sections of the reference, one for each second-level heading. Rules of dashes, and headings inside
/// code blocks, do not count.
///
/// # Errors
///
/// A file that replaces ours cannot be read.
pub fn topics(config: &Configuration) -> Result<Vec<Topic>, Error> {
    let text = config.document("SKILLS.md")?.text;
    let mut starts: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (event, range) in Parser::new(&text).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level: HeadingLevel::H2, .. }) => {
                starts.push((range.start, String::new()));
                inside = true;
            }
            Event::End(TagEnd::Heading(HeadingLevel::H2)) => inside = false,
            Event::Text(piece) | Event::Code(piece) if inside => {
                if let Some((_, name)) = starts.last_mut() {
                    name.push_str(&piece);
                }
            }
            _ => {}
        }
    }
    let ends = starts.iter().skip(1).map(|(start, _)| *start).chain([text.len()]).collect::<Vec<_>>();
    Ok(starts
        .into_iter()
        .zip(ends)
        .map(|((start, name), end)| {
            let section = text.get(start..end).unwrap_or_default();
            Topic { name, also: other_names(section), content: as_read(section) }
        })
        .collect())
}

/// Beginning of a section's list of other names: a comment, so that no reader sees it.
const ALSO: &str = "<!-- also: ";

fn other_names(section: &str) -> Vec<String> {
    let names = section.lines().find_map(|line| line.strip_prefix(ALSO)?.strip_suffix(" -->"));
    names.into_iter().flat_map(|names| names.split(", ")).map(str::to_owned).collect()
}

/// A section without comments and without the rule of dashes below it.
fn as_read(section: &str) -> String {
    let section = section.trim();
    let section = section.strip_suffix("\n---").map_or(section, str::trim_end);
    let comment = |line: &&str| line.starts_with("<!-- ") && line.ends_with(" -->");
    let mut lines: Vec<&str> = section.lines().filter(|line| !comment(line)).collect();
    // A removed comment leaves two blank lines.
    lines.dedup_by(|line, before| line.is_empty() && before.is_empty());
    lines.join("\n")
}

/// Finds the topic of a name, or explains the error code of that name; case, blanks, dashes and the prefix
/// `maestro_` do not matter. Fails with the topics that are most likely meant.
pub fn topic(config: &Configuration, name: &str) -> Result<Topic, Error> {
    let topics = topics(config)?;
    let wanted = plain(name);
    let by_name = topics.iter().find(|topic| plain(&topic.name) == wanted);
    let by_another = || topics.iter().find(|topic| topic.also.iter().any(|other| plain(other) == wanted));
    if let Some(found) = by_name.or_else(by_another) {
        return Ok(found.clone());
    }
    if let Some(entry) = reference::find(&wanted) {
        return Ok(Topic { name: entry.code.clone(), content: entry.markdown(), also: Vec::new() });
    }
    Err(Error::Unknown { kind: "topic", name: name.to_owned(), available: likely(&topics, &wanted) })
}

/// The topics that a name most likely means: those with similar names, then those that mention it most
/// often. The general ones if nothing is similar.
fn likely(topics: &[Topic], wanted: &str) -> Vec<String> {
    const MOST: usize = 8;
    let in_words = wanted.replace('_', " ");
    let alike = |topic: &Topic| {
        let names = std::iter::once(&topic.name).chain(&topic.also).map(|name| plain(name));
        names.map(|name| likeness(&name, wanted)).fold(0.0, f64::max)
    };
    let mentions = |topic: &Topic| topic.content.to_lowercase().matches(&in_words).count();
    let mut ranked: Vec<(f64, usize, &Topic)> = topics
        .iter()
        .map(|topic| (alike(topic), mentions(topic), topic))
        .map(|(alike, mentions, topic)| (if alike < LIKE_ENOUGH { 0.0 } else { alike }, mentions, topic))
        .filter(|(alike, mentions, _)| *alike > 0.0 || *mentions > 0)
        .collect();
    ranked.order_by(|left, right| right.0.total_cmp(&left.0).then(right.1.cmp(&left.1)));
    if ranked.is_empty() {
        let is_tool = |topic: &&Topic| topic.name.starts_with("maestro_");
        return topics.iter().filter(|topic| !is_tool(topic)).map(|topic| topic.name.clone()).collect();
    }
    ranked.into_iter().take(MOST).map(|(_, _, topic)| topic.name.clone()).collect()
}

fn plain(name: &str) -> String {
    let name = name.trim().trim_start_matches('/').to_lowercase().replace([' ', '-'], "_");
    name.strip_prefix("maestro_").unwrap_or(&name).to_owned()
}
