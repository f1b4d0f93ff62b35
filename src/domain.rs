//! The rules: pure functions over plain data, without a runtime, files, processes, a clock or randomness.
//!
//! Begin with [`event`] (the facts of the log), [`history`] (the fold over them) and [`workflow`] (the
//! state machine of a run). [`policy`], [`budget`] and [`spending`] say what a stage may cost, [`report`]
//! and [`question`] what a person reads before deciding. [`pack`] and [`mask`] make the text that a
//! consultant gets; [`answer`], [`redflag`], [`vote`] and [`select`] judge what comes back. [`diff`] reads
//! and applies a change, and [`verification`] decides which commands may check it.

pub(crate) mod address;
pub(crate) mod alike;
pub(crate) mod answer;
pub(crate) mod approvals;
pub(crate) mod beta;
pub(crate) mod breaker;
pub(crate) mod budget;
pub(crate) mod calibrate;
pub(crate) mod call_options;
pub(crate) mod catalogue;
pub(crate) mod chain;
pub(crate) mod change;
pub(crate) mod citations;
pub(crate) mod comment;
pub(crate) mod consultant;
pub(crate) mod coordination;
pub(crate) mod cut;
pub(crate) mod decision;
pub(crate) mod diff;
pub(crate) mod event;
pub(crate) mod evidence;
pub(crate) mod fence;
pub(crate) mod handover;
pub(crate) mod history;
pub(crate) mod job;
pub(crate) mod json_schema;
pub(crate) mod judge;
pub(crate) mod label;
pub(crate) mod language;
pub(crate) mod lineage;
pub(crate) mod mask;
pub(crate) mod measure;
pub(crate) mod microstep;
pub(crate) mod order;
pub(crate) mod pack;
pub(crate) mod packed;
pub(crate) mod pairs;
pub(crate) mod pattern;
pub(crate) mod permits;
pub(crate) mod plain;
pub(crate) mod policy;
pub(crate) mod prompt;
pub(crate) mod question;
pub(crate) mod redflag;
pub(crate) mod report;
pub(crate) mod review;
pub(crate) mod rule;
pub(crate) mod secret_path;
pub(crate) mod select;
pub(crate) mod served;
pub(crate) mod size;
pub(crate) mod spending;
pub(crate) mod stage;
pub(crate) mod text;
pub(crate) mod thread;
pub(crate) mod tokens;
pub(crate) mod toolbox;
pub(crate) mod toolset;
pub(crate) mod topology;
pub(crate) mod track_record;
pub(crate) mod typed;
pub(crate) mod validate;
pub(crate) mod verification;
pub(crate) mod vote;
pub(crate) mod words;
pub(crate) mod workflow;
