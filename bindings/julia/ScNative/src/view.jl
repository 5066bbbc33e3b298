# Julia's matrices as the library's views, without copying them, and its sparse results as SparseMatrixCSC.

value_tag(::Type{Float32}) = SCN_F32
value_tag(::Type{Float64}) = SCN_F64
value_tag(::Type{Int8}) = SCN_I8
value_tag(::Type{UInt8}) = SCN_U8
value_tag(::Type{Int16}) = SCN_I16
value_tag(::Type{UInt16}) = SCN_U16
value_tag(::Type{Int32}) = SCN_I32
value_tag(::Type{UInt32}) = SCN_U32
value_tag(::Type{Int64}) = SCN_I64
value_tag(::Type{UInt64}) = SCN_U64
value_tag(::Type) = Int32(0)

const VALUE_TYPES = (Float32, Float64, Int8, UInt8, Int16, UInt16, Int32, UInt32, Int64, UInt64)
value_type(tag::Integer) = VALUE_TYPES[findfirst(T -> value_tag(T) == tag, VALUE_TYPES)]

const ALLOWED = "Float32, Float64 or an integer type of at most 64 bits"

"A type tag that must be one, for an argument called `name`."
function value_tag(T::Type, name)
    tag = value_tag(T)
    tag == 0 && fail(:SCN_ERR_TYPE, "$name: is $T, must be $ALLOWED")
    return tag
end

"""
A borrowed matrix. `source` is the array whose memory it is (a copy where neither rows nor columns are contiguous),
`cells_in_columns` says how the caller's matrix lies.
"""
mutable struct View
    matrix::ScnMatrix
    source::Any
    cells_in_columns::Bool
end

Base.cconvert(::Type{Ptr{ScnMatrix}}, view::View) = view
Base.unsafe_convert(::Type{Ptr{ScnMatrix}}, view::View) = Ptr{ScnMatrix}(pointer_from_objref(view.matrix))

function View(X, cells::Symbol; name = "X", inplace = false)
    columns = cells_in_columns(cells)
    matrix = defaults(ScnMatrix)
    return View(matrix, describe!(matrix, X, columns, name, inplace), columns)
end

function cells_in_columns(cells::Symbol)
    cells in (:columns, :rows) || invalid("cells: is :$cells, must be :columns (genes x cells) or :rows")
    return cells === :columns
end

n_obs(view::View) = Int(view.matrix.n_obs)
n_vars(view::View) = Int(view.matrix.n_vars)
is_sparse(view::View) = view.matrix.storage == SCN_SPARSE

"Whether what is contiguous (or compressed) is the columns of the caller's matrix."
by_columns(view::View) = (view.matrix.major == SCN_OBS) == view.cells_in_columns

# ---- describe!(matrix, X, columns, name, inplace): fills in the descriptor and returns the array whose memory it is

function describe!(m::ScnMatrix, X::AbstractSparseMatrixCSC{Tv,Ti}, columns, name, inplace) where {Tv,Ti}
    check_eltype(Tv, name)
    Ti in (Int32, Int64) || fail(
        :SCN_ERR_TYPE,
        "$name: has indices of type $Ti, must be Int32 or Int64; use SparseMatrixCSC{$Tv,Int}($name)",
    )
    shape!(m, size(X), columns, true)
    m.storage = SCN_SPARSE
    m.index_base = 1
    # The arrays may be longer than the matrix: what counts is where the offsets end.
    stored = Int(getcolptr(X)[end]) - 1
    there = (length(rowvals(X)), length(nonzeros(X)))
    stored > minimum(there) && fail(
        :SCN_ERR_MATRIX,
        "$name: colptr ends at $(stored + 1) but there are $(there[1]) row indices and $(there[2]) values",
    )
    m.nnz = stored
    m.indptr, m.indices, m.values = pointer(getcolptr(X)), pointer(rowvals(X)), pointer(nonzeros(X))
    m.indptr_type = m.index_type = value_tag(Ti)
    m.value_type = value_tag(Tv)
    return X
end

function describe!(m::ScnMatrix, X::StridedMatrix{T}, columns, name, inplace) where {T}
    check_eltype(T, name)
    rows, n_columns = size(X)
    down, across = strides(X)
    if (down == 1 || rows <= 1) && (across >= rows || n_columns <= 1)
        lines_are_columns, stride = true, n_columns > 1 ? across : rows
    elseif (across == 1 || n_columns <= 1) && (down >= n_columns || rows <= 1)
        lines_are_columns, stride = false, rows > 1 ? down : n_columns
    elseif inplace
        fail(:SCN_ERR_TYPE, "$name: is a view in which neither rows nor columns are contiguous, it cannot be changed in place")
    else
        return describe!(m, Matrix(X), columns, name, inplace)
    end
    shape!(m, size(X), columns, lines_are_columns)
    m.storage = SCN_DENSE
    m.stride = stride
    m.values = pointer(X)
    m.value_type = value_tag(T)
    return X
end

const Transposed = Union{Adjoint,Transpose,PermutedDimsArray{<:Any,2,(2, 1)}}

describe!(m::ScnMatrix, X::Transposed, columns, name, inplace) = describe!(m, parent(X), !columns, name, inplace)

function describe!(m::ScnMatrix, X::SubArray{<:Any,2,<:Transposed}, columns, name, inplace)
    i, j = parentindices(X)
    return describe!(m, view(parent(parent(X)), j, i), !columns, name, inplace)
end

describe!(::ScnMatrix, X::SubArray{<:Any,2,<:AbstractSparseMatrixCSC}, columns, name, inplace) =
    fail(:SCN_ERR_TYPE, "$name: is a view of a sparse matrix, which has no arrays of its own; copy it: copy($name)")

function describe!(::ScnMatrix, X, columns, name, inplace)
    hint = X isa AbstractMatrix ? "; use sparse($name) or Matrix{Float32}($name)" : ""
    fail(
        :SCN_ERR_TYPE,
        "$name: is a $(typeof(X)), must be a SparseMatrixCSC, a Matrix, or a transpose or adjoint of one$hint",
    )
end

function check_eltype(T, name)
    value_tag(T) == 0 || return nothing
    fail(:SCN_ERR_TYPE, "$name: has elements of type $T, must be $ALLOWED; use Float32.($name)")
end

function shape!(m::ScnMatrix, (rows, columns), cells_in_columns, lines_are_columns)
    m.n_obs, m.n_vars = cells_in_columns ? (columns, rows) : (rows, columns)
    m.major = lines_are_columns == cells_in_columns ? SCN_OBS : SCN_VAR
    return m
end

# ---- results

"How many values the view stores."
n_stored(view::View) = Int(is_sparse(view) ? view.matrix.nnz : view.matrix.n_obs * view.matrix.n_vars)

"A new matrix of the view's shape and structure, with these values, in the order in which the view stores them."
function like(view::View, values::Vector)
    made = is_sparse(view) ? with_values(view.source, values) : lines(view, values)
    return by_columns(view) ? made : transpose(made)
end

with_values(S, values) = SparseMatrixCSC(size(S)..., copy(getcolptr(S)), rowvals(S)[1:length(values)], values)

function lines(view::View, values)
    n, m = n_obs(view), n_vars(view)
    return view.matrix.major == SCN_OBS ? reshape(values, m, n) : reshape(values, n, m)
end

"The integer type of a sparse result's indices: that of the matrix that it comes from, else Int."
index_type(view::View) = is_sparse(view) ? eltype(rowvals(view.source)) : Int

"A sparse result in the caller's orientation, copied out of the library and freed there."
function sparse_result(handle::Handle, cells_in_columns::Bool, ::Type{Ti}; describe = scn_sparse_view) where {Ti}
    m = defaults(ScnMatrix)
    check(describe(handle.pointer, m))
    m.nnz < typemax(Ti) ||
        fail(:SCN_ERR_OVERFLOW, "index_type: is $Ti, which cannot count to $(m.nnz) non-zeros; use Int64")
    n_lines, length_of_lines = m.major == SCN_OBS ? (m.n_obs, m.n_vars) : (m.n_vars, m.n_obs)
    colptr = counted_from_1(Ti, Ptr{Int64}(m.indptr), n_lines + 1)
    rowval = counted_from_1(Ti, m.index_type == SCN_I32 ? Ptr{Int32}(m.indices) : Ptr{Int64}(m.indices), m.nnz)
    nzval = copied(Ptr{value_type(m.value_type)}(m.values), m.nnz)
    major = m.major
    release!(handle)
    made = SparseMatrixCSC(Int(length_of_lines), Int(n_lines), colptr, rowval, nzval)
    return (major == SCN_OBS) == cells_in_columns ? made : transpose(made)
end

function counted_from_1(::Type{Ti}, from::Ptr, n) where {Ti}
    made = Vector{Ti}(undef, n)
    for i in 1:n
        @inbounds made[i] = unsafe_load(from, i) + 1
    end
    return made
end

function copied(from::Ptr{T}, n) where {T}
    made = Vector{T}(undef, n)
    n > 0 && GC.@preserve made unsafe_copyto!(pointer(made), from, n)
    return made
end

"The number of an axis' name: `:obs` (cells) or `:var` (genes)."
function axis_tag(axis, name = "axis")
    axis === :obs && return SCN_OBS
    axis === :var && return SCN_VAR
    invalid("$name: is $(repr(axis)), must be :obs (cells) or :var (genes)")
end

# Named options are told as `:t_test`, `"t_test"` or, as scanpy writes it, `"t-test"`.
"The number of a named option."
function code(value, known::NamedTuple, name)
    key = value isa Union{Symbol,AbstractString} ? Symbol(replace(String(value), '-' => '_')) : value
    key isa Symbol && haskey(known, key) && return known[key]
    invalid("$name: is $(repr(value)), must be one of $(join(repr.(keys(known)), ", "))")
end
