# MatrixMarket files, and the folders that Cell Ranger writes.

"""
    read_mtx(path; rows = :var, type, index_type = Int, cells = :columns)

Reads a MatrixMarket file in coordinate format, plain or gzipped.

- `rows`: what its rows are: `:var` if it is genes x cells, as Cell Ranger's are, `:obs` if cells x genes.
- `type`: of the values; by default Int64 for a file of integers, Float64 for any other.
- `index_type`: of the result's indices, Int32 or Int64.

Returns a sparse matrix compressed along its cells: genes x cells, a `SparseMatrixCSC`, or the transpose of one for
`cells = :rows`. Repeated entries are summed. Throws a [`ScNativeError`](@ref) with the status `SCN_ERR_NOT_FOUND` for a
missing file, `SCN_ERR_IO` for a malformed one, naming the line. Memory: 12 to 20 bytes for each entry beside the
result.

# Examples
```jldoctest
julia> using SparseArrays

julia> path = joinpath(mktempdir(), "counts.mtx.gz");

julia> write_mtx(path, sparse([1 0; 0 2]));

julia> read_mtx(path) == [1 0; 0 2]
true
```
"""
function read_mtx(path; rows = :var, type = nothing, index_type = Int, cells = :columns)
    handle = Handle{ScnSparse}()
    invoke(scn_read_mtx, "read_mtx", String(path), axis_tag(rows, "rows"), wanted_tag(type), handle)
    return sparse_result(handle, cells_in_columns(cells), index_type)
end

wanted_tag(type) = type === nothing ? Int32(0) : value_tag(type, "type")

"""
    write_mtx(path, X; rows = :var, cells = :columns)

Writes the non-zeros of a matrix to a MatrixMarket file, gzipped if its name ends in `.gz`: an integer file for
integers, else a real one whose numbers read back as the same.

- `rows`: what the file's rows shall be: `:var` writes genes x cells, `:obs` cells x genes.

A file that is there already is replaced, once the new one is complete.

# Examples
```jldoctest
julia> path = joinpath(mktempdir(), "counts.mtx");

julia> write_mtx(path, [1 0; 0 2]);

julia> last(readlines(path))
"2 2 2"
```
"""
function write_mtx(path, X; rows = :var, cells = :columns)
    invoke(scn_write_mtx, "write_mtx", View(X, cells), String(path), axis_tag(rows, "rows"))
    return nothing
end

"""
    read_10x_mtx(path; gex_only = true, prefix, type = Float32, index_type = Int, cells = :columns)

Reads a folder that Cell Ranger (or STARsolo) wrote: `matrix.mtx`, `barcodes.tsv` and `features.tsv` (or `genes.tsv`,
before Cell Ranger 3), each plain or with `.gz`.

- `gex_only`: whether to keep only features of type `"Gene Expression"`. Has no effect on folders without types.
- `prefix`: what the names of the three files begin with.
- `type`, `index_type`: of the values and the indices.

Returns `(counts, barcodes, genes)`: the sparse matrix, compressed along its cells; the cells' barcodes; and a table of
the genes with `gene_ids`, `gene_symbols` and, where the folder has them, `feature_types`. Symbols may repeat. Throws as
[`read_mtx`](@ref), and `SCN_ERR_MATRIX` if the files do not belong together.

# Examples
```jldoctest
julia> folder = mktempdir();

julia> write_mtx(joinpath(folder, "matrix.mtx"), [1 0; 0 2]);

julia> write(joinpath(folder, "barcodes.tsv"), "AAAC-1\\nAAAG-1\\n");

julia> write(joinpath(folder, "genes.tsv"), "ENSG1\\tCD3E\\nENSG2\\tACTB\\n");

julia> read_10x_mtx(folder).genes
(gene_ids = ["ENSG1", "ENSG2"], gene_symbols = ["CD3E", "ACTB"])
```
"""
function read_10x_mtx(path; gex_only = true, prefix = nothing, type = Float32, index_type = Int, cells = :columns)
    folder = Handle{Scn10x}()
    begins = prefix === nothing ? C_NULL : String(prefix)
    invoke(scn_read_10x_mtx, "read_10x_mtx", String(path), begins, wanted_tag(type), folder)
    barcodes = names_of(folder, SCN_10X_BARCODES)
    genes = (gene_ids = names_of(folder, SCN_10X_GENE_IDS), gene_symbols = names_of(folder, SCN_10X_GENE_NAMES))
    types = names_of(folder, SCN_10X_FEATURE_TYPES)
    counts = sparse_result(folder, cells_in_columns(cells), index_type; describe = scn_10x_view)
    if !isempty(types)
        genes = merge(genes, (feature_types = types,))
        kept = types .== "Gene Expression"
        if gex_only && !all(kept)
            counts = subset(counts; vars = kept, cells = cells)
            genes = map(column -> column[kept], genes)
        end
    end
    return (counts = counts, barcodes = barcodes, genes = genes)
end

function names_of(folder::Handle{Scn10x}, which)
    needed, count = Ref{Csize_t}(0), Ref{Int64}(0)
    GC.@preserve folder begin
        plain(scn_10x_names, folder.pointer, which, C_NULL, 0, needed, count)
        buffer = zeros(UInt8, needed[])
        plain(scn_10x_names, folder.pointer, which, buffer, length(buffer), C_NULL, C_NULL)
    end
    return String.(split(String(buffer[1:end-1]), '\n')[1:count[]])
end
