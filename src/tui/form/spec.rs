//! What a JSON Schema asks for, as far as a form can ask it.
//!
//! A schema may refer to itself and describe an endless tree, so it is read one level at a time,
//! where the form is opened. What is not understood is [`Kind::Raw`]: the person writes JSON, and
//! the validator, which understands everything, has the last word anyway.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::json::Json;
use super::read::{Read, read};

/// Levels of nesting for which there are rows.
const DEPTH: u8 = 12;
/// References and wrappers followed before a schema is taken to lead nowhere.
const HOPS: usize = 16;

/// A place in a schema.
#[derive(Debug, Clone)]
pub(super) struct Schema {
    root: Arc<Value>,
    /// A JSON pointer: cheap where a copy of a subtree is not.
    pub(super) at: String,
    pub(super) depth: u8,
}

/// What is to be filled in at one place.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) kind: Kind,
    /// What the author of the tool says about it.
    pub(super) about: String,
    pub(super) default: Option<Json>,
    /// Whether `null` is allowed besides what the kind allows.
    pub(super) nullable: bool,
    /// Where `kind` was read, after references.
    schema: Schema,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Text,
    Number {
        whole: bool,
    },
    /// One of these; never empty.
    Choice(Vec<Json>),
    Object,
    List,
    /// Anything, as JSON.
    Raw,
}

/// A property of an object.
#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) required: bool,
    pub(super) schema: Schema,
}

/// What an argument of a command is for, by the names that agents give it, in the order in which a
/// person reaches for it. Some agents list them by the alphabet, which is no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Directory,
    Patience,
    Permission,
    Reason,
    Rule,
    Other,
}

impl Use {
    fn of(name: &str) -> Self {
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        let directories = [
            "workdir",
            "cwd",
            "working_directory",
            "working_dir",
            "workingDirectory",
            "directory",
            "dir",
        ];
        match name {
            _ if directories.contains(&name) => Self::Directory,
            _ if has(&["timeout", "yield_time"]) => Self::Patience,
            _ if has(&["sandbox", "permission", "escalated"]) => Self::Permission,
            "justification" | "reason" => Self::Reason,
            "prefix_rule" => Self::Rule,
            _ => Self::Other,
        }
    }
}

impl Schema {
    pub(super) fn new(schema: &Value) -> Self {
        Self {
            root: Arc::new(schema.clone()),
            at: String::new(),
            depth: 0,
        }
    }

    /// A schema that allows everything, below this one.
    pub(super) fn anything(&self) -> Self {
        Self {
            root: Arc::new(Value::Bool(true)),
            at: String::new(),
            depth: self.depth.saturating_add(1),
        }
    }

    pub(super) fn child(&self, steps: &[&str]) -> Self {
        let mut at = self.at.clone();
        for step in steps {
            at.push('/');
            at.push_str(&step.replace('~', "~0").replace('/', "~1"));
        }
        Self {
            root: Arc::clone(&self.root),
            at,
            depth: self.depth.saturating_add(1),
        }
    }

    fn object(&self) -> Option<&Map<String, Value>> {
        self.root.pointer(&self.at)?.as_object()
    }

    /// Reads the schema: follows references and wrappers until something can be asked for.
    pub(super) fn spec(&self) -> Spec {
        let mut spec = Spec {
            kind: Kind::Raw,
            about: String::new(),
            default: None,
            nullable: false,
            schema: self.clone(),
        };
        if self.depth > DEPTH {
            return spec;
        }
        for _ in 0..HOPS {
            let Some(found) = spec.schema.object() else {
                break;
            };
            // What is said where a definition is used is more to the point than what it says.
            if spec.about.is_empty() {
                let words = |key| found.get(key).and_then(Value::as_str);
                let about = words("description").or_else(|| words("title"));
                spec.about = about.unwrap_or_default().to_owned();
            }
            if spec.default.is_none() {
                spec.default = found.get("default").map(Json::from);
            }
            match read(found, &spec.schema) {
                Read::Kind(kind, nullable) => {
                    spec.kind = kind;
                    spec.nullable |= nullable;
                    break;
                }
                Read::At(at, nullable) => {
                    spec.schema.at = at;
                    spec.nullable |= nullable;
                }
            }
        }
        if let Kind::Choice(options) = &mut spec.kind {
            if spec.nullable && !options.contains(&Json::Null) {
                options.push(Json::Null);
            }
            spec.nullable = options.len() > 1 && options.contains(&Json::Null);
        }
        spec
    }
}

impl Spec {
    /// The properties of an object: those that have to be filled in first, and of a command what is
    /// set most.
    pub(super) fn properties(&self) -> Vec<Property> {
        let Some(found) = self.schema.object() else {
            return Vec::new();
        };
        let required = found.get("required").and_then(Value::as_array);
        let required: Vec<&str> = required
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let needed: HashSet<&str> = required.iter().copied().collect();
        let properties = found.get("properties").and_then(Value::as_object);
        let names = properties.into_iter().flat_map(Map::keys);
        let mut all: Vec<Property> = names
            .map(|name| Property {
                name: name.clone(),
                required: needed.contains(name.as_str()),
                schema: self.schema.child(&["properties", name]),
            })
            .collect();
        // A schema may require what it does not describe.
        let mut known: HashSet<&str> = properties
            .into_iter()
            .flat_map(|all| all.keys().map(String::as_str))
            .collect();
        for name in required {
            if known.insert(name) {
                all.push(Property {
                    name: name.to_owned(),
                    required: true,
                    schema: self.schema.anything(),
                });
            }
        }
        let is_command = all.iter().any(|one| Use::of(&one.name) == Use::Directory);
        let rank = |name: &str| match is_command {
            true => Use::of(name),
            false => Use::Other,
        };
        all.sort_by_cached_key(|one| {
            // Where everything is required, `null` is how an argument is left out: those come later.
            let is_optional = !one.required || one.schema.spec().nullable;
            (is_optional, rank(&one.name))
        });
        all
    }

    /// What the elements of a list are.
    pub(super) fn items(&self) -> Schema {
        match self.schema.object().and_then(|found| found.get("items")) {
            Some(_) => self.schema.child(&["items"]),
            None => self.schema.anything(),
        }
    }

    /// A schema that allows everything.
    pub(super) fn anything(&self) -> Schema {
        self.schema.anything()
    }

    /// A number that a keyword gives.
    fn limit(&self, keyword: &str) -> Option<String> {
        let limit = self.schema.object()?.get(keyword)?;
        limit.is_number().then(|| limit.to_string())
    }

    /// What to fill in, in a few words.
    pub(super) fn words(&self) -> String {
        let mut words = match &self.kind {
            Kind::Text => "text".to_owned(),
            Kind::Number { whole: true } => "whole number".to_owned(),
            Kind::Number { whole: false } => "number".to_owned(),
            Kind::Choice(options) if options.len() == 1 => "always the same".to_owned(),
            Kind::Choice(options) => format!("one of {}", options.len()),
            Kind::Object => "object".to_owned(),
            Kind::List => format!("list of {}", self.items().spec().short()),
            Kind::Raw => "JSON".to_owned(),
        };
        match (self.limit("minimum"), self.limit("maximum")) {
            (Some(least), Some(most)) => words.push_str(&format!(" from {least} to {most}")),
            (Some(least), None) => words.push_str(&format!(" from {least}")),
            (None, Some(most)) => words.push_str(&format!(" up to {most}")),
            (None, None) => {}
        }
        if self.nullable && !matches!(self.kind, Kind::Choice(_)) {
            words.push_str(" or null");
        }
        words
    }

    /// What to fill in, in a word.
    pub(super) fn short(&self) -> &'static str {
        match &self.kind {
            Kind::Text => "text",
            Kind::Number { whole: true } => "whole number",
            Kind::Number { whole: false } => "number",
            Kind::Choice(_) => "choice",
            Kind::Object => "object",
            Kind::List => "list",
            Kind::Raw => "JSON",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind_of(schema: Value) -> (Kind, bool) {
        let spec = Schema::new(&schema).child(&[]).spec();
        (spec.kind, spec.nullable)
    }

    fn texts(all: &[&str]) -> Vec<Json> {
        all.iter().map(|text| Json::Text((*text).into())).collect()
    }

    #[test]
    fn null_beside_one_type_makes_it_nullable() {
        for schema in [
            json!({"type": ["string", "null"]}),
            json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
            json!({"oneOf": [{"const": null}, {"$ref": "#/$defs/a b"}], "$defs": {"a b": {"type": "string"}}}),
            json!({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/a%20b"}], "$defs": {"a b": {"type": "string"}}}),
        ] {
            assert_eq!(kind_of(schema), (Kind::Text, true));
        }
        assert_eq!(
            kind_of(json!({"type": "null"})),
            (Kind::Choice(vec![Json::Null]), false)
        );
    }

    #[test]
    fn values_to_choose_from_are_found() {
        let merged = json!({"oneOf": [{"const": "a"}, {"enum": ["b", "c"]}]});
        assert_eq!(kind_of(merged).0, Kind::Choice(texts(&["a", "b", "c"])));
        let (kind, nullable) = kind_of(json!({"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]}));
        let Kind::Choice(options) = kind else {
            panic!("{kind:?}");
        };
        assert_eq!((options.len(), nullable), (3, true));
        assert_eq!(kind_of(json!({"enum": []})).0, Kind::Raw);
    }

    #[test]
    fn what_is_not_understood_is_json() {
        for schema in [
            json!({}),
            json!(true),
            json!(7),
            json!({"type": ["string", "integer"]}),
            json!({"type": "strnig"}),
            json!({"type": 3}),
            json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
            json!({"allOf": [{"type": "string"}, {"minLength": 1}]}),
            json!({"type": "array", "prefixItems": [{"type": "string"}]}),
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"$ref": "https://example.com/schema"}),
            json!({"$ref": "#/nowhere"}),
            json!({"$ref": "#"}),
            json!({"$ref": "#%f"}),
        ] {
            assert_eq!(kind_of(schema.clone()), (Kind::Raw, false), "{schema}");
        }
    }

    #[test]
    fn words_nearest_to_the_use_win() {
        let schema = json!({
            "$ref": "#/$defs/port",
            "description": "where to listen",
            "$defs": {"port": {
                "type": "integer", "description": "a port", "default": 80, "minimum": 1,
            }},
        });
        let spec = Schema::new(&schema).spec();
        assert_eq!(spec.about, "where to listen");
        assert_eq!(spec.default, Some(Json::Number("80".into())));
        assert_eq!(spec.words(), "whole number from 1");
    }

    #[test]
    fn required_properties_come_first() {
        let schema = json!({
            "type": "object",
            "properties": {
                "a": {"type": "string"},
                "b~/": {"type": ["string", "null"]},
                "c": {"type": "string"},
            },
            "required": ["c", "b~/", "d"],
        });
        let properties = Schema::new(&schema).spec().properties();
        let names: Vec<&str> = properties.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["c", "d", "a", "b~/"]);
        assert_eq!(properties[3].schema.spec().kind, Kind::Text);
    }

    #[test]
    fn what_is_set_most_of_a_command_comes_first() {
        let line = json!({"type": "string"});
        let of = |names: &[&str]| {
            let properties: Map<String, Value> = names
                .iter()
                .map(|name| ((*name).to_owned(), line.clone()))
                .collect();
            let schema = json!({"type": "object", "properties": properties, "required": ["cmd"]});
            let properties = Schema::new(&schema).spec().properties();
            let names = properties.into_iter().map(|one| one.name);
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            of(&[
                "cmd",
                "justification",
                "login",
                "prefix_rule",
                "sandbox_permissions",
                "shell",
                "workdir",
                "yield_time_ms",
            ]),
            "cmd workdir yield_time_ms sandbox_permissions justification prefix_rule login shell"
        );
        assert_eq!(of(&["timeout", "cmd", "env", "cwd"]), "cmd cwd timeout env");
        // Where nothing is a directory, the author's order stands.
        assert_eq!(of(&["cmd", "query", "timeout"]), "cmd query timeout");
    }
}
