//! Findings of several reviewers: read leniently, checked against the files, merged if they are the same,
//! and ranked by how well they are verified, never by the number of reviewers that report them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_with::skip_serializing_none;
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::answer::{document, spoken};
use super::citations::{Lines, SearchBudget, Sought};
use super::cut::{cut, one_line};
use super::fence::{FenceLine, FenceWalk, whole};
use super::measure::number::mean_pairwise;
use super::order::Order;
use super::packed::{list, pairs};
use super::pattern::Pattern;
use super::plain::plain;
use super::words::things;

/// The most findings that are read from one reviewer.
pub const MOST_FINDINGS: usize = 60;
/// The least number of letters and digits in a quote that can identify a place.
const LEAST_QUOTE: usize = 4;
/// The least number of characters of a scenario.
const LEAST_SCENARIO: usize = 16;

/// The remark on a severity that was lowered.
const LOWERED: &str = "lowered: no scenario says what input or state goes wrong, and how";

/// The remark on a finding about a line that is no longer in the file.
const REMOVED: &str = "the change removes this line";

/// The remark on a finding about a line outside of the material.
const UNSEEN: &str = "this line was not shown to the reviewers";

/// The harm of a finding, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[derive(Serialize, Deserialize, JsonSchema, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Severity {
    /// Loses data, opens a security hole, or stops everything.
    Critical,
    /// Wrong results in ordinary use.
    High,
    /// Wrong results in rare use, or a cost that grows.
    Medium,
    /// A defect without harm so far.
    Low,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// Every severity.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The severity that a reviewer's own word means; [`Severity::Medium`] if the word is unknown.
    pub fn written(word: &str) -> Self {
        let word = word.to_lowercase();
        let is_denied = |at: usize| {
            let before = word.get(..at).unwrap_or_default().trim_end_matches([' ', '-']);
            let last = before.rsplit(|letter: char| !letter.is_alphanumeric()).next();
            last.is_some_and(|last| list("severity_denials").contains(&last))
        };
        let says = |part: &str| word.match_indices(part).any(|(at, _)| !is_denied(at));
        let named = pairs("severities").iter().find(|(part, _)| says(part));
        named.and_then(|(_, name)| name.parse().ok()).unwrap_or(Self::Medium)
    }

    /// One step less severe; [`Severity::Info`] is the least.
    pub fn lowered(self) -> Self {
        match self {
            Self::Critical => Self::High,
            Self::High => Self::Medium,
            Self::Medium => Self::Low,
            Self::Low | Self::Info => Self::Info,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    pub file: String,
    /// The line, if one is named.
    pub line: Option<usize>,
    /// The code, quoted literally.
    pub quote: String,
    /// The defect, in a sentence.
    pub claim: String,
    /// How it goes wrong: the input or state, and the result.
    pub scenario: String,
    /// The severity in the reviewer's own word.
    pub severity: String,
}

/// The place of a quote, compared with the one that the reviewer named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The quote is in the named line.
    Exact,
    /// The quote is in the named file, but in another line.
    Moved,
    /// The quote was not found.
    Absent,
}

/// A finding whose quote was found in the files.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The id within the review.
    pub id: String,
    pub file: String,
    /// The line in which the quote begins.
    pub line: usize,
    pub quote: String,
    pub claim: String,
    pub scenario: String,
    pub severity: Severity,
    /// The severity that the reviewer stated, if it was lowered.
    pub severity_stated: Option<Severity>,
    pub found_by: Vec<String>,
    /// The place of the quote, compared with the named one.
    pub status: Status,
    /// The named line, if the quote is in another one.
    pub line_stated: Option<usize>,
    pub note: Option<String>,
    /// The claims of other reviewers with the same finding, with their lines if those are other ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// The proposed fix, and the result of trying it.
    pub fix: Option<TriedFix>,
}

/// A finding that was discarded, because its quote was not found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discarded {
    /// The file as the reviewer named it.
    pub file: String,
    /// The line as the reviewer named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    pub quote: String,
    pub claim: String,
    pub found_by: String,
    /// Always `absent`.
    pub status: Status,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixStatus {
    /// A test fails without the fix and passes with it.
    Proven,
    /// The project's tests pass with the fix, as they did without it.
    Passes,
    /// The fix could not be tried.
    Untested,
    /// The project's checks fail with the fix.
    Fails,
    DoesNotApply,
}

/// A proposed fix, tried in a copy of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedFix {
    /// The diff.
    pub patch: String,
    pub by: String,
    pub status: FixStatus,
    /// Remarks on the status.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// A file as the reviewers saw it.
pub struct Reviewed<'a> {
    /// Its name.
    pub file: &'a str,
    pub lines: &'a Lines,
    /// Lines that the change removes, with their old numbers.
    pub removed: &'a [(usize, String)],
    /// The first and the last line of each part that the reviewers saw; `None` if that is not known.
    pub shown: Option<&'a [(usize, usize)]>,
}

/// Checks a claim against its file: the quote must be in it. A claim without a scenario gets a lower
/// severity.
///
/// # Errors
///
/// The discarded claim, with the reason.
pub fn verify_claim(
    claimed: &Claimed,
    by: &str,
    reviewed: Result<Reviewed<'_>, String>,
) -> Result<Finding, Box<Discarded>> {
    let discard = |claimed: &Claimed, reason: String| {
        Box::new(Discarded {
            file: short(&claimed.file, 200),
            line: claimed.line,
            quote: short(&claimed.quote, 300),
            claim: short(&claimed.claim, 400),
            found_by: by.to_owned(),
            status: Status::Absent,
            reason,
        })
    };
    let letters = claimed.quote.chars().filter(|letter| letter.is_alphanumeric()).count();
    if letters < LEAST_QUOTE {
        let reason = if claimed.quote.trim().is_empty() {
            "it has no quote"
        } else {
            "its quote is too short to say where it is from"
        };
        return Err(discard(claimed, reason.to_owned()));
    }
    let reviewed = match reviewed {
        Ok(reviewed) => reviewed,
        Err(reason) => return Err(discard(claimed, reason)),
    };
    let stated = claimed.line.unwrap_or(0);
    let readings = std::iter::once(claimed.quote.clone()).chain(sides(&claimed.quote));
    let Some((line, of_place)) = readings.into_iter().find_map(|quote| place(&reviewed, &quote, stated))
    else {
        return Err(discard(claimed, format!("its quote was not found in {}", reviewed.file)));
    };
    let is_there = has_line(&claimed.quote, line, stated);
    let stated_severity = Severity::written(&claimed.severity);
    let has_scenario = claimed.scenario.trim().chars().count() >= LEAST_SCENARIO
        && claimed.scenario.trim() != claimed.claim.trim();
    let severity = if has_scenario { stated_severity } else { stated_severity.lowered() };
    let severity_stated = (severity != stated_severity).then_some(stated_severity);
    Ok(Finding {
        id: String::new(),
        file: reviewed.file.to_owned(),
        line,
        quote: short(claimed.quote.trim_matches('\n'), 600),
        claim: short(&claimed.claim, 600),
        scenario: short(&claimed.scenario, 1_200),
        severity,
        severity_stated,
        found_by: vec![by.to_owned()],
        status: if is_there { Status::Exact } else { Status::Moved },
        line_stated: claimed.line.filter(|_| !is_there),
        note: note(of_place, severity_stated),
        also: Vec::new(),
        fix: None,
    })
}

/// The note of a finding: the remark on its place, and the remark on a lowered severity.
fn note(of_place: Option<String>, severity_stated: Option<Severity>) -> Option<String> {
    let notes: Vec<String> =
        of_place.into_iter().chain(severity_stated.map(|_| LOWERED.to_owned())).collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}

/// The part of a note that remarks on the place.
fn note_of_place(note: Option<&str>) -> Option<String> {
    let of_place = note?.trim_end_matches(LOWERED).trim_end_matches("; ");
    (!of_place.is_empty()).then(|| of_place.to_owned())
}

impl Finding {
    /// Notes that the reviewer named the file by its name before the change, `was`.
    pub fn renamed(mut self, was: &str) -> Self {
        let note = format!("the reviewer named {was}, as the file was called before the change");
        self.note = Some(self.note.take().map_or_else(|| note.clone(), |more| format!("{note}; {more}")));
        self.status = Status::Moved;
        self
    }
}

/// True if a quote that begins in `line` has the stated line: a reviewer may name any line of a quote of
/// several lines.
fn has_line(quote: &str, line: usize, stated: usize) -> bool {
    let length = quote.lines().filter(|line| !line.trim().is_empty()).count().max(1);
    (line..line + length).contains(&stated)
}

/// The line in which a quote begins, with a remark if the change removes that line or if nobody was shown it.
/// A line that nobody was shown is the place only if the reviewer named it, or if the quote is nowhere else.
fn place(reviewed: &Reviewed<'_>, quote: &str, stated: usize) -> Option<(usize, Option<String>)> {
    let wanted = one_line(quote);
    if wanted.chars().filter(|letter| letter.is_alphanumeric()).count() < LEAST_QUOTE {
        return None;
    }
    let mut budget = SearchBudget::default();
    let mut find = |first, last| match reviewed.lines.find(quote, first, last, &mut budget) {
        Sought::At(line) => Some(line),
        Sought::Nowhere | Sought::NotLookedFor => None,
    };
    let found = find(stated.max(1), stated.max(1));
    let parts = reviewed.shown.unwrap_or(&[(0, usize::MAX)]);
    let is_shown = |line: &usize| parts.iter().any(|(first, last)| (*first..=*last).contains(line));
    if let Some(line) = found.filter(is_shown) {
        return Some((line, None));
    }
    let apart = |line: &usize| line.abs_diff(stated);
    let is_named = |line: &usize| has_line(quote, *line, stated);
    let runs = reviewed.removed.chunk_by(|one, next| one.0 + 1 == next.0);
    let gone = runs.flat_map(|run| places_in_run(run, &wanted)).min_by_key(apart);
    let unshown = |line| (line, Some(UNSEEN.to_owned()));
    let removed = |line| (line, Some(REMOVED.to_owned()));
    let named = gone.filter(is_named).map(removed).or(found.filter(is_named).map(unshown));
    named.or_else(|| {
        // Another equal line may be nearer to the beginning of a part, or to its end.
        let ends =
            found.into_iter().flat_map(|_| parts).flat_map(|(first, last)| [(*first, *last), (*last, *last)]);
        let shown = ends.filter_map(|(first, last)| find(first, last)).filter(is_shown).min_by_key(apart);
        shown.map(|line| (line, None)).or(gone.map(removed)).or(found.map(unshown))
    })
}

/// The lines in which a quote on one line begins, among removed lines that followed one another.
fn places_in_run(run: &[(usize, String)], wanted: &str) -> Vec<usize> {
    let mut text = String::new();
    let mut starts = Vec::new();
    for (number, line) in run {
        let line = one_line(line);
        if !text.is_empty() && !line.is_empty() {
            text.push(' ');
        }
        starts.push((text.len(), *number));
        text.push_str(&line);
    }
    let line = |at: usize| starts.iter().rev().find(|(start, _)| *start <= at).map(|(_, number)| *number);
    text.match_indices(wanted).filter_map(|(at, _)| line(at)).collect()
}

/// Both sides of a quote with the signs of a diff: the new lines, and the old ones.
fn sides(quote: &str) -> impl Iterator<Item = String> {
    let has_signs = quote.lines().any(|line| line.starts_with(['+', '-']));
    let side = move |sign: char| {
        let lines = quote.lines().filter_map(move |line| line.strip_prefix([sign, ' ']));
        lines.collect::<Vec<_>>().join("\n")
    };
    ['+', '-'].into_iter().filter(move |_| has_signs).map(side)
}

/// The result of a review in one line: counts of findings by severity, reviewers and discarded findings.
pub fn summary(findings: &[Finding], discarded: usize, reviewers: usize) -> String {
    let by: Vec<String> = Severity::ALL
        .iter()
        .copied()
        .filter_map(|severity| {
            let many = findings.iter().filter(|finding| finding.severity == severity).count();
            (many > 0).then(|| format!("{many} {}", severity.name()))
        })
        .collect();
    let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
    format!(
        "{}{by} from {}; {} discarded",
        count(findings.len(), "finding"),
        count(reviewers, "reviewer"),
        count(discarded, "finding")
    )
}

fn count(many: usize, what: &str) -> String {
    things(many as u64, what)
}

fn short(text: &str, most: usize) -> String {
    cut(text.trim_end(), most)
}

// Merging and ranking.

/// The most lines between two findings of the same place.
const NEAR: usize = 4;
/// The least similarity of the words of two findings of the same place that are merged. It is halved if one
/// quote contains the other, and else raised by half.
const ALIKE: f64 = 0.22;

/// Merges findings of the same place with similar claims. Findings of a single reviewer stay, since most
/// defects are found by one reviewer only.
pub fn merged(all: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    for finding in all {
        match kept.iter_mut().find(|other| is_same(other, &finding)) {
            Some(same) => join(same, finding),
            None => kept.push(finding),
        }
    }
    kept
}

fn is_same(one: &Finding, other: &Finding) -> bool {
    if one.file != other.file || one.line.abs_diff(other.line) > NEAR {
        return false;
    }
    let said = |finding: &Finding| format!("{} {}", finding.claim, finding.scenario);
    let alike = mean_pairwise(&[said(one), said(other)]).unwrap_or(0.0);
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let (quote, others) = (squeezed(&one.quote), squeezed(&other.quote));
    // A reviewer that quotes two places means two defects, even if it describes them in the same words.
    if quote != others && other.found_by.iter().any(|by| one.found_by.contains(by)) {
        return false;
    }
    let shares = quote.contains(&others) || others.contains(&quote);
    // Two different defects of one line have few words in common.
    alike >= if shares { ALIKE / 2.0 } else { ALIKE * 1.5 }
}

fn join(same: &mut Finding, other: Finding) {
    for name in other.found_by {
        if !same.found_by.contains(&name) {
            same.found_by.push(name);
        }
    }
    let gives_the_place = other.status < same.status;
    let (elsewhere, what) =
        if gives_the_place { (same.line, &same.claim) } else { (other.line, &other.claim) };
    let place = (same.line != other.line).then(|| format!("line {elsewhere}: {what}"));
    let claim = (gives_the_place || place.is_none()).then(|| other.claim.clone());
    for also in place.into_iter().chain(claim.filter(|claim| !claim.is_empty() && *claim != same.claim)) {
        if !same.also.contains(&also) {
            same.also.push(also);
        }
    }
    if other.severity < same.severity {
        same.severity = other.severity;
        same.severity_stated = other.severity_stated;
    }
    if same.scenario.len() < other.scenario.len() && same.scenario.trim().is_empty() {
        same.scenario = other.scenario;
    }
    let mut of_place = note_of_place(same.note.as_deref());
    if gives_the_place {
        of_place = note_of_place(other.note.as_deref());
        same.status = other.status;
        same.line_stated = other.line_stated;
        same.line = other.line;
        same.quote = other.quote;
    }
    same.note = note(of_place, same.severity_stated);
}

/// Sorts findings by how well they are verified, then by severity, then by place. The number of reviewers
/// that report one does not count.
pub fn ranked(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.order_by(|one, other| {
        let key = |finding: &Finding| (verified(finding), finding.severity);
        key(one).cmp(&key(other)).then_with(|| (&one.file, one.line).cmp(&(&other.file, other.line)))
    });
    findings
}

fn verified(finding: &Finding) -> u8 {
    match (finding.fix.as_ref().map(|fix| fix.status), finding.status) {
        (Some(FixStatus::Proven), _) => 0,
        (_, Status::Exact) => 1,
        (_, Status::Moved) => 2,
        (_, Status::Absent) => 3,
    }
}

// Reading the reviewers' answers: findings, and the fixes that are asked for afterwards.

/// A fix that a reviewer proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The id of the finding.
    pub id: String,
    /// The diff.
    pub patch: String,
}

/// Reads the findings of an answer: at most [`MOST_FINDINGS`], and the number of entries that were not read.
///
/// # Errors
///
/// The answer has no list of findings, or none of its entries can be read.
pub fn findings(answer: &str) -> Result<(Vec<Claimed>, usize), String> {
    let found = document(answer).map_err(|error| error.to_string())?;
    let list = entries(&found.value, "findings").ok_or("the answer has no list of findings")?;
    let all: Vec<&Map<String, Value>> = list.iter().filter_map(Value::as_object).collect();
    let entries = list.iter().filter(|entry| !entry.is_null()).count();
    if all.is_empty() && entries > 0 {
        return Err("the answer's findings are no objects with file, line and quote".to_owned());
    }
    let read: Vec<Claimed> = all.into_iter().take(MOST_FINDINGS).map(claimed).collect();
    let unread = entries - read.len();
    Ok((read, unread))
}

/// Reads the fixes of an answer. A single diff without a document is a fix without an id.
pub fn fixes(answer: &str) -> Vec<Fix> {
    let found = document(answer).ok();
    let Some(list) = found.as_ref().and_then(|found| entries(&found.value, "fixes")) else {
        return bare_diff(answer).map(|patch| Fix { id: String::new(), patch }).into_iter().collect();
    };
    let fix = |value: &Value| {
        let fields = value.as_object()?;
        let number = || Some(fields.get("id").or_else(|| fields.get("finding"))?.as_u64()?.to_string());
        let id = Some(text(fields, &["id", "finding"])).filter(|id| !id.is_empty()).or_else(number);
        let patch = text(fields, &["patch", "diff"]);
        Some(Fix { id: id.unwrap_or_default(), patch }).filter(|fix| !fix.patch.trim().is_empty())
    };
    list.iter().filter_map(fix).take(MOST_FINDINGS).collect()
}

impl Fix {
    /// True if the reviewer's id means this finding: `F1` may be written `f1`, `#1`, `Finding 1` or `1`.
    pub fn is_for(&self, finding: &str) -> bool {
        let number = |id: &str| {
            let mut numbers =
                id.split(|letter: char| !letter.is_ascii_digit()).filter(|part| !part.is_empty());
            numbers.next().map(str::to_owned).filter(|_| numbers.next().is_none())
        };
        self.id == finding || number(&self.id).is_some_and(|id| number(finding) == Some(id))
    }
}

/// The only diff in a text: in a fence, or as the whole text.
fn bare_diff(answer: &str) -> Option<String> {
    let begins = |text: &str| {
        let text = text.trim_start();
        ["diff --git ", "--- ", "*** Begin Patch"].iter().any(|begin| text.starts_with(begin))
    };
    let said = spoken(answer);
    let said = said.text();
    let (mut blocks, mut walk) = (Vec::new(), FenceWalk::default());
    for line in said.lines() {
        match walk.step(line) {
            FenceLine::Begins(_) => blocks.push(String::new()),
            FenceLine::Inside => blocks.iter_mut().rev().take(1).for_each(|block| {
                block.push_str(line);
                block.push('\n');
            }),
            FenceLine::Ends | FenceLine::Outside => {}
        }
    }
    blocks.retain(|block| begins(block));
    match blocks.len() {
        0 => begins(said).then(|| plain(said).into_owned()),
        1 => blocks.pop().map(|block| plain(&block).into_owned()),
        _ => None,
    }
}

fn entries<'a>(value: &'a Value, name: &str) -> Option<&'a Vec<Value>> {
    value.as_array().or_else(|| value.get(name)?.as_array())
}

fn claimed(fields: &Map<String, Value>) -> Claimed {
    let number = |value: &Value| {
        let number = value.as_u64().or_else(|| {
            let text = value.as_str()?.trim_start_matches(|letter: char| !letter.is_ascii_digit());
            let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        });
        number.and_then(|number| usize::try_from(number).ok()).filter(|line| *line > 0)
    };
    let file = text(fields, &["file", "path", "filename"]);
    let (file, behind) = with_line(&file);
    Claimed {
        file: file.replace('\\', "/"),
        line: ["line", "start_line", "line_number"]
            .iter()
            .find_map(|name| number(fields.get(*name)?))
            .or(behind),
        quote: unfenced(&text(fields, &["quote", "code", "snippet"])),
        claim: text(fields, &["claim", "title", "summary", "message", "description"]),
        scenario: text(fields, &["scenario", "failure_scenario", "impact", "how"]),
        severity: text(fields, &["severity", "level", "priority"]),
    }
}

/// The ways in which reviewers write a line after the name of its file.
static WITH_LINE: Pattern = Pattern::new(
    r"\A(?P<file>.+?)(?::L?(?P<a>\d{1,7})(?:[:–-]L?\d{1,7})*|#L(?P<b>\d{1,7})(?:C\d+)?(?:-L?\d+(?:C\d+)?)?|:\[(?P<c>\d{1,7})(?:,\d+)?\]|,? \(?[Ll]ines? (?P<d>\d{1,7})(?: ?[-–] ?\d+)?\)?)\z",
);

/// A file as a reviewer names it, without marks around it, and the line after the name.
fn with_line(written: &str) -> (String, Option<usize>) {
    let written = unmarked(written);
    let Some(caught) = WITH_LINE.captures(written) else { return (written.to_owned(), None) };
    let line = ["a", "b", "c", "d"].iter().find_map(|name| caught.name(name)?.as_str().parse().ok());
    let file = caught.name("file").map_or(written, |file| file.as_str());
    (unmarked(file).to_owned(), line)
}

/// A name without quotes, backticks or asterisks around it.
fn unmarked(name: &str) -> &str {
    let mut name = name.trim();
    while let Some(inner) =
        ['`', '"', '\'', '*'].iter().find_map(|mark| name.strip_prefix(*mark)?.strip_suffix(*mark))
    {
        name = inner.trim();
    }
    name
}

/// The first of several fields with a text, without terminal sequences. Empty if there is none.
fn text(fields: &Map<String, Value>, names: &[&str]) -> String {
    let found = names.iter().find_map(|name| fields.get(*name)?.as_str().filter(|text| !text.is_empty()));
    plain(found.unwrap_or_default()).into_owned()
}

/// A quote without code fences or backquotes around it, and without the line numbers of the material.
fn unfenced(quote: &str) -> String {
    let quote = quote.trim_matches('\n');
    let code = whole(quote).map_or(quote, |fenced| fenced.inside);
    let inner = code.trim().strip_prefix('`').and_then(|inner| inner.strip_suffix('`'));
    let code = inner.filter(|inner| !inner.contains('`')).unwrap_or(code);
    code.lines().map(without_number).collect::<Vec<_>>().join("\n")
}

/// A line without the number that the material shows before it, as in `  12 | code` or `  12 +| code`.
fn without_number(line: &str) -> &str {
    let rest = line.trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let after = rest.get(digits..).unwrap_or_default().trim_start();
    match after.strip_prefix("| ").or_else(|| after.strip_prefix("+| ")).or_else(|| after.strip_prefix("-| "))
    {
        Some(code) if digits > 0 || after.starts_with("-| ") => code,
        Some(_) | None => line,
    }
}

#[cfg(test)]
mod tests;
