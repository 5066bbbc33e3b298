//! Names that come from a server or a caller, checked before they become paths.

use crate::ensure;
use crate::error::Result;

/// Whether this is a path within a repository that can be a path within a folder: parts between slashes, none of them
/// empty or a dot or two, no backslash, no control character.
pub fn is_file(path: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.len() <= 255 && part != "." && part != ".." && !part.contains(['\\', '\u{7f}'])
    };
    path.len() <= 1024 && path.split('/').all(part) && !path.contains(|c: char| c.is_control())
}

/// What an ETag header holds, if it can be the name of a blob: without `W/` and quotes, letters, digits, `-` and `_`.
pub fn etag(header: &str) -> Option<String> {
    let bare = header.trim().trim_start_matches("W/").trim_matches('"');
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    ((1..=128).contains(&bare.len()) && bare.bytes().all(plain)).then(|| bare.to_string())
}

/// Whether this is a commit: forty digits of base 16, in small letters.
pub fn is_commit(text: &str) -> bool {
    text.len() == 40 && is_hex(text)
}

/// Whether this is a sha256 in base 16.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Fails unless this is `organisation/name` as the hub allows it: what the name of its folder in the cache is made of.
pub fn check_repository(id: &str) -> Result<()> {
    let part = |part: &str| {
        (1..=96).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            && !part.contains("--")
            && !part.contains("..")
            && !part.starts_with(['-', '.'])
            && !part.ends_with(['-', '.'])
    };
    let whole = id.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name));
    ensure!(
        whole,
        InvalidArgument,
        "repository: is {id:?}, must be organisation/name, of letters, digits and single - . _ between them"
    );
    Ok(())
}

/// Fails unless this can be a branch, tag or commit, and a path below `refs`.
pub fn check_revision(revision: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+".contains(c);
    ensure!(
        is_file(revision) && revision.chars().all(plain),
        InvalidArgument,
        "revision: is {revision:?}, must be a branch, a tag or a commit"
    );
    Ok(())
}

/// Whether a name is a pattern.
pub fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// A server's words as part of a message: one line, not long.
pub fn quoted(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    line.trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_paths_elsewhere() {
        for bad in
            ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".", "a\\b", "a\0b", "a\nb", "./a", &"x".repeat(300)]
        {
            assert!(!is_file(bad), "{bad:?}");
        }
        for good in ["config.json", "a/b/c.bin", "...", ".gitattributes", "protein embeddings/é.pt"] {
            assert!(is_file(good), "{good:?}");
        }
    }

    #[test]
    fn etags() {
        assert_eq!(etag("\"abc\"").as_deref(), Some("abc"));
        assert_eq!(etag("W/\"abc-12\"").as_deref(), Some("abc-12"));
        for bad in ["", "\"\"", "\"../x\"", "a/b", "a.lock", "..", "a b", "a\u{0}"] {
            assert_eq!(etag(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn repositories_and_revisions() {
        for good in ["a/b", "tdc/scGPT", "ctheodoris/Geneformer", "x-y.z/a_b"] {
            check_repository(good).unwrap();
        }
        for bad in ["a", "a/b/c", "../b", "a/..", "a--b/c", "/b", "a/", "a b/c", "a/b\n", "-a/b", "a/.b"] {
            assert!(check_repository(bad).is_err(), "{bad:?}");
        }
        for good in ["main", "refs/pr/1", "v1.0", &"0".repeat(40)] {
            check_revision(good).unwrap();
        }
        for bad in ["", "..", "a/../b", "/main", "a b", "a?b", "a%2fb", "a#b"] {
            assert!(check_revision(bad).is_err(), "{bad:?}");
        }
    }
}
