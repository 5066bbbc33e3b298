//! Which names are like another, and which fit a pattern.

/// The three names that need the fewest changes (letters put in, left out, replaced; case does not count) to become `name`.
pub fn nearest<'a>(name: &str, names: &'a [String]) -> Vec<&'a str> {
    let name: Vec<char> = name.to_uppercase().chars().collect();
    let mut by_changes: Vec<(usize, &str)> =
        names.iter().map(|other| (changes(&name, &other.to_uppercase()), other.as_str())).collect();
    by_changes.sort_by_key(|&(changes, _)| changes);
    by_changes.into_iter().take(3).map(|(_, name)| name).collect()
}

/// How many letters must be put in, left out or replaced: Levenshtein's distance.
pub fn changes(name: &[char], other: &str) -> usize {
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (i, letter) in other.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &mine) in name.iter().enumerate() {
            let replaced = diagonal + usize::from(mine != letter);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[name.len()]
}

/// Whether a path fits a pattern: `*` stands for anything, slashes too, and `?` for one character.
pub fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<char>, Vec<char>) = (pattern.chars().collect(), path.chars().collect());
    let (mut p, mut s) = (0, 0);
    // Where the last star was, and up to where it reaches: on a mismatch it takes one character more.
    let mut star: Option<(usize, usize)> = None;
    while s < path.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, s));
                p += 1;
            }
            Some(&c) if c == '?' || c == path[s] => {
                p += 1;
                s += 1;
            }
            _ => match star {
                Some((at, reach)) => {
                    star = Some((at, reach + 1));
                    p = at + 1;
                    s = reach + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first() {
        let names = ["KLF1", "CEBPE", "CEBPA", "TP53"].map(String::from);
        assert_eq!(nearest("cebpa", &names)[..2], ["CEBPA", "CEBPE"]);
        assert_eq!(nearest("KLF", &names)[0], "KLF1");
        let changes = |name: &str, other| changes(&name.chars().collect::<Vec<_>>(), other);
        assert_eq!((changes("AB", "XABC"), changes("kitten", "sitting"), changes("", "abc")), (2, 3, 3));
        assert!(nearest("X", &[]).is_empty());
    }

    #[test]
    fn patterns() {
        for (pattern, path) in
            [("*", "a/b"), ("*.json", "x/y.json"), ("a/*/c?", "a/b/b/cd"), ("abc", "abc"), ("*a*b", "xaab")]
        {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("", "a"), ("*.json", "a.jso"), ("a?", "a"), ("abc", "abcd"), ("*a*b", "xba")] {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
    }
}
