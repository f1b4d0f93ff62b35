//! Asks the human for a decision, if the client can, and records it.

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{CallToolResponse, ElicitRequestParams};
use rmcp::service::RequestContext;
use serde_json::{Map, Value};

use super::dialog::{
    Answer, Asking, Choices, CriticalQuestion, Decided, Era, Form, Means, Offered, Retry, Seal, Subject,
    Word, ask_legacy, ask_modern, asking, read_modern,
};
use super::polish::{EVERY, waiting};
use crate::domain::approvals::DecidedBy;
use crate::domain::cut::{columns, fitted, head};
use crate::domain::decision::{self, contradictions};
use crate::domain::event::{Decision, Opened};
use crate::domain::language::Language;
use crate::domain::question::{self, Priority};
use crate::domain::report::{self, Report};
use crate::domain::text::{Text, say};
use crate::domain::typed::from_value;
use crate::error::{ApprovalProblem, Error};
use crate::flow::approval::{Dialog, PATIENCE};
use crate::flow::approval::{Reviewed, Settled, Verdict, decide, find, is_open, is_used, use_up};
use crate::flow::log::Log;
use crate::flow::progress::Progress;
use crate::host::browser::has_display;
use crate::host::config::Approvals;
use crate::host::human::harmless;
use crate::page::Page;
use crate::tools::catalogue::Handle;

/// Time without a viewer of the page after which the human is asked again.
const UNWATCHED: Duration = Duration::from_secs(60);

const LOOK: Duration = Duration::from_secs(1);

/// Answer to a human who claims to have decided, and has not.
const UNDECIDED_YET: &str = "Nothing is decided yet: record your decision on the page, then go on here.";

/// Answer to a client that shows only addresses, while the page is switched off.
const NO_PAGE: &str = "the page is switched off (MAESTRO_PAGE), and this client shows no form: the human decides in a terminal of their own, with `maestro-mcp approvals`";

/// Columns of a title in a form, and of a description, on a screen of 80 columns.
const TITLE: usize = 40;
const DESCRIPTION: usize = 67;

/// The field of the choice to go on with.
const CHOSEN: &str = "chosen";

/// Characters of a choice in a dialog.
const MOST_OF_A_CHOICE: usize = 160;

/// Characters of a report in a dialog.
const MOST_CHARS: usize = 6_000;

/// The first version of Claude Code that asks its human at every call of a tool that wants it.
const CLAUDE_CODE_ASKS: [u64; 3] = [2, 1, 199];

/// The way to ask the human during a call; `None` if the client has none, or if decisions are relayed.
pub(crate) fn channel(approvals: Approvals, context: &RequestContext<RoleServer>) -> Option<Asking> {
    match approvals {
        Approvals::Relay => None,
        Approvals::Ask | Approvals::Human => asking(context),
    }
}

/// True if the client showed its own dialog for this call, in every mode and without exception. Then the
/// call's arguments are the human's word.
pub(crate) fn client_has_asked(context: &RequestContext<RoleServer>) -> bool {
    let Some(client) = context.client_info() else { return false };
    let mut parts = client.version.split(['.', '-', '+']).map_while(|part| part.parse::<u64>().ok());
    let version = [(); 3].map(|()| parts.next().unwrap_or(0));
    client.name == "claude-code" && version >= CLAUDE_CODE_ASKS
}

pub(crate) enum Told {
    /// The human decided, here or elsewhere.
    Settled(Box<Settled>),
    /// The human was asked and did not decide.
    Undecided(&'static str),
    /// The call ends with the question, and is made again with the answer.
    AskAgain(Box<CallToolResponse>),
}

/// The sheet that the human decides on: a form or the page.
enum Sheet<'a> {
    Form(Form),
    Page(&'a Page),
}

impl Sheet<'_> {
    fn form(&self) -> Option<&Form> {
        match self {
            Self::Form(form) => Some(form),
            Self::Page(_) => None,
        }
    }
}

/// The page's address for a request.
fn target(open: &Reviewed) -> String {
    format!("decide/{}", open.request.id)
}

/// A question to the human about a request.
pub(crate) struct Question<'a> {
    pub(crate) maestro: &'a Handle,
    pub(crate) context: &'a RequestContext<RoleServer>,
    pub(crate) retry: &'a Retry,
    pub(crate) progress: &'a Progress,
    /// The dialog that was announced with the request.
    pub(crate) ahead: Option<&'a Dialog>,
}

impl Question<'_> {
    fn is_ahead(&self, open: &Reviewed) -> Option<&Dialog> {
        self.ahead.filter(|ahead| ahead.stands_for(&open.request.id))
    }

    /// Records an open dialog for as long as this call waits; `None` if the log has one already.
    async fn opened(&self, open: &Reviewed) -> Result<Option<Dialog>, Error> {
        match self.is_ahead(open) {
            Some(_) => Ok(None),
            None => Dialog::open(&self.maestro.kit.log, open).await.map(Some),
        }
    }

    /// Records an open dialog that another call will answer.
    async fn noted(&self, open: &Reviewed) -> Result<(), Error> {
        match self.is_ahead(open) {
            Some(ahead) => ahead.leave_open(),
            None => Dialog::open(&self.maestro.kit.log, open).await?.leave_open(),
        }
        Ok(())
    }

    /// Asks the human to decide on a request.
    pub(crate) async fn ask(&self, asking: Asking, open: &Reviewed, aside: &str) -> Result<Told, Error> {
        let has_page = self.maestro.kit.config.settings().page;
        let is_on_page = match asking.means {
            Means::Form => false,
            Means::Page if !has_page => return Ok(Told::Undecided(NO_PAGE)),
            Means::Page => true,
            Means::Both => has_page && self.maestro.page().await.inspect_err(no_page).is_ok(),
        };
        let sheet = if is_on_page {
            Sheet::Page(self.maestro.page().await?)
        } else {
            Sheet::Form(form(open, aside, self.maestro.kit.config.loaded().language())?)
        };
        let told = match asking.era {
            Era::Legacy => Box::pin(self.legacy(open, &sheet, aside)).await?,
            Era::Modern => self.modern(open, &sheet, aside).await?,
        };
        if let (Sheet::Page(page), Told::Settled(_) | Told::Undecided(_)) = (&sheet, &told) {
            page.revoke(&target(open));
        }
        Ok(told)
    }

    /// Asks during the call, and waits for a decision there, in a terminal, or anywhere else.
    async fn legacy(&self, open: &Reviewed, sheet: &Sheet<'_>, aside: &str) -> Result<Told, Error> {
        // While it is open, a relayed decision does not count.
        let _shown = self.opened(open).await?;
        let form = sheet.form();
        let ask = async |shown| {
            let decided = decided_elsewhere(&self.maestro.kit.log, &open.request.id);
            ask_legacy(self.context, shown, form, self.progress, PATIENCE, decided).await
        };
        let mut word = ask(self.shown(sheet, open, aside)?).await;
        if let (Some(form), Some(aside)) = (form, asked_back(open, word.as_ref())) {
            word = ask(form.again(&aside).params(self.choices())).await;
        }
        self.settle(open, word, None).await
    }

    /// Asks by the result of the call, or continues with the answer that the call brings.
    async fn modern(&self, open: &Reviewed, sheet: &Sheet<'_>, aside: &str) -> Result<Told, Error> {
        let seal = seal(&self.maestro.kit.log).await?;
        let is_back = self.retry.subject(&seal)?.is_some_and(|subject| subject.is_back);
        let again = async |shown, is_back| {
            let state = self.retry.sealed(&seal, &subject(open, is_back))?;
            self.noted(open).await?;
            Ok(Told::AskAgain(Box::new(ask_modern(shown, state))))
        };
        let answer = read_modern(&seal, self.retry, &subject(open, is_back), sheet.form())?;
        if let Some(Answer { nonce, .. }) = &answer {
            let log = &self.maestro.kit.log;
            // The same answer to a form a second time is refused below.
            let decides = sheet.form().is_some() && !self.retry.looks_again();
            let is_again = decides && is_used(log, nonce.clone()).await?;
            if !is_again && !is_open(log, &open.request.id).await? {
                return self.elsewhere(open).await;
            }
        }
        let Some(Answer { word, nonce }) = answer.filter(|_| !self.retry.looks_again()) else {
            return again(self.shown(sheet, open, aside)?, is_back).await;
        };
        let back = asked_back(open, Some(&word)).filter(|_| !is_back);
        if matches!(word, Word::Decided(_)) && back.is_none() {
            return self.settle(open, Some(word), Some(nonce)).await;
        }
        use_up(&self.maestro.kit.log, &open.request.id, nonce).await?;
        match (sheet, back, word) {
            (Sheet::Form(form), Some(aside), _) => {
                again(form.again(&aside).params(self.choices()), true).await
            }
            (Sheet::Page(page), _, Word::Went) if self.decided_on(page, open).await? => {
                self.elsewhere(open).await
            }
            (Sheet::Page(page), _, Word::Went) => {
                again(self.address(page, open, UNDECIDED_YET)?, is_back).await
            }
            (_, _, word) => self.settle(open, Some(word), None).await,
        }
    }

    fn shown(&self, sheet: &Sheet<'_>, open: &Reviewed, aside: &str) -> Result<ElicitRequestParams, Error> {
        match sheet {
            Sheet::Form(form) => Ok(form.params(self.choices())),
            Sheet::Page(page) => self.address(page, open, aside),
        }
    }

    fn choices(&self) -> Choices {
        Choices::of(self.context.protocol_version().as_ref())
    }

    /// Waits for the decision of a human who opened the page; false once the page has no viewer any more.
    async fn decided_on(&self, page: &Page, open: &Reviewed) -> Result<bool, Error> {
        let _shown = self.opened(open).await?;
        let decided = async {
            tokio::select! {
                biased;
                () = decided_elsewhere(&self.maestro.kit.log, &open.request.id) => true,
                () = nobody_looks(page) => false,
            }
        };
        Ok(waiting(self.progress, "your decision on the page", EVERY, decided).await)
    }

    /// The request to open the page, with the main points of the decision: if no browser opens, it is all
    /// that the human sees.
    fn address(&self, page: &Page, open: &Reviewed, aside: &str) -> Result<ElicitRequestParams, Error> {
        let environment = self.maestro.kit.config.environment();
        let report = report_of(open)?;
        let [what, heart, risk] = report::heart(&report, self.maestro.kit.config.loaded().language());
        let way = format!("maestro-mcp page {}", open.request.id);
        let lines = if has_display(environment) {
            [what, heart, risk, "Opening it decides nothing; you decide on the page.".to_owned()]
        } else {
            [what, heart, format!("No display here. In a terminal of your own: {way}"), risk]
        };
        let message = lines.join("\n");
        // The model's words never push the decision out of the first rows.
        let message = match aside {
            "" => message,
            UNDECIDED_YET => format!("{aside}\n{message}"),
            _ => format!("{message}\n{aside}"),
        };
        Ok(ElicitRequestParams::UrlElicitationParams {
            meta: None,
            message: harmless(&message),
            url: page.link(&target(open), Opened::Dialog, PATIENCE)?,
            elicitation_id: open.request.id.clone(),
        })
    }

    /// Records the human's answer. The first decision is final, wherever it came from.
    async fn settle(
        &self,
        open: &Reviewed,
        word: Option<Word>,
        nonce: Option<String>,
    ) -> Result<Told, Error> {
        let decided = match word {
            Some(Word::Decided(decided)) => decided,
            Some(word) => return Ok(Told::Undecided(why_not(&word, &open.request.id))),
            None => return self.elsewhere(open).await,
        };
        match decide(&self.maestro.kit, verdict(open, decided, nonce)).await {
            Ok(settled) => Ok(Told::Settled(Box::new(settled))),
            Err(Error::Approval(ApprovalProblem::Contradiction { .. })) => {
                Ok(Told::Undecided("a revision was requested without a word on what to change"))
            }
            Err(error) => Err(error),
        }
    }

    /// The decision that was made elsewhere, or the refusal because the run has ended.
    async fn elsewhere(&self, open: &Reviewed) -> Result<Told, Error> {
        let settled = find(&self.maestro.kit.log, &open.request.id).await?.settled()?;
        tracing::info!(
            request = settled.request.id,
            decision = settled.decided.decision.name(),
            by = settled.decided.decided_by.words(),
            "decided elsewhere while the form was open"
        );
        Ok(Told::Settled(Box::new(settled)))
    }
}

/// Why an answer decides nothing.
fn why_not(word: &Word, request: &str) -> &'static str {
    match word {
        Word::ReadsFirst => {
            "the human wants to read everything first: show them `display` word for word and end your turn; when they say that they have read it, make the same call again, and they are asked again"
        }
        Word::Declined => "the human declined to answer",
        Word::Cancelled => "the dialog was closed without a decision",
        Word::TimedOut => "nobody answered",
        Word::Went | Word::Decided(_) => "nothing was decided",
        Word::Unreadable(why) => {
            tracing::warn!(request, why, "an answer to a form cannot be read, and is no approval");
            "the answer could not be read, so it does not count as an approval"
        }
    }
}

/// Logs that the page cannot be served, so that the form is used.
fn no_page(error: &Error) {
    tracing::warn!(%error, "the page cannot be served, so the client is asked by a form");
}

/// Waits until the page has had no viewer for a while.
async fn nobody_looks(page: &Page) {
    let mut since = Duration::ZERO;
    while since < UNWATCHED {
        tokio::time::sleep(LOOK).await;
        since = if page.is_watched() { Duration::ZERO } else { since + LOOK };
    }
}

/// The question about a contradiction between a decision and its answers, if there is one.
fn asked_back(open: &Reviewed, word: Option<&Word>) -> Option<String> {
    let Some(Word::Decided(decided)) = word else { return None };
    let verdict = verdict(open, decided.clone(), None);
    let responses = question::read(open.request.asked.stage, &verdict.responses).ok()?;
    let found = contradictions(verdict.decision, &responses, verdict.words());
    (!found.is_empty()).then(|| decision::asked_back(verdict.decision, &found))
}

fn verdict(open: &Reviewed, decided: Decided, nonce: Option<String>) -> Verdict {
    let is_revision = decided.decision == Decision::Revise;
    let mut responses: Map<String, Value> =
        decided.responses.into_iter().map(|(id, said)| (id, Value::String(said))).collect();
    let chosen = responses.remove(CHOSEN).and_then(|said| said.as_str().map(str::to_owned));
    Verdict {
        chosen,
        // A person who answered a form was already asked again about contradictions.
        is_meant: true,
        request: open.request.id.clone(),
        decision: decided.decision,
        decided_by: DecidedBy::Elicitation,
        opened: None,
        revision_instructions: decided.comment.clone().filter(|_| is_revision),
        feedback: decided.comment.filter(|_| !is_revision),
        responses,
        seen: Some(open.request.asked.digest.clone()),
        nonce,
    }
}

/// Waits until a request is decided elsewhere, for example in a terminal, or until its run has ended.
async fn decided_elsewhere(log: &Log, request: &str) {
    loop {
        match is_open(log, request).await {
            Ok(false) => return,
            Ok(true) => log.journal().changed().await,
            Err(error) => {
                tracing::warn!(%error, "the log cannot be watched while a dialog is open");
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
    }
}

/// The request that a call with an answer is about.
pub(crate) async fn answers(log: &Log, retry: &Retry) -> Result<Option<String>, Error> {
    if !retry.has_answer() {
        return Ok(None);
    }
    Ok(retry.subject(&seal(log).await?)?.map(|subject| subject.request_id))
}

async fn seal(log: &Log) -> Result<Seal, Error> {
    Ok(Seal::new(&log.seal_key().await?))
}

fn subject(open: &Reviewed, is_back: bool) -> Subject {
    Subject {
        workflow_id: open.run.id.clone(),
        request_id: open.request.id.clone(),
        stage: open.request.asked.stage.name().to_owned(),
        digest: open.request.asked.digest.clone(),
        is_back,
    }
}

/// The report of a request.
pub(super) fn report_of(open: &Reviewed) -> Result<Report, Error> {
    from_value(open.request.asked.report.clone())
        .map_err(|error| Error::Internal(format!("the report of a request: {error}")))
}

/// The form of a request in one language: the main points of the report first, then further remarks and the
/// critical questions.
fn form(open: &Reviewed, aside: &str, language: Language) -> Result<Form, Error> {
    let report = report_of(open)?;
    let shown = report::dialog(&report, MOST_CHARS, language);
    let [_, _, risk] = report::heart(&report, language);
    let choices: Vec<Offered> = report
        .choices
        .iter()
        .map(|choice| Offered::plain(head(&choice.line(), MOST_OF_A_CHOICE).to_owned()))
        .collect();
    let choice = (!choices.is_empty()).then(|| CriticalQuestion {
        id: CHOSEN.to_owned(),
        title: say!("which_goes_on").of(language).to_owned(),
        description: say!("left_empty").of(language).to_owned(),
        options: choices,
    });
    let critical = report.questions.into_iter().filter(|question| question.priority == Priority::Critical);
    let asked = critical.map(|question| {
        let text = question.question.of(language);
        let offered = |option: &Text| Offered {
            value: option.english().to_owned(),
            title: option.of(language).to_owned(),
        };
        let context = question.context.as_ref().map(|context| context.of(language));
        let (title, description) = labelled(text, context);
        CriticalQuestion {
            title,
            description,
            options: question.options.iter().map(offered).collect(),
            id: question.id,
        }
    });
    let name = report.stage_display_name.of(language);
    Ok(Form {
        message: if aside.is_empty() { shown } else { format!("{shown}\n\n{aside}") },
        title: format!("Maestro: {name}"),
        critical: choice.into_iter().chain(asked).collect(),
        language,
        hint: fitted(&risk, DESCRIPTION),
    })
}

/// Title and description of a question, short enough that no client cuts them. The description has the whole
/// question, with its context if there is room. Of a question that is too long, the description has the first
/// sentence, and the title also has the quoted word that means "nothing".
fn labelled(text: &str, context: Option<&str>) -> (String, String) {
    let fits = |text: &String| columns(text) <= DESCRIPTION;
    let whole = context.map(|context| format!("{text} ({context})")).filter(fits);
    let alone = text.to_owned();
    if let Some(description) = whole.or_else(|| Some(alone).filter(fits)) {
        return (fitted(text, TITLE), description);
    }
    let (asked, rest) = text.split_once("? ").map_or((text, ""), |(asked, rest)| (asked, rest));
    let asked = if rest.is_empty() { asked.to_owned() } else { format!("{asked}?") };
    let word = rest.split('"').nth(1).map(|word| format!(" (\"{word}\")")).unwrap_or_default();
    let room = TITLE.saturating_sub(columns(&word));
    (format!("{}{word}", fitted(&asked, room)), asked)
}

/// The error for a request without a decision.
pub(crate) fn undecided(request: &str, why: &'static str) -> Error {
    ApprovalProblem::Undecided { request: request.to_owned(), why }.into()
}
