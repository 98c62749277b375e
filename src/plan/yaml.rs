//! YAML text -> nodes with their places. Scalars stay as written; nothing is typed here.
//!
//! Bounds come before meaning: depth, nodes, and no anchors, so that no file can cost more than its size.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::problem::{Place, Sink, quoted};

/// Deeper than any plan, and shallow enough for every recursive walk over the nodes.
const DEEPEST: usize = 64;
const MOST_NODES: usize = 50_000;

#[derive(Debug)]
pub(super) struct Node {
    pub at: Place,
    pub value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    /// `plain`: written without quotes, so that an empty one means "nothing here".
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Pair>),
}

#[derive(Debug)]
pub(super) struct Pair {
    pub key: String,
    pub key_at: Place,
    pub value: Node,
}

/// One `---` document: its root, the line it starts in, and whether nothing was wrong with it so far.
#[derive(Debug)]
pub(super) struct Tree {
    pub root: Node,
    pub first_line: usize,
    pub sound: bool,
}

impl Node {
    /// The text of a scalar that is not empty.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, plain } if !(*plain && text.is_empty()) => Some(text),
            _ => None,
        }
    }

    pub fn map(&self) -> Option<&[Pair]> {
        match &self.value {
            Value::Map(pairs) => Some(pairs),
            _ => None,
        }
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.iter().find(|p| p.key == key).map(|p| &p.value)
    }

    /// The items of a list; anything else is a list of itself.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// What it is, for "expected X, found Y".
    pub fn found(&self) -> &'static str {
        match &self.value {
            Value::Scalar { text, plain: true } if text.is_empty() => "nothing",
            Value::Scalar { .. } => "a value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Reads every document up to the first error of syntax, which ends the reading and is reported.
pub(super) fn parse(text: &str, sink: &mut Sink<'_>) -> Vec<Tree> {
    let mut parser = Parser::new_from_str(text);
    let mut build = Builder::default();
    while let Some(next) = parser.next_event() {
        match next {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, span)) => {
                if build.take(event, &span, sink).is_none() {
                    break;
                }
            }
            Err(error) => {
                syntax_error(text, &error, sink);
                break;
            }
        }
    }
    build.done
}

fn syntax_error(text: &str, error: &ScanError, sink: &mut Sink<'_>) {
    let marker = error.marker();
    let at = Place { line: marker.line(), column: marker.col() + 1, width: 1 };
    // The parser looks ahead of its events and has a bound of its own there.
    if error.info().contains("recursion limit") {
        return too_deep(at, sink);
    }
    sink.error(at, format!("not YAML: {}", error.info()), syntax_mend(text, at));
}

fn too_deep(at: Place, sink: &mut Sink<'_>) {
    sink.error(at, format!("nested deeper than {DEEPEST} levels"), "no plan needs that");
}

fn syntax_mend(text: &str, at: Place) -> &'static str {
    let line = text.lines().nth(at.line.saturating_sub(1)).unwrap_or("");
    let indent = &line[..line.len() - line.trim_start().len()];
    if indent.contains('\t') {
        "indent with spaces, never with tabs"
    } else if line.contains("{$arm") {
        "inside { } put a query in single quotes: 'requests_total{$arm}'"
    } else {
        "check indentation, quotes and brackets from here upwards; nothing below was read"
    }
}

#[derive(Default)]
struct Builder {
    done: Vec<Tree>,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    first_line: usize,
    errors_before: usize,
    /// Said once a file: the first names the mend, the others would only repeat it.
    anchor_told: bool,
    unsound: bool,
}

struct Open {
    at: Place,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { pairs: Vec<Pair>, key: Option<(String, Place)>, seen: std::collections::HashSet<String> },
}

impl Builder {
    /// `None`: a bound was crossed, stop reading.
    fn take(&mut self, event: Event<'_>, span: &Span, sink: &mut Sink<'_>) -> Option<()> {
        let at = place(span);
        match event {
            Event::Alias(_) => {
                self.refuse_anchor(at, sink);
                self.add(
                    Node { at, value: Value::Scalar { text: "*".to_owned(), plain: true } },
                    sink,
                )?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), at, sink);
                let plain = style == ScalarStyle::Plain;
                let value = Value::Scalar { text: text.into_owned(), plain };
                self.add(Node { at, value }, sink)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), at, sink);
                self.enter(at, Content::List(Vec::new()), sink)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), at, sink);
                let (pairs, seen) = Default::default();
                self.enter(at, Content::Map { pairs, key: None, seen }, sink)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(sink)?,
            Event::DocumentStart(_) => {
                self.first_line = at.line;
                self.errors_before = sink.errors();
            }
            Event::DocumentEnd => self.finish(sink),
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
        }
        Some(())
    }

    fn enter(&mut self, at: Place, content: Content, sink: &mut Sink<'_>) -> Option<()> {
        if self.open.len() >= DEEPEST {
            too_deep(at, sink);
            return None;
        }
        self.open.push(Open { at, content });
        Some(())
    }

    fn leave(&mut self, sink: &mut Sink<'_>) -> Option<()> {
        let Open { at, content } = self.open.pop()?;
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map { pairs, .. } => Value::Map(pairs),
        };
        self.add(Node { at, value }, sink)
    }

    fn add(&mut self, node: Node, sink: &mut Sink<'_>) -> Option<()> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            sink.error(node.at, format!("more than {MOST_NODES} values"), "split the file");
            return None;
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { pairs, key, seen }) => match key.take() {
                None => *key = Some(key_of(node, seen, sink)),
                // A key that was none has been told.
                Some((key, _)) if key.is_empty() => {}
                Some((key, key_at)) => pairs.push(Pair { key, key_at, value: node }),
            },
        }
        Some(())
    }

    fn finish(&mut self, sink: &Sink<'_>) {
        let unsound = std::mem::take(&mut self.unsound);
        let sound = !unsound && sink.errors() == self.errors_before;
        if let Some(root) = self.root.take() {
            self.done.push(Tree { root, first_line: self.first_line, sound });
        }
    }

    fn refuse_extras(&mut self, anchor: usize, tag: bool, at: Place, sink: &mut Sink<'_>) {
        if anchor > 0 {
            self.refuse_anchor(at, sink);
        }
        if tag {
            sink.error(
                at,
                "tags are not supported",
                "leave the `!…` out: values are read as written",
            );
        }
    }

    fn refuse_anchor(&mut self, at: Place, sink: &mut Sink<'_>) {
        if !std::mem::replace(&mut self.anchor_told, true) {
            sink.error(at, "anchors and aliases are not supported", "write the value out");
        }
        self.unsound = true;
    }
}

fn key_of(
    node: Node,
    seen: &mut std::collections::HashSet<String>,
    sink: &mut Sink<'_>,
) -> (String, Place) {
    let text = match node.value {
        Value::Scalar { text, .. } if !text.is_empty() => text,
        _ => {
            sink.error(node.at, "a key must be plain text", "write `key: value`");
            return (String::new(), node.at);
        }
    };
    if !seen.insert(text.clone()) {
        sink.error(node.at, format!("{} is written twice", quoted(&text)), "keep one of them");
    }
    (text, node.at)
}

fn place(span: &Span) -> Place {
    let (start, end) = (span.start, span.end);
    let width = if end.line() == start.line() { end.col().saturating_sub(start.col()) } else { 1 };
    Place { line: start.line(), column: start.col() + 1, width: width.max(1) }
}
