//! The form as a list of rows, each with its path in the tree.

use super::node::{Node, NodeContent};

/// Where a row is in the tree: the child to take at each level, and whether it is the row after a
/// list that adds an element.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct RowPath {
    pub(super) path: Vec<usize>,
    pub(super) add: bool,
}

impl RowPath {
    pub(super) fn child(&self, at: usize) -> Self {
        let mut path = self.path.clone();
        path.push(at);
        Self { path, add: false }
    }

    /// The row of a node: that of a list is the one that adds to it.
    pub(super) fn of(path: Vec<usize>, node: &Node) -> Self {
        let add = matches!(node.content, NodeContent::List(_));
        Self { path, add }
    }
}

/// A row, and the node it shows.
#[derive(Debug)]
pub(super) struct FormRow<'a> {
    pub(super) place: RowPath,
    pub(super) node: &'a Node,
    pub(super) name: String,
    pub(super) depth: usize,
}

/// Which rows to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowFilter {
    /// Those on the screen.
    Shown,
    /// Those that make up the JSON, on the screen or not.
    Sent,
}

/// The rows of a form.
pub(super) fn rows(root: &Node, which: RowFilter) -> Vec<FormRow<'_>> {
    let mut rows = Vec::new();
    walk(
        root,
        &RowPath::default(),
        String::new(),
        0,
        which,
        &mut rows,
    );
    rows
}

fn walk<'a>(
    node: &'a Node,
    place: &RowPath,
    name: String,
    depth: usize,
    which: RowFilter,
    rows: &mut Vec<FormRow<'a>>,
) {
    let is_root = place.path.is_empty();
    match &node.content {
        NodeContent::Object(object) => {
            let chooses = node.choice_options().is_some();
            if !is_root || chooses {
                let name = if is_root { "one of".into() } else { name };
                rows.push(FormRow {
                    place: place.clone(),
                    node,
                    name,
                    depth,
                });
            }
            let enter = match which {
                RowFilter::Shown => object.open,
                RowFilter::Sent => node.is_sent(),
            };
            if enter {
                let depth = depth + usize::from(!is_root);
                for (at, field) in object.fields.iter().flatten().enumerate() {
                    let name = match field.name.as_str() {
                        "" => "\"\"".to_owned(),
                        name => name.to_owned(),
                    };
                    walk(&field.node, &place.child(at), name, depth, which, rows);
                }
            }
        }
        NodeContent::List(items) => {
            for (at, item) in items.iter().enumerate() {
                walk(
                    item,
                    &place.child(at),
                    format!("{name}[{at}]"),
                    depth,
                    which,
                    rows,
                );
            }
            rows.push(FormRow {
                place: RowPath::of(place.path.clone(), node),
                node,
                name,
                depth,
            });
        }
        NodeContent::Line(_) | NodeContent::Choice(_) | NodeContent::Raw(_) => rows.push(FormRow {
            place: place.clone(),
            node,
            name: if is_root { "JSON".into() } else { name },
            depth,
        }),
    }
}
