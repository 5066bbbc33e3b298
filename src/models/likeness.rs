//! Which names are like another.

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
}
