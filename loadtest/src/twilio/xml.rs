//! A small XML tree, as strict as Twilio's parser: no DTD, one root, a limit on everything.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// Largest document. Twilio's own limit.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// Deepest nesting.
const MAX_DEPTH: usize = 8;

/// Most elements.
const MAX_ELEMENTS: usize = 500;

/// Why a document could not be parsed.
#[derive(Debug, thiserror::Error)]
pub(super) enum XmlError {
    #[error("malformed XML: {0}")]
    Malformed(#[from] quick_xml::Error),
    #[error("malformed attribute: {0}")]
    Attribute(#[from] quick_xml::events::attributes::AttrError),
    #[error("unknown entity &{0};")]
    Entity(String),
    #[error("nothing may stand before the XML declaration")]
    LateDeclaration,
    #[error("encoding {0} is not UTF-8")]
    Encoding(String),
    #[error("a document type is not allowed")]
    DocType,
    #[error("text outside of the root element")]
    Stray,
    #[error("more than one root element")]
    SecondRoot,
    #[error("no root element, or one that is not closed")]
    Unfinished,
    #[error("over a limit: {MAX_BYTES} bytes, {MAX_DEPTH} levels, {MAX_ELEMENTS} elements")]
    Limit,
}

/// An element with all that is in it.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// The value of an attribute.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The root element of `text`.
pub(super) fn parse(text: &str) -> Result<Element, XmlError> {
    if text.len() > MAX_BYTES {
        return Err(XmlError::Limit);
    }
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0;
    let mut first = true;
    loop {
        let event = reader.read_event()?;
        match event {
            Event::Start(ref tag) | Event::Empty(ref tag) => {
                elements += 1;
                if open.len() >= MAX_DEPTH || elements > MAX_ELEMENTS {
                    return Err(XmlError::Limit);
                }
                if open.is_empty() && root.is_some() {
                    return Err(XmlError::SecondRoot);
                }
                open.push(element(tag)?);
                if matches!(event, Event::Empty(_)) {
                    close(&mut open, &mut root);
                }
            }
            Event::End(_) => close(&mut open, &mut root),
            Event::Text(text) => add_text(&mut open, &text.xml10_content())?,
            Event::CData(text) => add_text(&mut open, &text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let character = match reference.resolve_char_ref()? {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&reference)
                        .ok_or_else(|| XmlError::Entity(reference.to_string()))?
                        .to_owned(),
                };
                add_text(&mut open, &character)?;
            }
            Event::Decl(declaration) => {
                if !first {
                    return Err(XmlError::LateDeclaration);
                }
                if let Some(encoding) = declaration.encoding() {
                    let encoding = encoding?;
                    if !encoding.eq_ignore_ascii_case("utf-8") {
                        return Err(XmlError::Encoding(encoding.into_owned()));
                    }
                }
            }
            Event::DocType(_) => return Err(XmlError::DocType),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof if open.is_empty() => return root.ok_or(XmlError::Unfinished),
            Event::Eof => return Err(XmlError::Unfinished),
        }
        first = false;
    }
}

fn element(tag: &BytesStart<'_>) -> Result<Element, XmlError> {
    let mut element = Element { name: tag.name().as_ref().to_owned(), ..Element::default() };
    for attribute in tag.attributes() {
        let attribute = attribute?;
        let value = attribute.normalized_value(XmlVersion::Explicit1_0)?.into_owned();
        element.attributes.push((attribute.key.as_ref().to_owned(), value));
    }
    Ok(element)
}

fn close(open: &mut Vec<Element>, root: &mut Option<Element>) {
    // The reader has checked that the names match, so there is one to close.
    if let Some(element) = open.pop() {
        match open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => *root = Some(element),
        }
    }
}

fn add_text(open: &mut [Element], text: &str) -> Result<(), XmlError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(XmlError::Stray),
    }
    Ok(())
}
