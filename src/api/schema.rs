//! What a JSON Schema asks for: the one place that knows what its keywords mean to a person.
//!
//! Forms, skeletons and the list of tools ask here; the validator asks where a reference leads. A schema is
//! whatever a client sends: it may refer to itself, and a few kilobytes may describe more values
//! than there is memory for. So it is read one level at a time, each level in a bounded number of
//! steps, and whoever goes down stops where it [is deep](Schema::is_deep).

mod alternatives;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Map, Value};

pub(crate) use self::alternatives::Alternative;

/// Levels of nesting that anybody looks into.
const DEEPEST: u8 = 12;
/// Parts of one level: references followed, what `allOf` lists, and alternatives looked at.
const MOST_PARTS: usize = 256;
/// Alternatives that a person can choose among.
const MOST_ALTERNATIVES: usize = 64;

/// A place in a schema. `R` is how the document is held: shared, or borrowed for a short time.
#[derive(Debug, Clone)]
pub(crate) struct Schema<R = Arc<Value>> {
    root: R,
    /// JSON pointers to what holds here, all of it at once: cheap where copies of subtrees are not.
    /// Without any, everything is allowed.
    at: Vec<String>,
    depth: u8,
    /// The alternatives that one was chosen of.
    decided: Option<Decided>,
}

#[derive(Debug, Clone)]
struct Decided {
    /// Where they are listed.
    group: String,
    /// The property that tells them apart.
    tag: Option<String>,
}

/// What is asked for at one place.
#[derive(Debug, Clone)]
pub(crate) struct Reading<R = Arc<Value>> {
    pub kind: Kind,
    /// Whether `null` is allowed besides what the kind allows.
    pub nullable: bool,
    /// All that holds here, references followed; what is nearest to the use comes last.
    schema: Schema<R>,
    group: Option<Group>,
}

/// A kind of value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Text,
    Number {
        whole: bool,
    },
    Boolean,
    /// One of these; never empty.
    Choice(Vec<Value>),
    /// An object with properties that are known by name, or with none at all.
    Object,
    /// An object with any names.
    Map,
    List,
    /// A list of which each element has a schema of its own.
    Tuple,
    /// What one of several schemas asks for: see [`Reading::alternatives`].
    Union,
    /// What no other kind says.
    Anything,
}

/// A property of an object.
#[derive(Debug)]
pub(crate) struct Property<R = Arc<Value>> {
    pub name: String,
    pub required: bool,
    pub schema: Schema<R>,
}

impl<R> Property<R> {
    /// Whether the schema says more of it than that it is required.
    pub(crate) fn is_described(&self) -> bool {
        !self.schema.at.is_empty()
    }
}

/// A list of alternatives.
#[derive(Debug, Clone)]
struct Group {
    at: String,
    /// How many there are.
    count: usize,
    /// Those that are not `null`.
    rest: Vec<usize>,
}

impl<R: Deref<Target = Value> + Clone> Schema<R> {
    /// The schema that a document is.
    pub(crate) fn new(root: R) -> Self {
        Self {
            root,
            at: vec![String::new()],
            depth: 0,
            decided: None,
        }
    }

    /// A schema that allows everything, below this one.
    pub(crate) fn anything(&self) -> Self {
        self.below(Vec::new())
    }

    /// Whether it is nested deeper than anybody looks.
    pub(crate) fn is_deep(&self) -> bool {
        self.depth > DEEPEST
    }

    fn below(&self, at: Vec<String>) -> Self {
        Self {
            root: self.root.clone(),
            at,
            depth: self.depth.saturating_add(1),
            decided: None,
        }
    }

    /// Reads this level.
    pub(crate) fn read(&self) -> Reading<R> {
        let mut left = MOST_PARTS;
        let parts = Parts::of(self, &mut left);
        let (kind, group) = parts.kind(self, &mut left);
        let by_type = !matches!(kind, Kind::Choice(_)) && parts.has_null_type;
        Reading {
            nullable: parts.has_null || by_type,
            kind,
            schema: Self {
                at: parts.at,
                ..self.clone()
            },
            group,
        }
    }
}

impl<R: Deref<Target = Value> + Clone> Reading<R> {
    /// What a keyword says, nearest to the use.
    pub(crate) fn keyword(&self, name: &str) -> Option<&Value> {
        let found = |at: &String| self.schema.root.pointer(at)?.get(name);
        self.schema.at.iter().rev().find_map(found)
    }

    /// What the author says about it; empty if that is nothing.
    pub(crate) fn description(&self) -> &str {
        let root = &self.schema.root;
        let words = |at: &String| {
            let words = |key| root.pointer(at)?.get(key)?.as_str();
            words("description").or_else(|| words("title"))
        };
        self.schema.at.iter().rev().find_map(words).unwrap_or("")
    }

    /// What is taken where nothing is said.
    pub(crate) fn default(&self) -> Option<&Value> {
        self.keyword("default")
    }

    /// The properties of an object, as the author ordered them; a base comes before what adds to it.
    pub(crate) fn properties(&self) -> Vec<Property<R>> {
        let mut all: Vec<(&str, Vec<String>)> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut required = Vec::new();
        for at in &self.schema.at {
            let Some(part) = self.schema.root.pointer(at).and_then(Value::as_object) else {
                continue;
            };
            let properties = part.get("properties").and_then(Value::as_object);
            for name in properties.into_iter().flat_map(Map::keys) {
                let place = child(at, &["properties", name]);
                match known.get(name.as_str()) {
                    Some(known) => all[*known].1.push(place),
                    None => {
                        known.insert(name, all.len());
                        all.push((name, vec![place]));
                    }
                }
            }
            required.extend(names(part.get("required")));
        }
        // A schema may require what it does not describe.
        for name in &required {
            if !known.contains_key(name) {
                known.insert(name, all.len());
                all.push((name, Vec::new()));
            }
        }
        let required: HashSet<&str> = required.into_iter().collect();
        let tag = self
            .schema
            .decided
            .as_ref()
            .and_then(|it| it.tag.as_deref());
        let property = |(name, at): (&str, Vec<String>)| Property {
            name: name.to_owned(),
            // What tells alternatives apart is always said.
            required: required.contains(name) || tag == Some(name),
            schema: self.schema.below(at),
        };
        all.into_iter().map(property).collect()
    }

    /// What one property is, if it is described.
    pub(crate) fn property(&self, name: &str) -> Option<Self> {
        let at: Vec<String> = self.places(&["properties", name]);
        (!at.is_empty()).then(|| self.schema.below(at).read())
    }

    /// What the elements of a list are.
    pub(crate) fn items(&self) -> Schema<R> {
        self.schema.below(self.places(&["items"]))
    }

    /// What the first elements of a tuple are, each of them.
    pub(crate) fn first_items(&self) -> Vec<Schema<R>> {
        let lists = ["prefixItems", "items"].map(|keyword| (keyword, self.keyword(keyword)));
        let is_list = |(_, list): &(&str, Option<&Value>)| list.is_some_and(Value::is_array);
        let Some((keyword, Some(Value::Array(all)))) = lists.into_iter().find(is_list) else {
            return Vec::new();
        };
        let each = 0..all.len();
        each.map(|at| self.schema.below(self.places(&[keyword, &at.to_string()])))
            .collect()
    }

    /// What the values of a map are.
    pub(crate) fn values(&self) -> Schema<R> {
        self.schema.below(self.places(&["additionalProperties"]))
    }

    /// A schema that allows everything, below this place.
    pub(crate) fn anything(&self) -> Schema<R> {
        self.schema.anything()
    }

    /// Whether both say the same, as they do where a schema comes back to itself.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.substance().eq(other.substance())
    }

    /// The parts that do more than refer to others.
    fn substance(&self) -> impl Iterator<Item = &String> {
        self.schema.at.iter().filter(|at| {
            let part = self.schema.root.pointer(at).and_then(Value::as_object);
            part.is_some_and(|part| {
                let mut keys = part.keys().map(String::as_str);
                keys.any(|key| !matches!(key, "$ref" | "title" | "description" | "default"))
            })
        })
    }

    /// What to give, in a few words.
    pub(crate) fn words(&self) -> String {
        let mut words = match &self.kind {
            Kind::Choice(options) if options.len() == 1 => "always the same".to_owned(),
            Kind::Choice(options) => format!("one of {}", options.len()),
            Kind::Boolean => "true or false".to_owned(),
            Kind::List => format!("list of {}", self.items().read().short()),
            Kind::Map => format!("object of {}", self.values().read().short()),
            Kind::Union => {
                let all = self.alternatives();
                let mut kinds: Vec<_> = all.iter().map(|one| one.schema.read().short()).collect();
                kinds.dedup();
                match kinds.as_slice() {
                    [one] => format!("{one}, one of {}", all.len()),
                    all => all.join(" or "),
                }
            }
            Kind::Anything => match self.types() {
                types if types.is_empty() => "JSON".to_owned(),
                types => types.join(" or "),
            },
            _ => self.short().to_owned(),
        };
        let limit = |keyword| self.keyword(keyword).filter(|limit| limit.is_number());
        match (limit("minimum"), limit("maximum")) {
            (Some(least), Some(most)) => words.push_str(&format!(" from {least} to {most}")),
            (Some(least), None) => words.push_str(&format!(" from {least}")),
            (None, Some(most)) => words.push_str(&format!(" up to {most}")),
            (None, None) => {}
        }
        let says_null = matches!(&self.kind, Kind::Choice(all) if all.contains(&Value::Null));
        if self.nullable && !says_null {
            words.push_str(" or null");
        }
        words
    }

    /// What to give, in a word.
    pub(crate) fn short(&self) -> &'static str {
        match &self.kind {
            Kind::Text => "text",
            Kind::Number { whole: true } => "whole number",
            Kind::Number { whole: false } => "number",
            Kind::Boolean | Kind::Choice(_) => "choice",
            Kind::Object | Kind::Map | Kind::Union => "object",
            Kind::List | Kind::Tuple => "list",
            Kind::Anything => "JSON",
        }
    }

    /// The first type of what may be of several, as JSON Schema calls it.
    pub(crate) fn first_type(&self) -> Option<&str> {
        let named = names(self.keyword("type"));
        named.into_iter().find(|name| *name != "null")
    }

    /// The types of what may be of several.
    fn types(&self) -> Vec<&'static str> {
        let named = names(self.keyword("type"));
        named.into_iter().filter_map(type_words).collect()
    }

    /// Where all parts say something under a keyword.
    fn places(&self, steps: &[&str]) -> Vec<String> {
        let places = self.schema.at.iter().map(|at| child(at, steps));
        places
            .filter(|at| self.schema.root.pointer(at).is_some())
            .collect()
    }
}

/// What a type of JSON Schema is called; `null` is said otherwise.
fn type_words(name: &str) -> Option<&'static str> {
    Some(match name {
        "string" => "text",
        "integer" => "whole number",
        "number" => "number",
        "boolean" => "true or false",
        "object" => "object",
        "array" => "list",
        _ => return None,
    })
}

/// What all holds at one place, while it is being found.
struct Parts<'a> {
    root: &'a Value,
    decided: Option<&'a str>,
    known: HashSet<String>,
    /// What is referred to before what refers to it.
    at: Vec<String>,
    found: Vec<&'a Map<String, Value>>,
    /// Alternatives of which more than one is left.
    groups: Vec<Group>,
    /// Whether `null` is one of the alternatives, or of the types.
    has_null: bool,
    has_null_type: bool,
}

impl<'a> Parts<'a> {
    fn none(root: &'a Value, decided: Option<&'a str>) -> Self {
        Self {
            root,
            decided,
            known: HashSet::new(),
            at: Vec::new(),
            found: Vec::new(),
            groups: Vec::new(),
            has_null: false,
            has_null_type: false,
        }
    }

    fn of<R: Deref<Target = Value>>(schema: &'a Schema<R>, left: &mut usize) -> Self {
        let decided = schema.decided.as_ref().map(|it| it.group.as_str());
        let mut parts = Self::none(&schema.root, decided);
        for at in &schema.at {
            parts.add(at.clone(), left);
        }
        parts
    }

    fn add(&mut self, at: String, left: &mut usize) {
        if *left == 0 || self.known.contains(&at) {
            return;
        }
        *left -= 1;
        self.known.insert(at.clone());
        let Some(found) = self.root.pointer(&at).and_then(Value::as_object) else {
            return;
        };
        if let Some(target) = found.get("$ref").and_then(Value::as_str).and_then(local) {
            self.add(target, left);
        }
        let list = |keyword| found.get(keyword).and_then(Value::as_array);
        for part in 0..list("allOf").map_or(0, Vec::len).min(*left) {
            self.add(child(&at, &["allOf", &part.to_string()]), left);
        }
        for keyword in ["anyOf", "oneOf"] {
            let place = child(&at, &[keyword]);
            if let Some(all) = list(keyword)
                && self.decided != Some(place.as_str())
            {
                self.add_group(place, all, left);
            }
        }
        let types = names(found.get("type"));
        self.has_null_type |= types.len() > 1 && types.contains(&"null");
        self.at.push(at);
        self.found.push(found);
    }

    fn add_group(&mut self, at: String, all: &[Value], left: &mut usize) {
        *left = left.saturating_sub(all.len() / MOST_ALTERNATIVES);
        let is_null = |one: &Value| is_null(target(self.root, one));
        let rest: Vec<usize> = (0..all.len()).filter(|one| !is_null(&all[*one])).collect();
        self.has_null |= rest.len() < all.len() && !rest.is_empty();
        match rest.as_slice() {
            [] => {}
            [one] => self.add(child(&at, &[&one.to_string()]), left),
            _ => self.groups.push(Group {
                at,
                count: all.len(),
                rest,
            }),
        }
    }

    fn kind<R: Deref<Target = Value> + Clone>(
        &self,
        schema: &Schema<R>,
        left: &mut usize,
    ) -> (Kind, Option<Group>) {
        if let Some(options) = self.options() {
            return (self.choice(options), None);
        }
        let by_type = self.kind_of_type(schema.depth);
        let [group] = self.groups.as_slice() else {
            return (by_type, None);
        };
        if let Some(options) = self.options_of(group) {
            return (self.choice(options), None);
        }
        let is_some_object = matches!(by_type, Kind::Object | Kind::Map);
        let may_be_any = by_type == Kind::Anything && !self.has_type();
        let is_open = may_be_any || is_some_object && self.adds_properties(group, left);
        match is_open && group.rest.len() <= MOST_ALTERNATIVES {
            true => (Kind::Union, Some(group.clone())),
            false => (by_type, None),
        }
    }

    fn choice(&self, mut options: Vec<Value>) -> Kind {
        if self.has_null && !options.contains(&Value::Null) {
            options.push(Value::Null);
        }
        Kind::Choice(options)
    }

    /// The only values that all parts allow.
    fn options(&self) -> Option<Vec<Value>> {
        let mut all = self.found.iter().rev().filter_map(|part| options(part));
        let mut allowed = all.next()?;
        for others in all {
            let others: HashSet<String> = others.iter().map(Value::to_string).collect();
            allowed.retain(|option| others.contains(&option.to_string()));
        }
        (!allowed.is_empty()).then_some(allowed)
    }

    /// The values of alternatives that are nothing but values.
    fn options_of(&self, group: &Group) -> Option<Vec<Value>> {
        let each = group.rest.iter().map(|one| {
            let found = self.root.pointer(&child(&group.at, &[&one.to_string()]))?;
            options(target(self.root, found).as_object()?)
        });
        let all: Option<Vec<Vec<Value>>> = each.collect();
        Some(distinct(all?.into_iter().flatten()))
    }

    /// Whether alternatives bring properties of their own, rather than ask for some of those there are.
    fn adds_properties(&self, group: &Group, left: &mut usize) -> bool {
        let mut each = group.rest.iter();
        each.any(|one| {
            let mut parts = Parts::none(self.root, None);
            parts.add(child(&group.at, &[&one.to_string()]), left);
            parts
                .found
                .iter()
                .any(|part| part.contains_key("properties"))
        })
    }

    fn has_type(&self) -> bool {
        self.found.iter().any(|part| part.contains_key("type"))
    }

    fn has(&self, keyword: &str) -> bool {
        self.found.iter().any(|part| part.contains_key(keyword))
    }

    fn kind_of_type(&self, depth: u8) -> Kind {
        let mut typed = self.found.iter().filter_map(|part| part.get("type"));
        let Some(first) = typed.next() else {
            return match () {
                () if self.has("properties") => self.object(depth),
                () if self.has("prefixItems") => Kind::Tuple,
                () if self.has("items") => self.list(),
                () => Kind::Anything,
            };
        };
        let mut allowed = names(Some(first));
        for others in typed {
            let others = names(Some(others));
            // A whole number is a number.
            let fits = |one: &&str| {
                others.contains(one) || *one == "integer" && others.contains(&"number")
            };
            allowed.retain(|one| fits(&one));
        }
        let rest: Vec<&str> = allowed
            .iter()
            .copied()
            .filter(|one| *one != "null")
            .collect();
        match rest.as_slice() {
            [] if allowed.contains(&"null") => Kind::Choice(vec![Value::Null]),
            ["string"] => Kind::Text,
            ["integer"] => Kind::Number { whole: true },
            ["number"] => Kind::Number { whole: false },
            ["boolean"] => Kind::Boolean,
            ["object"] => self.object(depth),
            ["array"] => self.list(),
            _ => Kind::Anything,
        }
    }

    fn list(&self) -> Kind {
        let is_tuple = |part: &&Map<String, Value>| {
            part.contains_key("prefixItems") || part.get("items").is_some_and(Value::is_array)
        };
        match self.found.iter().any(is_tuple) {
            true => Kind::Tuple,
            false => Kind::List,
        }
    }

    /// An object whose properties cannot be asked for by name is a map. A tool without any
    /// parameters is not such an object.
    fn object(&self, depth: u8) -> Kind {
        let is_named = self.found.iter().any(|part| {
            let properties = part.get("properties").and_then(Value::as_object);
            properties.is_some_and(|all| !all.is_empty()) || !names(part.get("required")).is_empty()
        });
        let others = self
            .found
            .iter()
            .find_map(|part| part.get("additionalProperties"));
        let is_map = match others {
            _ if is_named => false,
            Some(Value::Bool(false)) => false,
            Some(_) => true,
            None => depth > 0 || self.has("patternProperties"),
        };
        match is_map {
            true => Kind::Map,
            false => Kind::Object,
        }
    }
}

/// The only values that one part of a schema allows.
fn options(found: &Map<String, Value>) -> Option<Vec<Value>> {
    if let Some(only) = found.get("const") {
        return Some(vec![only.clone()]);
    }
    let options = distinct(found.get("enum")?.as_array()?.iter().cloned());
    (!options.is_empty()).then_some(options)
}

fn distinct(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut known = HashSet::new();
    values
        .filter(|value| known.insert(value.to_string()))
        .collect()
}

/// The strings of a list, or the one string that stands in its place.
fn names(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|name| name == "null")
        || schema.get("const").is_some_and(Value::is_null)
}

/// The schema that another one refers to in the end, itself if it refers to nothing.
fn target<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    for _ in 0..DEEPEST {
        let reference = schema.get("$ref").and_then(Value::as_str);
        match reference.and_then(|reference| referred(root, reference)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

/// What a reference leads to, within the same document.
pub(crate) fn referred<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(&local(reference)?)
}

/// The pointer of a reference into the same document.
fn local(reference: &str) -> Option<String> {
    let pointer = percent_decoded(reference.strip_prefix('#')?)?;
    (pointer.is_empty() || pointer.starts_with('/')).then_some(pointer)
}

/// The text of a fragment of a URL.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The pointer to something below another one.
fn child(at: &str, steps: &[&str]) -> String {
    let mut at = at.to_owned();
    for step in steps {
        at.push('/');
        at.push_str(&step.replace('~', "~0").replace('/', "~1"));
    }
    at
}
