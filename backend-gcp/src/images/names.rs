//! How images are named: one exactly, or the newest of a family.

use std::fmt;

use immutable_core::{ImageRef, Result};

use super::place;
use crate::client::is_plain;

/// An image by its name, and the project that it is in: `projects/acme/global/images/web-1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) project: String,
    pub(super) name: String,
}

impl Name {
    pub(super) fn new(project: &str, name: &str) -> Self {
        Self { project: project.to_owned(), name: name.to_owned() }
    }

    /// The name that an id is.
    pub(super) fn of(image: &ImageRef) -> Option<Self> {
        let id = image.id().as_str();
        match Source::read(id, "")? {
            Source::Image(name) if name.to_string() == id => Some(name),
            _ => None,
        }
    }

    /// The image, seen from a project.
    pub(super) fn seen_from(&self, project: &str) -> Result<ImageRef> {
        Ok(ImageRef::new(place(project)?, self.to_string()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "projects/{}/global/images/{}", self.project, self.name)
    }
}

/// What a disk is made of, as templates say it and people write it. AttachedDisk, `initializeParams.sourceImage`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Image(Name),
    /// The newest image of a family that is for use.
    Family(Name),
}

impl Source {
    /// Reads `projects/acme/global/images/web-1` and `projects/acme/global/images/family/web`, as a whole URL too, and without the project, which is then this one.
    pub(super) fn read(text: &str, project: &str) -> Option<Self> {
        let text = match text.strip_prefix("https://") {
            Some(_) => text.get(text.find("/projects/")? + 1..)?,
            None => text,
        };
        let (project, rest) = match text.strip_prefix("projects/") {
            Some(rest) => rest.split_once('/').filter(|(project, _)| is_plain(project))?,
            None => (project, text),
        };
        let rest = rest.strip_prefix("global/images/")?;
        match rest.strip_prefix("family/") {
            Some(family) => is_name(family).then(|| Self::Family(Name::new(project, family))),
            None => is_name(rest).then(|| Self::Image(Name::new(project, rest))),
        }
    }
}

/// Image, `name` and `family`: "1-63 characters long, and comply with RFC1035".
pub(super) fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(fits) && !text.ends_with('-') && text.len() <= 63
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_and_a_family_are_told_apart() {
        let read = |text| Source::read(text, "acme");
        let image = |project, name| Some(Source::Image(Name::new(project, name)));
        assert_eq!(read("projects/debian-cloud/global/images/debian-12-v1"), image("debian-cloud", "debian-12-v1"));
        assert_eq!(read("global/images/web-1"), image("acme", "web-1"));
        assert_eq!(read("https://www.googleapis.com/compute/v1/projects/a/global/images/family"), image("a", "family"));
        assert_eq!(
            read("https://compute.googleapis.com/compute/v1/projects/example.com:a/global/images/b"),
            image("example.com:a", "b")
        );
        let family = |project, name| Some(Source::Family(Name::new(project, name)));
        assert_eq!(read("projects/debian-cloud/global/images/family/debian-12"), family("debian-cloud", "debian-12"));
        assert_eq!(read("global/images/family/web"), family("acme", "web"));
    }

    #[test]
    fn what_is_no_name_is_not_read() {
        for wrong in [
            "",
            "debian-12",
            "debian-cloud/debian-12",
            "projects/acme/global/images/",
            "projects/acme/global/images/Web",
            "projects/acme/global/images/web-",
            "projects/acme/global/images/1234567890",
            "projects/acme/global/images/family/web/x",
            "projects/acme/global/snapshots/web",
            "projects//global/images/web",
            "https://example.com/web",
        ] {
            assert_eq!(Source::read(wrong, "acme"), None, "{wrong}");
        }
        assert!(!is_name(&"x".repeat(64)) && is_name(&"x".repeat(63)));
    }

    #[test]
    fn an_id_is_a_whole_name_of_one_image() {
        let of = |id: &str| Name::of(&ImageRef::new(place("acme").unwrap(), id));
        assert_eq!(of("projects/debian-cloud/global/images/a"), Some(Name::new("debian-cloud", "a")));
        for other in
            ["global/images/a", "projects/acme/global/images/family/a", "https://x.com/projects/acme/global/images/a", "ami-1"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
