# Matrices as such: checks, the other major axis, subsets, concatenation, dense tables.

"""
    ScNative.validate(X; cells = :columns)

Checks a matrix in full, and says which element is wrong: offsets, indices in range, and that all values are finite.

Returns `X`. Throws a [`ScNativeError`](@ref). No memory; one parallel read of indices and values.

# Examples
```jldoctest
julia> ScNative.validate([1.0 2.0]) == [1.0 2.0]
true
```
"""
function validate(X; cells = :columns)
    invoke(scn_matrix_validate, "validate", View(X, cells))
    return X
end

"""
    is_canonical(X; cells = :columns)

Whether the indices of each column of a `SparseMatrixCSC` ascend without repeats; `true` for a dense matrix.

Those that Julia makes do; those that are put together from arrays may not, and [`sum_duplicates`](@ref) makes them. Throws a
[`ScNativeError`](@ref) if an index is out of range. No memory; one parallel read of the indices.

# Examples
```jldoctest
julia> using SparseArrays

julia> is_canonical(sparse([1 0; 2 3]))
true

julia> is_canonical(SparseMatrixCSC(3, 1, [1, 4], [2, 1, 2], [1, 2, 3]))
false
```
"""
function is_canonical(X; cells = :columns)
    canonical = Ref{UInt8}(0)
    invoke(scn_matrix_is_canonical, "is_canonical", View(X, cells), canonical)
    return canonical[] != 0
end

"""
    to_major(X, major = :obs; cells = :columns)

Compresses a matrix along its cells (`:obs`) or its genes (`:var`), in parallel.

Returns a sparse matrix like `X`: with `:obs` and cells in columns a `SparseMatrixCSC`, with `:var` the transpose of one
(and the other way round for `cells = :rows`). Indices are sorted, repeated elements summed; zeros that are stored stay,
of a dense matrix the non-zeros are taken. Memory: the result, and 4 bytes per thread and line.

# Examples
```jldoctest
julia> using SparseArrays

julia> X = sparse([1 0 2; 0 3 0]);

julia> by_gene = to_major(X, :var);

julia> by_gene == X
true

julia> parent(by_gene) == sparse(transpose(X))
true
```
"""
function to_major(X, major = :obs; cells = :columns)
    view, handle = View(X, cells), Handle{ScnSparse}()
    invoke(scn_matrix_to_major, "to_major", view, axis_tag(major, "major"), handle)
    return sparse_result(handle, view.cells_in_columns, index_type(view))
end

"""
    sum_duplicates(X; cells = :columns)

Sorts the indices of each line of a sparse matrix and sums what is stored twice, in a copy, in parallel.

Julia's own functions make no such matrices; those that are put together from arrays may be so.

# Examples
```jldoctest
julia> using SparseArrays

julia> X = SparseMatrixCSC(3, 1, [1, 4], [2, 1, 2], [1, 2, 3]);

julia> nonzeros(sum_duplicates(X)) == [2, 4]
true
```
"""
function sum_duplicates(X; cells = :columns)
    view, handle = View(X, cells), Handle{ScnSparse}()
    invoke(scn_matrix_sum_duplicates, "sum_duplicates", view, handle)
    return sparse_result(handle, view.cells_in_columns, index_type(view))
end

"""
    ScNative.subset(X; obs, vars, cells = :columns)

Takes some cells and some genes of a matrix, in parallel.

- `obs`, `vars`: numbers of the cells and genes, in the order wanted (they may repeat), or a mask; by default all.

Returns a matrix of the structure and type of `X`. Zeros that are stored stay; repeated elements are summed.

# Examples
```jldoctest
julia> using SparseArrays

julia> X = sparse([1 0 2; 0 3 0]);

julia> ScNative.subset(X; obs = [3, 1], vars = [true, false]) == X[[1], [3, 1]]
true
```
"""
function subset(X; obs = nothing, vars = nothing, cells = :columns)
    view = View(X, cells)
    of_obs, of_vars = zero_based(obs, n_obs(view), "obs"), zero_based(vars, n_vars(view), "vars")
    if !is_sparse(view)
        i, j = view.cells_in_columns ? (of_vars, of_obs) : (of_obs, of_vars)
        return X[i === nothing ? Colon() : i .+ 1, j === nothing ? Colon() : j .+ 1]
    end
    handle = Handle{ScnSparse}()
    invoke(scn_matrix_subset, "subset", view, address(of_obs), len(of_obs), address(of_vars), len(of_vars), handle)
    return sparse_result(handle, view.cells_in_columns, index_type(view))
end

"""
    ScNative.concat(matrices; axis = :obs, cells = :columns)

Puts matrices one after the other.

- `matrices`: each sparse, or dense (of which the non-zeros are taken); layouts and types may differ.
- `axis`: `:obs`: their cells follow each other (as `hcat`, if cells are columns); `:var`: their genes.

Returns a sparse matrix compressed as the first is, with the smallest type of values that holds those of all, as numpy's
`result_type` says, and the first one's type of indices.

# Examples
```jldoctest
julia> using SparseArrays

julia> A, B = sparse([1 0; 0 2]), sparse([0 3; 4 0]);

julia> ScNative.concat([A, B]) == [A B]
true
```
"""
function concat(matrices; axis = :obs, cells = :columns)
    views = [View(X, cells; name = "matrices[$i]") for (i, X) in enumerate(matrices)]
    handle = Handle{ScnSparse}()
    GC.@preserve views begin
        pointers = Ptr{ScnMatrix}[Base.unsafe_convert(Ptr{ScnMatrix}, view) for view in views]
        invoke(scn_matrix_concat, "concat", pointers, length(pointers), axis_tag(axis), handle; keep = views)
    end
    return sparse_result(handle, cells_in_columns(cells), index_type(first(views)))
end

"""
    to_dense(X; type = eltype(X), cells = :columns)

A `Matrix` of a sparse or dense matrix, in parallel. Integers are cut off at the ends of their range. No memory beside
the result.

# Examples
```jldoctest
julia> using SparseArrays

julia> to_dense(sparse([1 0; 0 300]); type = UInt8)
2×2 Matrix{UInt8}:
 0x01  0x00
 0x00  0xff
```
"""
function to_dense(X; type = nothing, cells = :columns)
    view = View(X, cells)
    T = type === nothing ? value_type(view.matrix.value_type) : type
    tag = value_tag(T, "type")
    made = Matrix{T}(undef, size(X))
    invoke(scn_matrix_to_dense, "to_dense", view, view.cells_in_columns ? SCN_OBS : SCN_VAR, tag, made, length(made))
    return made
end
