//! Making a rule from what is in the composer: the person chooses its action and what it applies to,
//! and [`Effect::SaveRule`] writes it into the configuration.

use super::{App, Dialog, Effect, Level, PickerPurpose};
use crate::api::{Body, Request};
use crate::inbox::Conversation;
use crate::rules::{Decision, Proposal, RuleAction as Then, RuleTable, Rules, Subject, proposals};
use crate::tui::app::prompt::Prompt;
use crate::tui::picker::{Choice, Picker};
use crate::tui::text::format::agent_name;

/// A rule that is to be saved, and the reply that it was made from.
#[derive(Debug, Clone)]
pub struct NewRule {
    /// The rule.
    pub rule: RuleTable,
    source: RuleSource,
}

/// The reply that a rule was made from, with all that rules match on.
#[derive(Debug, Clone)]
struct RuleSource {
    agent: String,
    title: String,
    directory: Option<String>,
    request: Request,
    item: Body,
}

/// A rule that is being made in dialogs.
#[derive(Debug)]
pub(super) struct PendingRule {
    item: Body,
    then: Then,
    proposals: Vec<Proposal>,
}

/// Compares the rules alone: what they were made from cannot be compared.
impl PartialEq for NewRule {
    fn eq(&self, other: &Self) -> bool {
        self.rule == other.rule
    }
}

impl Eq for NewRule {}

impl NewRule {
    /// The decision of `rules` on the reply that this rule was made from, to check that the new rule
    /// applies to it.
    pub fn decided_by(&self, rules: &Rules) -> Option<Decision> {
        let source = &self.source;
        let subject = Subject {
            agent: &source.agent,
            title: &source.title,
            directory: source.directory.as_deref(),
            request: &source.request,
        };
        rules.of_item(&subject, &source.item)
    }
}

impl App {
    /// Begins to make a rule from what is in the composer.
    pub(super) fn make_rule(&mut self) {
        let Some(item) = self.target_item() else {
            return self.say(
                Level::Info,
                "a rule is made of a reply: type one, or show a draft",
            );
        };
        self.pending_rule = Some(PendingRule {
            item,
            then: Then::Hold,
            proposals: Vec::new(),
        });
        let choices = [
            ("hold", "It waits for you, in every mode"),
            ("send", "A draft of it is sent at once, in draft and auto"),
            ("reject", "The turn ends with an error in your words"),
        ];
        let choices = choices.map(|(name, about)| Choice::new(name, about));
        let picker = Picker::new("rule: what happens", choices.into());
        self.notice = None;
        self.dialog = Dialog::Picker(PickerPurpose::RuleAction, Box::new(picker));
    }

    /// The item that the rule is made from: what is in the composer, or the last part.
    fn target_item(&mut self) -> Option<Body> {
        if self.previewed_draft().is_some() {
            return None;
        }
        let composer = self.composer();
        let composed = match &composer.call {
            Some(call) if composer.kind == crate::tui::composer::ReplyKind::Tool => {
                Some(call.item())
            }
            _ => {
                let text = composer.text();
                let item = self.item_of_text(composer.kind, &text, &composer.options);
                item.ok().flatten()
            }
        };
        let last = || self.item_of(composer.parts.last()?).ok();
        composed.or_else(last)
    }

    /// Handles the choice of the rule's action, by its index in the list.
    pub(super) fn choose_rule_action(&mut self, index: usize) {
        match index {
            0 => self.propose_rules(Then::Hold),
            1 => self.propose_rules(Then::Send),
            _ => self.dialog = Dialog::Prompt(Box::new(Prompt::rejection())),
        }
    }

    /// Lets the person choose what the rule applies to.
    pub(super) fn propose_rules(&mut self, then: Then) {
        let Some((mut pending_rule, conversation)) =
            self.pending_rule.take().zip(self.conversation())
        else {
            return;
        };
        let subject = conversation.subject();
        let rules = self.inbox.rules();
        let mut found = proposals(&subject, &pending_rule.item, &then, rules);
        // Each proposal again, limited to this agent.
        let agent = agent_name(&conversation.agent).to_owned();
        let of_agent = found
            .iter()
            .filter(|_| !agent.is_empty())
            .map(|any| Proposal {
                about: format!("{}, from {agent}", any.about),
                rule: RuleTable {
                    name: format!("{} from {agent}", any.rule.name),
                    agent: Some(format!("^{}", regex::escape(&agent))),
                    ..any.rule.clone()
                },
            });
        let of_agent: Vec<Proposal> = of_agent.collect();
        found.extend(of_agent);
        if found.is_empty() {
            return self.say(Level::Info, "no rule can be made of this");
        }
        let choices = found.iter();
        let choices = choices.map(|one| Choice::new(one.about.clone(), one.rule.name.clone()));
        let picker = Picker::new(format!("rule: {} what", then.words()), choices.collect());
        (pending_rule.then, pending_rule.proposals) = (then, found);
        self.pending_rule = Some(pending_rule);
        self.dialog = Dialog::Picker(PickerPurpose::Rule, Box::new(picker));
    }

    /// Saves the rule at an index of the list.
    pub(super) fn save_rule(&mut self, index: usize) {
        let Some((pending_rule, conversation)) = self.pending_rule.take().zip(self.conversation())
        else {
            return;
        };
        let Some(proposal) = pending_rule.proposals.into_iter().nth(index) else {
            return;
        };
        let source = RuleSource::new(conversation, pending_rule.item);
        let rule = proposal.rule;
        self.effects
            .push(Effect::SaveRule(Box::new(NewRule { rule, source })));
    }
}

impl RuleSource {
    fn new(conversation: &Conversation, item: Body) -> Self {
        Self {
            agent: conversation.agent.clone(),
            title: conversation.title().to_owned(),
            directory: conversation.directory().map(str::to_owned),
            request: conversation.request().clone(),
            item,
        }
    }
}
