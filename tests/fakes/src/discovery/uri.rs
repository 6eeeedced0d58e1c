//! A request's target in its parts.

use std::borrow::Cow;

/// What is asked of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Uri {
    /// Decoded, without the slashes.
    pub(super) segments: Vec<String>,
    /// Decoded, in the order in which they are.
    pub(super) query: Vec<(String, String)>,
}

impl Uri {
    pub(super) fn parse(text: &str) -> Self {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let decoded = |segment: &str| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned();
        Self {
            segments: path.strip_prefix('/').unwrap_or(path).split('/').map(decoded).collect(),
            query: form_urlencoded::parse(query.as_bytes())
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        }
    }

    /// What the names in `pattern`, as `projects/{project}/global/images`, stand for here; `None` if it is of another form.
    ///
    /// The more of it is not a name, the larger is the number.
    pub(super) fn fits<'p>(&self, base: &str, pattern: &'p str) -> Option<(usize, Vec<(&'p str, &str)>)> {
        let (mut literal, mut names) = (0, Vec::new());
        let parts = base.split('/').filter(|part| !part.is_empty()).map(Cow::Borrowed);
        let parts = parts.map(|part| (part, None)).chain(pattern.split('/').map(|part| (Cow::Borrowed(part), name(part))));
        let mut segments = self.segments.iter();
        for (part, name) in parts {
            let segment = segments.next()?;
            match name {
                Some(name) => names.push((name, segment.as_str())),
                None if *part == *segment => literal += 1,
                None => return None,
            }
        }
        segments.next().is_none().then_some((literal, names))
    }
}

fn name(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}
