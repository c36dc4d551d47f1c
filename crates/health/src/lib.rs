//! Whether mail access works, and what is to blame if it does not.
//!
//! A **probe** makes one attempt and reports an [`Observation`]; a **monitor** turns observations into a [`Verdict`]: an
//! [`AlertValue`] with its [`Reason`], since when, and what is to blame. A **health set** is the probes and monitors of
//! one component. What there is stands in [`definition`], as data: which probes run where and how often, which monitors
//! judge them by which [rule](definition::Rule), and on what each depends.
//!
//! Nothing is latched. A verdict is made anew from what was observed lately, at every pass; what nobody has observed
//! lately is [`AlertValue::Unavailable`] and never Healthy.
//!
//! What is done about it is decided in [`recovery`].
//!
//! Not for: reaching a server (that is `probe`), keeping results, or doing anything. No clock, no file and
//! no socket is here: the time comes in.

mod alert_value;
mod blame;
pub mod definition;
mod distrust;
mod explanation;
mod identity;
mod judge;
mod observation;
mod phase;
pub mod recovery;
mod samples;
pub mod spread;
mod summary;
mod tuning;
mod verdict;
mod watch_list;
mod words;

pub use alert_value::{AlertValue, ServerComponentState};
pub use blame::blame;
pub use distrust::distrust;
pub use explanation::{Explanation, explain, page};
pub use identity::{ItemIdentity, ItemKind, UnknownItem};
pub use judge::{Case, judge, time_to_settle};
pub use observation::{Failure, FailureReason, Finding, Line, Observation, Outcome, PhaseTime, Speaker};
pub use phase::{Part, Phase};
pub use placement::{Moment, UnixMillis};
pub use samples::{Sample, Samples};
pub use summary::{HealthSetSummary, component, component_state, health_sets};
pub use tuning::{BadOverride, MonitorTuning, Override, ProbeTuning, Property, RepairingMark, Tunings};
pub use verdict::{Blame, Reason, Verdict};
pub use watch_list::{COORDINATOR, Surroundings, Watched, watch_list};
