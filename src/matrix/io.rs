//! MatrixMarket files, plain or gzipped, and the folders that Cell Ranger writes.
//!
//! The reader is our own and not sprs's: files of this field are gzipped and large, and an error in them must be told
//! with its line.

use super::{Axis, Canonical, IndexSlice, IndexVec, Lines, Matrix, Sparse, Value, ValueType};
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Ctx;
use crate::{bail, ensure, with_exact_lines};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Reads a MatrixMarket file (coordinate format; real, integer or pattern; general, symmetric or skew-symmetric).
///
/// `rows` says what the file's rows are: `Obs` reads cells x genes; `Var` reads genes x cells, as Cell Ranger writes them.
/// The result is compressed along the cells; repeated entries are summed. `kind` is the type of its values; `None` takes
/// i64 for an integer file and f64 for any other. A file whose first bytes are gzip's is decompressed.
///
/// Memory: 16 bytes for each entry beside the result.
pub fn read_mtx(ctx: &Ctx, path: &Path, rows: Axis, kind: Option<ValueType>) -> Result<Sparse> {
    let mut text = Text::open(path)?;
    let header = Header::read(&mut text)?;
    let natural = if header.field == Field::Integer { ValueType::I64 } else { ValueType::F64 };
    match kind.unwrap_or(natural) {
        ValueType::F32 => entries::<f32>(ctx, text, &header, rows),
        ValueType::F64 => entries::<f64>(ctx, text, &header, rows),
        ValueType::I8 => entries::<i8>(ctx, text, &header, rows),
        ValueType::U8 => entries::<u8>(ctx, text, &header, rows),
        ValueType::I16 => entries::<i16>(ctx, text, &header, rows),
        ValueType::U16 => entries::<u16>(ctx, text, &header, rows),
        ValueType::I32 => entries::<i32>(ctx, text, &header, rows),
        ValueType::U32 => entries::<u32>(ctx, text, &header, rows),
        ValueType::I64 => entries::<i64>(ctx, text, &header, rows),
        ValueType::U64 => entries::<u64>(ctx, text, &header, rows),
    }
}

/// A text file, read line by line; errors name the file and the line.
struct Text {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    line: Vec<u8>,
    number: u64,
}

impl Text {
    fn open(path: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| cannot(path, "read", &error);
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed)?);
        let gzipped = reader.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn BufRead> = match gzipped {
            true => Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(reader))),
            false => Box::new(reader),
        };
        Ok(Self { path: path.to_path_buf(), reader, line: Vec::new(), number: 0 })
    }

    /// The next line without its end, or `None` at the end of the file.
    fn next(&mut self) -> Result<Option<&[u8]>> {
        self.line.clear();
        match self.reader.read_until(b'\n', &mut self.line) {
            Ok(0) => return Ok(None),
            Ok(_) => self.number += 1,
            Err(error) => bail!(Io, "{}: cannot be read after line {}: {error}", self.path.display(), self.number),
        }
        Ok(Some(self.line.trim_ascii_end()))
    }

    fn wrong<T>(&self, what: impl std::fmt::Display) -> Result<T> {
        bail!(Io, "{}, line {}: {what}", self.path.display(), self.number)
    }
}

fn cannot(path: &Path, what: &str, error: &std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("path: {} cannot be {what}: {error}", path.display()))
}

#[derive(Clone, Copy, PartialEq)]
enum Field {
    Integer,
    Real,
    Pattern,
}

#[derive(Clone, Copy, PartialEq)]
enum Symmetry {
    General,
    Symmetric,
    SkewSymmetric,
}

struct Header {
    field: Field,
    symmetry: Symmetry,
    rows: u64,
    columns: u64,
    entries: u64,
}

impl Header {
    fn read(text: &mut Text) -> Result<Self> {
        let banner = text.next()?.unwrap_or_default();
        let banner = String::from_utf8_lossy(banner).to_lowercase();
        let words: Vec<&str> = banner.split_whitespace().collect();
        let &["%%matrixmarket", "matrix", "coordinate", field, symmetry] = &words[..] else {
            let shown: String = banner.chars().take(80).collect();
            return text
                .wrong(format!("is {shown:?}, must be \"%%MatrixMarket matrix coordinate <field> <symmetry>\""));
        };
        let field = match field {
            "integer" => Field::Integer,
            "real" => Field::Real,
            "pattern" => Field::Pattern,
            _ => return text.wrong(format!("the field is {field:?}, must be real, integer or pattern")),
        };
        let symmetry = match symmetry {
            "general" => Symmetry::General,
            "symmetric" => Symmetry::Symmetric,
            "skew-symmetric" => Symmetry::SkewSymmetric,
            _ => {
                return text
                    .wrong(format!("the symmetry is {symmetry:?}, must be general, symmetric or skew-symmetric"));
            }
        };
        loop {
            let Some(line) = text.next()? else { return text.wrong("the file ends before its size line") };
            if line.is_empty() || line[0] == b'%' {
                continue;
            }
            let mut words = Words(line);
            let size = [words.whole(), words.whole(), words.whole()];
            let ([Some(rows), Some(columns), Some(entries)], true) = (size, words.ended()) else {
                return text.wrong("is not a size line, must be three whole numbers: rows, columns, entries");
            };
            if symmetry != Symmetry::General && rows != columns {
                return text.wrong(format!("a symmetric matrix is {rows} x {columns}, must be square"));
            }
            if rows.max(columns) >= i64::MAX as u64 {
                return text.wrong(format!("a matrix of {rows} x {columns} is too large"));
            }
            return Ok(Self { field, symmetry, rows, columns, entries });
        }
    }
}

/// The words of a line.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn word(&mut self) -> &'a [u8] {
        let text = self.0.trim_ascii_start();
        let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.0 = rest;
        word
    }

    /// A number without sign, point or exponent.
    fn whole(&mut self) -> Option<u64> {
        let word = self.word();
        let digit = |sum: u64, &c: &u8| match c {
            b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(c - b'0')),
            _ => None,
        };
        if word.is_empty() { None } else { word.iter().try_fold(0, digit) }
    }

    fn ended(&self) -> bool {
        self.0.trim_ascii_start().is_empty()
    }
}

/// A value of the file in the type that is wanted, if it is a number of the file's field.
fn value<V: Value>(field: Field, word: &[u8]) -> Option<V> {
    if field == Field::Pattern {
        return word.is_empty().then(|| V::from_f64(1.0));
    }
    // Counts are small and whole: nearly all values of nearly all files.
    if word.len() <= 15 && !word.is_empty() && word.iter().all(u8::is_ascii_digit) {
        return Some(V::from_f64(word.iter().fold(0u64, |sum, c| sum * 10 + u64::from(c - b'0')) as f64));
    }
    let word = std::str::from_utf8(word).ok()?;
    match field {
        Field::Integer => word.parse::<i64>().ok().map(super::dense::convert),
        _ => word.parse::<f64>().ok().map(V::from_f64),
    }
}

fn entries<V: Value>(ctx: &Ctx, mut text: Text, header: &Header, rows: Axis) -> Result<Sparse> {
    let (n_obs, n_vars) = match rows {
        Axis::Obs => (header.rows as usize, header.columns as usize),
        Axis::Var => (header.columns as usize, header.rows as usize),
    };
    let mut cells: Vec<u32> = Vec::new();
    let mut genes: Vec<u32> = Vec::new();
    let mut values: Vec<V> = Vec::new();
    ensure!(
        n_obs.max(n_vars) <= i32::MAX as usize,
        Overflow,
        "{}: has {n_obs} cells and {n_vars} genes, at most {} of each can be read",
        text.path.display(),
        i32::MAX
    );
    let mut add = |row: u64, column: u64, x: V| {
        let (cell, gene) = if rows == Axis::Obs { (row, column) } else { (column, row) };
        cells.push(cell as u32);
        genes.push(gene as u32);
        values.push(x);
    };
    let mut seen = 0;
    loop {
        if seen % (1 << 16) == 0 {
            ctx.part(0.0, 0.9).poll(seen as f64 / header.entries.max(1) as f64)?;
        }
        let Some(line) = text.next()? else { break };
        if line.is_empty() || line[0] == b'%' {
            continue;
        }
        let mut words = Words(line);
        let place = words.whole().zip(words.whole());
        let x = value::<V>(header.field, words.word());
        let (Some((row, column)), Some(x), true) = (place, x, words.ended()) else {
            let shown = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
            let wanted = match header.field {
                Field::Integer => "a row, a column and a whole number",
                Field::Real => "a row, a column and a number",
                Field::Pattern => "a row and a column",
            };
            return text.wrong(format!("is {shown:?}, must be {wanted}"));
        };
        if row == 0 || row > header.rows || column == 0 || column > header.columns {
            return text.wrong(format!(
                "has the entry ({row}, {column}), must be within (1, 1) and ({}, {})",
                header.rows, header.columns
            ));
        }
        seen += 1;
        if seen > header.entries {
            return text.wrong(format!("is one entry more than the {} that the size line says", header.entries));
        }
        add(row - 1, column - 1, x);
        if header.symmetry != Symmetry::General && row != column {
            let negate = header.symmetry == Symmetry::SkewSymmetric;
            add(column - 1, row - 1, if negate { V::from_f64(-x.to_f64()) } else { x });
        }
    }
    if seen < header.entries {
        return text.wrong(format!("the file ends after {seen} entries, the size line says {}", header.entries));
    }
    ctx.part(0.9, 1.0).step(0, 1, || compress(ctx, (n_obs, n_vars), cells, genes, values))
}

/// Triplets sorted by cell (a counting sort, so that repeats keep their order), then made canonical.
fn compress<V: Value>(
    ctx: &Ctx,
    (n_obs, n_vars): (usize, usize),
    cells: Vec<u32>,
    genes: Vec<u32>,
    values: Vec<V>,
) -> Result<Sparse> {
    let mut indptr = vec![0i64; n_obs + 1];
    cells.iter().for_each(|&cell| indptr[cell as usize + 1] += 1);
    (0..n_obs).for_each(|cell| indptr[cell + 1] += indptr[cell]);
    let (indices, values) = if cells.is_sorted() {
        (genes.iter().map(|&gene| gene as i32).collect(), values)
    } else {
        let mut next = indptr.clone();
        let (mut sorted_genes, mut sorted_values) = (vec![0i32; genes.len()], vec![V::default(); genes.len()]);
        for ((&cell, &gene), &x) in cells.iter().zip(&genes).zip(&values) {
            let at = &mut next[cell as usize];
            (sorted_genes[*at as usize], sorted_values[*at as usize]) = (gene as i32, x);
            *at += 1;
        }
        (sorted_genes, sorted_values)
    };
    drop((cells, genes));
    let view = Matrix::sparse(
        Axis::Obs,
        (n_obs, n_vars),
        IndexSlice::I64(&indptr),
        IndexSlice::I32(&indices),
        V::wrap_slice(&values),
        0,
        false,
    )?;
    if let Canonical::Owned(sorted) = view.canonical(ctx)? {
        return Ok(sorted);
    }
    Ok(Sparse { major: Axis::Obs, n_obs, n_vars, indptr, indices: IndexVec::I32(indices), values: V::wrap_vec(values) })
}

/// Writes the non-zeros of a matrix as a MatrixMarket file, gzipped if the path ends in `.gz`. `rows` says what its rows
/// shall be: `Obs` writes cells x genes, `Var` genes x cells. Integer values make an integer file, others a real one in
/// which every number reads back as the same.
///
/// The file is written beside its place and moved there when it is complete.
pub fn write_mtx(ctx: &Ctx, matrix: &Matrix, path: &Path, rows: Axis) -> Result<()> {
    let canonical = matrix.canonical(ctx)?;
    let matrix = &canonical.view();
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.part", std::process::id()));
    let partial = PathBuf::from(partial);
    let failed = |error: std::io::Error| cannot(path, "written", &error);
    let written = (|| {
        let mut file = BufWriter::with_capacity(1 << 18, File::create(&partial).map_err(failed)?);
        if path.extension().is_some_and(|extension| extension == "gz") {
            let mut gz = GzEncoder::new(file, Compression::fast());
            write(ctx, matrix, rows, &mut gz, &failed)?;
            file = gz.finish().map_err(failed)?;
        } else {
            write(ctx, matrix, rows, &mut file, &failed)?;
        }
        file.flush().map_err(failed)?;
        std::fs::rename(&partial, path).map_err(failed)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    written
}

fn write(
    ctx: &Ctx,
    matrix: &Matrix,
    rows: Axis,
    out: &mut dyn Write,
    failed: &dyn Fn(std::io::Error) -> Error,
) -> Result<()> {
    let field = if matrix.values().value_type().is_float() { "real" } else { "integer" };
    let entries = with_exact_lines!(matrix, |lines| count(&lines));
    let (n_rows, n_columns) = (matrix.n(rows), matrix.n(rows.other()));
    write!(out, "%%MatrixMarket matrix coordinate {field} general\n{n_rows} {n_columns} {entries}\n")
        .map_err(failed)?;
    let mut text = Vec::new();
    for major in 0..matrix.n_major() {
        ctx.poll(major as f64 / matrix.n_major() as f64)?;
        text.clear();
        with_exact_lines!(matrix, |lines| print(&lines, major, rows == matrix.major(), &mut text));
        out.write_all(&text).map_err(failed)?;
    }
    Ok(())
}

fn count<L: Lines>(lines: &L) -> usize {
    (0..lines.n_major()).map(|major| lines.values(major).iter().filter(|x| **x != L::V::default()).count()).sum()
}

fn print<L: Lines>(lines: &L, major: usize, major_first: bool, text: &mut Vec<u8>) {
    lines.for_each(major, |minor, x| {
        if x != L::V::default() {
            let (row, column) = if major_first { (major, minor) } else { (minor, major) };
            // To a Vec, which never fails.
            let _ = writeln!(text, "{} {} {}", row + 1, column + 1, x);
        }
    });
}

/// What [`read_10x_mtx`] finds.
pub struct TenX {
    /// Cells x genes, compressed along the cells.
    pub matrix: Sparse,
    pub barcodes: Vec<String>,
    pub gene_ids: Vec<String>,
    pub gene_names: Vec<String>,
    /// "Gene Expression" and others; empty for the folders of Cell Ranger 1 and 2, which have none.
    pub feature_types: Vec<String>,
}

/// Reads a folder that Cell Ranger (or STARsolo) wrote: `matrix.mtx`, `barcodes.tsv`, and `features.tsv` (from version 3
/// on) or `genes.tsv` (before), each plain or with `.gz`; `prefix` is what the names of all three begin with.
pub fn read_10x_mtx(ctx: &Ctx, folder: &Path, prefix: &str, kind: Option<ValueType>) -> Result<TenX> {
    ensure!(folder.is_dir(), NotFound, "path: {} is not a folder", folder.display());
    let found = |name: &str| -> Option<PathBuf> {
        let plain = folder.join(format!("{prefix}{name}"));
        let gzipped = folder.join(format!("{prefix}{name}.gz"));
        [plain, gzipped].into_iter().find(|path| path.is_file())
    };
    let needed = |name: &str| match found(name) {
        Some(path) => Ok(path),
        None => bail!(NotFound, "path: {} has no {prefix}{name}, nor {prefix}{name}.gz", folder.display()),
    };
    let genes = match found("genes.tsv") {
        Some(path) => path,
        None => match found("features.tsv") {
            Some(path) => path,
            None => bail!(
                NotFound,
                "path: {} has no {prefix}features.tsv and no {prefix}genes.tsv, plain or with .gz",
                folder.display()
            ),
        },
    };
    let old = genes.file_name().is_some_and(|name| name.to_string_lossy().contains("genes.tsv"));
    let (barcode_path, matrix_path) = (needed("barcodes.tsv")?, needed("matrix.mtx")?);

    let columns = columns(&genes, if old { 2 } else { 3 })?;
    let barcodes = self::columns(&barcode_path, 1)?.remove(0);
    let matrix = read_mtx(ctx, &matrix_path, Axis::Var, kind)?;
    for (n, path, what, names) in
        [(matrix.n_vars, &genes, "rows", columns[0].len()), (matrix.n_obs, &barcode_path, "columns", barcodes.len())]
    {
        ensure!(
            n == names,
            Matrix,
            "{}: has {n} {what}, but {} has {names} lines; they must be as many",
            matrix_path.display(),
            path.display()
        );
    }
    let mut columns = columns.into_iter();
    let mut next = || columns.next().unwrap_or_default();
    Ok(TenX { matrix, barcodes, gene_ids: next(), gene_names: next(), feature_types: next() })
}

/// The first `n` tab-separated columns of a text file.
fn columns(path: &Path, n: usize) -> Result<Vec<Vec<String>>> {
    let mut text = Text::open(path)?;
    let mut columns = vec![Vec::new(); n];
    while let Some(line) = text.next()? {
        let Ok(line) = std::str::from_utf8(line) else { return text.wrong("is not UTF-8 text") };
        let fields: Vec<String> = line.split('\t').map(str::to_string).collect();
        let found = if line.is_empty() { 0 } else { fields.len() };
        if found < n {
            return text.wrong(format!("has {found} columns, must have {n}"));
        }
        columns.iter_mut().zip(fields).for_each(|(column, field)| column.push(field));
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{ValueSlice, ValueVec};

    /// A folder of this test's own, removed with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("scnative-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            std::fs::write(&path, text).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const TEXT: &str =
        "%%MatrixMarket matrix coordinate integer general\n% by hand\n\n3 2 4\n1 1 5\n3 1 7\n3 1 1\n2 2 -2\n";

    #[test]
    fn entries_are_read_in_either_orientation_and_written_back() {
        let (folder, ctx) = (Folder::new("mtx"), Ctx::new(2));
        let path = folder.file("a.mtx", TEXT);
        let cells = read_mtx(&ctx, &path, Axis::Obs, None).unwrap();
        assert_eq!((cells.n_obs, cells.n_vars, &cells.indptr[..]), (3, 2, &[0, 1, 2, 3][..]));
        assert_eq!((&cells.indices, &cells.values), (&IndexVec::I32(vec![0, 1, 0]), &ValueVec::I64(vec![5, -2, 8])));
        let genes = read_mtx(&ctx, &path, Axis::Var, Some(ValueType::F32)).unwrap();
        assert_eq!((genes.n_obs, genes.n_vars, &genes.indptr[..]), (2, 3, &[0, 2, 3][..]));
        assert_eq!(genes.values, ValueVec::F32(vec![5.0, 8.0, -2.0]));
        for name in ["b.mtx", "b.mtx.gz"] {
            let path = folder.0.join(name);
            write_mtx(&ctx, &cells.view(), &path, Axis::Var).unwrap();
            assert_eq!(read_mtx(&ctx, &path, Axis::Var, None).unwrap(), cells);
            assert_eq!(std::fs::read(&path).unwrap().starts_with(&[0x1f, 0x8b]), name.ends_with("gz"));
        }
        assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 3, "no partial files are left");
    }

    #[test]
    fn sprs_reads_what_we_write_and_we_what_sprs_writes() {
        let (folder, ctx) = (Folder::new("sprs"), Ctx::new(1));
        let values = [0.1f64, 0.0, f64::MIN_POSITIVE, -1e300, 3.0, 0.0];
        let matrix = Matrix::dense(Axis::Obs, (2, 3), ValueSlice::F64(&values), 3).unwrap();
        let path = folder.0.join("ours.mtx");
        write_mtx(&ctx, &matrix, &path, Axis::Obs).unwrap();
        let theirs: sprs::TriMatI<f64, i64> = sprs::io::read_matrix_market(&path).unwrap();
        let theirs: sprs::CsMatI<f64, i64, i64> = theirs.to_csr();
        assert_eq!(theirs.data(), [0.1, f64::MIN_POSITIVE, -1e300, 3.0]);
        let path = folder.0.join("theirs.mtx");
        sprs::io::write_matrix_market(&path, theirs.view()).unwrap();
        let back = read_mtx(&ctx, &path, Axis::Obs, None).unwrap();
        assert_eq!((&back.indptr[..], &back.values), (&[0, 2, 4][..], &ValueVec::F64(theirs.data().to_vec())));
    }

    #[test]
    fn symmetric_and_pattern_files() {
        let (folder, ctx) = (Folder::new("symmetric"), Ctx::new(1));
        let read = |banner: &str, rest: &str| {
            let path = folder.file("s.mtx", &format!("%%MatrixMarket matrix coordinate {banner}\n{rest}"));
            read_mtx(&ctx, &path, Axis::Obs, Some(ValueType::F64)).map(|m| (m.indptr, m.values))
        };
        let floats = |x: &[f64]| ValueVec::F64(x.to_vec());
        assert_eq!(
            read("real symmetric", "2 2 2\n1 1 1.5\n2 1 2e3\n").unwrap(),
            (vec![0, 2, 3], floats(&[1.5, 2e3, 2e3]))
        );
        assert_eq!(read("real skew-symmetric", "2 2 1\n2 1 3\n").unwrap(), (vec![0, 1, 2], floats(&[-3.0, 3.0])));
        assert_eq!(read("pattern general", "1 3 2\n1 3\n1 1\n").unwrap(), (vec![0, 2], floats(&[1.0, 1.0])));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let (folder, ctx) = (Folder::new("wrong"), Ctx::new(1));
        let cases = [
            ("", "line 0: is \"\", must be \"%%MatrixMarket"),
            ("%%MatrixMarket matrix array real general\n", "line 1: is"),
            ("%%MatrixMarket matrix coordinate complex general\n", "line 1: the field is \"complex\""),
            ("%%MatrixMarket matrix coordinate real hermitian\n", "line 1: the symmetry is"),
            (
                "%%MatrixMarket matrix coordinate real general\n% no size\n",
                "line 2: the file ends before its size line",
            ),
            (&TEXT.replace("3 2 4", "3 2"), "line 4: is not a size line"),
            (&TEXT.replace("3 2 4", "3 2 -4"), "line 4: is not a size line"),
            (&TEXT.replace("3 2 4", "3 2 5"), "line 8: the file ends after 4 entries, the size line says 5"),
            (&TEXT.replace("3 2 4", "3 2 3"), "line 8: is one entry more than the 3"),
            (&TEXT.replace("2 2 -2", "2 3 -2"), "line 8: has the entry (2, 3), must be within (1, 1) and (3, 2)"),
            (&TEXT.replace("2 2 -2", "0 2 -2"), "line 8: has the entry (0, 2)"),
            (&TEXT.replace("3 1 7", "3 1 7.5"), "line 6: is \"3 1 7.5\", must be a row, a column and a whole number"),
            (&TEXT.replace("3 1 7", "3 1"), "line 6"),
            (&TEXT.replace("3 1 7", "3 1 7 7"), "line 6"),
        ];
        for (text, message) in cases {
            let error = read_mtx(&ctx, &folder.file("w.mtx", text), Axis::Obs, None).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Io, "{text}");
            assert!(error.message.contains(message) && error.message.contains("w.mtx"), "{}", error.message);
        }
        let truncated = folder.0.join("t.mtx.gz");
        write_mtx(
            &ctx,
            &read_mtx(&ctx, &folder.file("t.mtx", TEXT), Axis::Obs, None).unwrap().view(),
            &truncated,
            Axis::Obs,
        )
        .unwrap();
        let bytes = std::fs::read(&truncated).unwrap();
        std::fs::write(&truncated, &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(read_mtx(&ctx, &truncated, Axis::Obs, None).unwrap_err().kind, ErrorKind::Io);
        assert_eq!(read_mtx(&ctx, &folder.0.join("none.mtx"), Axis::Obs, None).unwrap_err().kind, ErrorKind::NotFound);
    }

    #[test]
    fn both_of_cell_rangers_folders() {
        let (folder, ctx) = (Folder::new("10x"), Ctx::new(1));
        folder.file("matrix.mtx", TEXT);
        folder.file("barcodes.tsv", "AAA-1\nCCC-1\n");
        assert_eq!(read_10x_mtx(&ctx, &folder.0, "", None).err().unwrap().kind, ErrorKind::NotFound);
        folder.file(
            "features.tsv",
            "E1\tA\tGene Expression\tGRCh38\r\nE2\tB\tGene Expression\nE3\tC\tAntibody Capture\n",
        );
        let new = read_10x_mtx(&ctx, &folder.0, "", Some(ValueType::F32)).unwrap();
        assert_eq!((new.barcodes.len(), &new.gene_ids[2][..], &new.gene_names[1][..]), (2, "E3", "B"));
        assert_eq!((&new.feature_types[2][..], new.matrix.n_obs), ("Antibody Capture", 2));
        folder.file("genes.tsv", "E1\tA\nE2\tB\n");
        let error = read_10x_mtx(&ctx, &folder.0, "", None).err().unwrap();
        assert!(error.kind == ErrorKind::Matrix && error.message.contains("has 3 rows, but"), "{}", error.message);
        folder.file("genes.tsv", "E1\tA\nE2\nE3\tC\n");
        let error = read_10x_mtx(&ctx, &folder.0, "", None).err().unwrap();
        assert!(error.message.ends_with("genes.tsv, line 2: has 1 columns, must have 2"), "{}", error.message);
    }
}
