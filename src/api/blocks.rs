//! Blocks in XML-like tags, such as `<environment_context>…</environment_context>`, in which agents
//! add text of their own to a user's message.

use super::ContentPart;

/// Whether the whole text is one block, `<tag …> … </tag>`.
pub(crate) fn is_block(text: &str) -> bool {
    let text = text.trim();
    let Some(rest) = text.strip_prefix('<') else {
        return false;
    };
    let (name, behind) = split_tag_name(rest);
    // Single words are HTML that somebody asks about; agents name their blocks with several.
    if !is_agent_tag_name(name) && !behind.starts_with(' ') {
        return false;
    }
    text.rfind("</")
        .is_some_and(|close| text[close + 2..].starts_with(name) && text.ends_with('>'))
}

/// Splits a text that begins with a block after that block.
pub(crate) fn first_block(text: &str) -> Option<(&str, &str)> {
    let tag = text.trim_start().strip_prefix('<')?;
    let (name, _) = split_tag_name(tag);
    if !is_agent_tag_name(name) {
        return None;
    }
    let end = format!("</{name}>");
    let at = tag.find(&end)? + end.len();
    let begins = text.len() - tag.len() - 1;
    Some(text.split_at(begins + 1 + at))
}

/// Splits a text that ends with a block before that block.
fn last_block(text: &str) -> Option<(&str, &str)> {
    let trimmed = text.trim_end();
    let (_, name) = trimmed.strip_suffix('>')?.rsplit_once("</")?;
    if !is_agent_tag_name(name) || !split_tag_name(name).1.is_empty() {
        return None;
    }
    let at = text.rfind(&format!("<{name}>"))?;
    // Only at the beginning of a line, so that a sentence which mentions a tag is not split.
    let is_line = text[..at].trim_end_matches([' ', '\t']).ends_with('\n') || at == 0;
    is_line.then(|| text.split_at(at))
}

fn split_tag_name(tag: &str) -> (&str, &str) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    tag.split_at(tag.find(|c| !is_name(c)).unwrap_or(tag.len()))
}

fn is_agent_tag_name(name: &str) -> bool {
    name.contains(['_', '-'])
}

/// Groups the content parts of a message into one or more messages: in a user message each block of
/// an agent becomes a message of its own, because the user did not write it.
pub(super) fn split_message(role: &str, content: Vec<ContentPart>) -> Vec<Vec<ContentPart>> {
    match role {
        "user" => split_blocks(content),
        _ => vec![content],
    }
}

/// Whether a part of instructions is a line in the form of an HTTP header, such as the
/// `x-anthropic-billing-header` of Claude Code, which says nothing of what is to be done.
pub(super) fn is_header(part: &ContentPart) -> bool {
    let ContentPart::Text(text) = part else {
        return false;
    };
    let name = text.split_once(':').map_or("", |(name, _)| name);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    name.starts_with("x-") && name.chars().all(is_name) && !text.trim().contains('\n')
}

/// Groups the content parts of instructions; each part that is a header becomes a group of its own.
pub(super) fn split_headers(content: Vec<ContentPart>) -> Vec<Vec<ContentPart>> {
    let mut groups = Vec::new();
    let mut words = Vec::new();
    for part in content {
        if is_header(&part) {
            groups.extend(take_nonempty(&mut words));
            groups.push(vec![part]);
        } else {
            words.push(part);
        }
    }
    if !words.is_empty() || groups.is_empty() {
        groups.push(words);
    }
    groups
}

/// Splits a user message into the blocks that agents added, one group each, and the text between
/// them.
fn split_blocks(content: Vec<ContentPart>) -> Vec<Vec<ContentPart>> {
    let has_block = |part: &ContentPart| match part {
        ContentPart::Text(text) => {
            text.trim_start().starts_with('<') || text.trim_end().ends_with('>')
        }
        _ => false,
    };
    if !content.iter().any(has_block) {
        return vec![content];
    }
    let mut groups = Vec::new();
    let mut words: Vec<ContentPart> = Vec::new();
    let single = |text: &str| vec![ContentPart::Text(text.to_owned())];
    for part in content {
        let ContentPart::Text(text) = part else {
            words.push(part);
            continue;
        };
        let mut rest = text.as_str();
        let mut leading = Vec::new();
        while let Some((block, behind)) = first_block(rest) {
            leading.push(single(block));
            rest = behind;
        }
        let mut trailing = Vec::new();
        while let Some((before, block)) = last_block(rest) {
            trailing.push(single(block));
            rest = before;
        }
        if leading.is_empty() && trailing.is_empty() {
            if is_block(rest) {
                leading.push(single(rest))
            } else {
                words.push(ContentPart::Text(text))
            }
        } else if !rest.trim().is_empty() {
            let rest = ContentPart::Text(rest.trim_matches('\n').to_owned());
            if !leading.is_empty() {
                groups.extend(take_nonempty(&mut words));
                groups.append(&mut leading);
            }
            words.push(rest);
        }
        if !leading.is_empty() || !trailing.is_empty() {
            groups.extend(take_nonempty(&mut words));
            groups.append(&mut leading);
            groups.extend(trailing.into_iter().rev());
        }
    }
    groups.extend(take_nonempty(&mut words));
    groups
}

fn take_nonempty(words: &mut Vec<ContentPart>) -> Option<Vec<ContentPart>> {
    (!words.is_empty()).then(|| std::mem::take(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(parts: &[&str]) -> Vec<String> {
        let parts = parts
            .iter()
            .map(|text| ContentPart::Text((*text).to_owned()));
        let groups = split_blocks(parts.collect()).into_iter();
        let joined = groups.map(|group| super::super::body::joined_text(&group).into_owned());
        joined.collect()
    }

    #[test]
    fn what_agents_add_is_taken_apart_from_what_the_person_wrote() {
        let reminder = "<system-reminder>\nBe brief\n</system-reminder>";
        let both =
            format!("{reminder}\n\nFix it\n\n<environment_details>\nx\n</environment_details>");
        assert_eq!(
            texts(&[&both]),
            [
                reminder,
                "Fix it",
                "<environment_details>\nx\n</environment_details>"
            ]
        );
        assert_eq!(
            texts(&[reminder, "Fix it", "now"]),
            [reminder, "Fix it\nnow"]
        );
        assert_eq!(
            texts(&["Fix it", reminder, reminder]),
            ["Fix it", reminder, reminder]
        );
        for whole in [
            "Why is <div>a</div>",
            "<div>why?</div>",
            "<a_b> is that a tag?",
            "What does `</system-reminder>` end, <a_b></a_b>",
            "",
        ] {
            assert_eq!(texts(&[whole]), [whole], "{whole:?}");
        }
    }

    #[test]
    fn nothing_of_it_is_lost() {
        for text in [
            "<a-b>",
            "</a-b>",
            "<a-b></a-b>",
            "x\n<a-b>y</a-b>",
            "<a-b>x</a-b>é<c-d>",
            "<",
            ">",
        ] {
            let found = texts(&[text, "between"]).concat();
            let letters = |text: &str| text.replace('\n', "");
            assert_eq!(
                letters(&found),
                letters(&format!("{text}between")),
                "{text:?}"
            );
        }
    }
}
